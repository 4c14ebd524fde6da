// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <tidegate/loop.hpp>

#include "broker/broker.hpp"
#include "config/config.hpp"
#include "control/server.hpp"
#include "forward/pump.hpp"
#include "gateway/apps.hpp"
#include "gateway/health.hpp"
#include "gateway/intake.hpp"
#include "gateway/lane_verbs.hpp"
#include "gateway/line_verbs.hpp"
#include "gateway/plugins.hpp"
#include "gateway/rate_meter.hpp"
#include "gateway/receipts.hpp"
#include "gateway/waker.hpp"
#include "spool/spool.hpp"

namespace tidegate::gateway {

/// The composition root: builds every room from a configuration and introduces them to each other. Thread: loop.
class Gateway {
 public:
  /// Opens the spool, its lanes and the control socket; nothing is sent yet. A state folder that cannot be used is
  /// stood in for by the runtime folder, and health says so. Throws SystemError when that cannot be used either,
  /// UnavailableError when another gateway has the folders, ConfigError when a room refuses its settings.
  Gateway(Loop& loop, config::Config config);
  ~Gateway();

  /// Starts the local broker, the sessions and the plugins. Needs none of them to work: what does not is in health.
  void start();
  /// Stops taking in, goes on delivering for at most the configured stop timeout, and ends. Blocks the loop meanwhile.
  void stop() noexcept;
  /// Called a few times a second while stop() waits for upstreams: whether anything has left since the last time. Must
  /// not throw.
  void on_draining(std::function<void(bool progress)> callback) { on_draining_ = std::move(callback); }

  /// Where reload() has the configuration from; without, it refuses.
  void reloads_with(std::function<config::Config()> load) { load_ = std::move(load); }
  /// Reads the configuration again and applies what has changed: all of it or nothing. Says in the log, and answers,
  /// what it did: {"applied":true,"added":[…],"changed":[…],"removed":[…],"kept":[…],"connections":[…],"warnings":[…]}
  /// or {"applied":false,"exit":78,"complaints":"…"} or {"applied":false,"exit":1,"restart":[…]}. A reload begins and
  /// ends here. Blocks the loop for as long as reading files takes.
  control::Json reload();

  /// What `tidegate status` shows.
  [[nodiscard]] control::Json status() const;
  /// Its verbs and events, for faces of it.
  [[nodiscard]] control::Control& control() noexcept { return control_; }
  [[nodiscard]] const config::Config& configuration() const noexcept { return config_; }
  /// The same in one line.
  [[nodiscard]] std::string summary() const;
  /// Publishes on the local broker, and appends to the lanes whose routes match.
  void publish(Message&& message);

  // What the machine tells, by whichever service. link_verbs.cpp
  /// Whether there is a network, and who says that there is none.
  void network(bool there, const std::string& why);
  /// Something has become better: all upstreams that wait to connect do so now.
  void hurry();
  /// The machine has slept: connections that look alive are not.
  void woke();
  /// Puts everything on the medium, on a thread of its own, and then calls done on the loop.
  void flush(std::function<void()> done);
  void clock_synchronized(const std::string& by);

 private:
  /// Stands for the control object where a receipt is to be told to. No topic of MQTT: nobody else can ask there.
  static constexpr const char* control_topic = "#control";

  /// One lane of an upstream, and how fast it fills and empties.
  struct LaneLink {
    spool::Lane* lane = nullptr;
    bool stand_in = false;                   ///< in the runtime folder
    std::optional<config::Forward> forward;  ///< without: its block left the configuration, or it has none
    RateMeter in, out;
    bool watched = false;  ///< wakes its pump
  };
  /// The options of an upstream's sessions.
  struct Sessions {
    mqtt::SessionOptions sender;
    std::optional<mqtt::SessionOptions> receiver;  ///< only when QoS 2 keeps the two apart
    bool operator==(const Sessions&) const = default;
  };
  struct UpstreamLink {
    std::string name;
    std::optional<config::Upstream> config;  ///< without: it left the configuration, and has no pump
    std::vector<LaneLink> lanes;             ///< all that its pump empties
    std::vector<LaneLink> inlets;            ///< towards the local broker
    std::vector<LaneLink> dead_letters;      ///< the first takes new ones; none when no folder can be written
    std::vector<LanePair> outlets;           ///< of its forward blocks, in their order
    LanePair inlet;
    std::shared_ptr<Waker> waker = std::make_shared<Waker>();  ///< of lanes
    Sessions sessions;                                         ///< of the pumps that run
    std::unique_ptr<forward::Pump> sender;
    std::unique_ptr<forward::Pump> receiver;    ///< only when QoS 2 keeps the two apart
    std::thread closing;                        ///< its former pumps are being stopped; what comes after them waits
    std::optional<std::string> state_topic;     ///< of this gateway, as the upstream names it
    std::optional<WallTime> certificate_until;  ///< the last moment of its server's certificate, at the last connection
    bool held = false;                          ///< paused by command
    std::string told_state;                     ///< as the last event had it

    [[nodiscard]] std::vector<forward::Pump*> pumps() const {
      std::vector<forward::Pump*> all;
      for (auto* const pump : {sender.get(), receiver.get()}) {
        if (pump != nullptr) all.push_back(pump);
      }
      return all;
    }
  };

  void open_spools();
  [[nodiscard]] spool::Spool& spool() const noexcept { return spool_ ? *spool_ : *stand_in_; }
  /// In the state folder, else in the runtime folder; null when neither can be written. The links have it, once.
  [[nodiscard]] spool::Lane* open_lane(const std::string& upstream, const std::string& name,
                                       const spool::LaneOptions& options, std::vector<LaneLink>& links);
  [[nodiscard]] spool::Lane* open_stand_in(const std::string& upstream, const std::string& name,
                                           const spool::LaneOptions& options);
  [[nodiscard]] LanePair open_pair(const std::string& folder, const std::string& name,
                                   const spool::LaneOptions& options, std::vector<LaneLink>& links);
  void open_former_lanes();
  [[nodiscard]] std::size_t index_of(const std::string& upstream);
  void watch_lanes();
  [[nodiscard]] std::vector<forward::PumpLane> pumped(const UpstreamLink& link) const;
  [[nodiscard]] std::vector<forward::PumpLane> pumped_inlets() const;
  [[nodiscard]] forward::PumpLane pumped(const LaneLink& link, const config::Upstream* upstream) const;
  void open_lanes(UpstreamLink& link);
  [[nodiscard]] std::shared_ptr<const Routes> make_routes(const Routes* former);
  [[nodiscard]] Sessions sessions_of(const UpstreamLink& link) const;
  [[nodiscard]] static std::vector<mqtt::Subscription> subscriptions_of(const config::Upstream& upstream);
  void connect(std::size_t index);
  void close(std::size_t index);
  void closed(std::size_t index);
  [[nodiscard]] std::vector<std::string> refusals(const config::Config& next) const;
  [[nodiscard]] control::Json apply(config::Config next);
  [[nodiscard]] std::vector<std::string> change_upstreams();
  void change_plugins();
  void local_up(const std::string& url);
  void local_connected();
  void listen(mqtt::SessionOptions session);
  [[nodiscard]] std::vector<mqtt::Subscription> local_subscriptions() const;
  [[nodiscard]] bool linked(std::string_view upstream) const;
  void upstream_connected(std::size_t index);
  void publish_local(Message message);
  void publish_reading(Message&& message);
  void forget_former_name();
  void announce_info();
  void announce_health();
  [[nodiscard]] forward::PumpEvents upstream_events(std::size_t index);
  void watch_links();
  void tell_state(UpstreamLink& link);
  void add_link_verbs();
  [[nodiscard]] control::Json publish(const control::Json& request);
  void tell_receipt(const Message& receipt);
  [[nodiscard]] control::Json hold(const control::Json& request, bool held);
  /// Messages that wait for upstreams which are not held back.
  [[nodiscard]] std::uint64_t waiting() const;
  void drain(std::chrono::milliseconds time) noexcept;
  void measure(LaneLink& link) const;
  [[nodiscard]] control::Json lane_json(const LaneLink& link, const spool::LaneStatus& status) const;
  void add_lanes(control::Json& into, const std::vector<LaneLink>& links, bool waiting_only) const;
  [[nodiscard]] control::Json list_lanes() const;
  [[nodiscard]] control::Json route(const std::string& topic) const;

  Loop& loop_;
  config::Config config_;
  std::function<config::Config()> load_;
  const Nanoseconds started_;
  // Before the spool, whose last sync still tells receipts.
  mutable std::mutex local_mutex_;
  /// Set on the loop with local_mutex_ held, so the loop reads it without; other threads take the mutex.
  std::unique_ptr<forward::Pump> local_;
  std::string local_url_;
  mqtt::SessionOptions local_session_;
  Receipts receipts_;
  std::unique_ptr<spool::Spool> spool_;     ///< in the state folder; null when that cannot be used
  std::unique_ptr<spool::Spool> stand_in_;  ///< in the runtime folder; null when that cannot be used
  std::vector<UpstreamLink> upstreams_;     ///< also those that left the configuration; the router has their numbers
  Health health_;
  std::unique_ptr<Intake> intake_;
  broker::Broker broker_;
  Plugins plugins_;
  Apps apps_;
  std::unique_ptr<forward::Pump> listening_;  ///< brings what plugins listen for; null when none does
  control::Control control_;
  std::optional<LaneVerbs> lane_verbs_;
  LineVerbs line_verbs_;
  std::unique_ptr<control::Server> server_;
  std::map<std::string, Message> retained_;  ///< the last reading of each topic that is retained
  std::vector<route::LocalFilter> leaving_;  ///< of former rules: subscribed for as long as copies may be under way
  Source leave_;
  Source look_;
  std::map<std::string, std::string> announced_topics_;
  std::string announced_health_;
  std::uint64_t receipts_asked_ = 0;
  std::vector<std::function<void()>> flushed_;  ///< to be called when flusher_ is done
  std::thread flusher_;
  ClockQuality told_clock_ = ClockQuality::unsynced;
  bool was_up_ = false;  ///< the local session has been
  std::function<void(bool)> on_draining_;
  bool network_ = true;  ///< as network() was told last
  bool stopping_ = false;
};

}  // namespace tidegate::gateway
