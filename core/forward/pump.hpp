// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "mqtt/session.hpp"
#include "spool/lane.hpp"

namespace tidegate::forward {

/// One lane as a pump sees it.
struct PumpLane {
  spool::Lane* lane = nullptr;  ///< outlives the pump
  std::string name;             ///< goes into dedupe keys
  std::optional<Qos> qos;       ///< sent with; without: as the message has it
};

struct PumpOptions {
  std::string name;            ///< for log lines
  std::string gateway;         ///< uuid, goes into dedupe keys
  std::uint16_t window = 100;  ///< most messages under way; the server's Receive Maximum may lower it
  std::size_t queue = 10'000;  ///< most volatile messages that wait; then the oldest is dropped and counted
  bool properties = true;      ///< whether the session speaks MQTT 5, and so can carry the dedupe key
  bool keep_response = false;  ///< whether response topic and correlation data travel on (they do not, upstream)
  std::chrono::milliseconds retry_first{1'000};  ///< wait before a refused message is published anew; doubles
  std::chrono::milliseconds retry_most{60'000};  ///< and between looks at a parked lane
  spool::Lane* dead_letters = nullptr;  ///< where messages go that will never pass; none: they are discarded, counted
};

/// What a pump tells. Each says its thread; all of them are short.
struct PumpEvents {
  std::function<void(mqtt::Arrival&&)> on_message;        ///< Paho's; what must not be lost is stored before it returns
  std::function<void(const mqtt::Limits&)> on_connected;  ///< Paho's
  std::function<void(const mqtt::Failure&)> on_disconnected;  ///< Paho's
  /// The pump's; only for records whose message has a response topic.
  std::function<void(const spool::Record&)> on_delivered;
  std::function<void(const spool::Record&, spool::Discard, const std::string& why)> on_discarded;
};

struct PumpStatus {
  mqtt::State state = mqtt::State::stopped;
  mqtt::Failure failure;
  std::size_t in_flight = 0;
  std::size_t window = 0;       ///< as allowed on this connection
  std::size_t queued = 0;       ///< volatile messages that wait
  std::uint64_t delivered = 0;  ///< from lanes, since start
  std::uint64_t retried = 0;    ///< sent again: refused, or unknown after a lost connection
  std::uint64_t dropped = 0;    ///< volatile messages dropped because the queue was full
  std::uint64_t dead_lettered = 0;
  bool stalled = false;  ///< connected, messages under way, and no acknowledgement for 30 s
  std::map<std::string, std::string>
      parked;  ///< lanes that wait for somebody to mend the server's rights: name, reason
};

/// Moves records from lanes to one session: keeps a window of messages under way, refills it on each acknowledgement,
/// and lets a record leave its lane only when it was delivered (PUBACK, PUBCOMP). Lanes take turns. What was under way
/// when a connection ended is sent again, in order, before anything new. Owns its session and one thread, on which
/// lanes are read and the session is given messages; that thread waits for its condition, never for the network. Public
/// functions are thread-safe.
class Pump final : private mqtt::SessionListener {
 public:
  using MakeSession = std::function<std::unique_ptr<mqtt::Session>(mqtt::SessionListener&)>;

  /// Throws what make_session throws. The lanes' on_readable must call wake().
  Pump(PumpOptions options, std::vector<PumpLane> lanes, const MakeSession& make_session, PumpEvents events);
  ~Pump() override;  ///< stop(0)

  void start();
  /// Goes on delivering until nothing waits or the deadline comes, then disconnects and ends. What is left stays in its
  /// lane.
  void stop(std::chrono::milliseconds drain) noexcept;
  /// A lane has something to read. Cheap; may be called from Paho's callbacks.
  void wake() noexcept;
  /// Sends a message that lives in memory only, before what lanes have; kept until delivered, over reconnects.
  /// Thread-safe, also from Paho's callbacks.
  void send(Message message);
  void subscribe(std::vector<mqtt::Subscription> subscriptions);

  [[nodiscard]] PumpStatus status() const;

 private:
  static constexpr std::size_t no_lane = static_cast<std::size_t>(-1);
  using Time = std::chrono::steady_clock::time_point;

  struct Item {
    std::size_t lane = no_lane;
    spool::Record record;
    unsigned attempts = 0;
  };
  /// What the pump keeps for each lane. Thread: the pump's.
  struct LaneState {
    PumpLane options;
    std::deque<Item> ready;  ///< read and not under way, in order
    Time not_before{};       ///< after a refusal
    std::string parked;      ///< the server's reason
  };
  struct Told {
    std::uint64_t slot;
    mqtt::Outcome outcome;
  };

  void on_connected(const mqtt::Limits& limits) override;
  void on_disconnected(const mqtt::Failure& failure) override;
  void on_message(mqtt::Arrival&& arrival) override;
  void on_outcome(std::uint64_t slot, const mqtt::Outcome& outcome) override;

  void run() noexcept;
  void settle(const Told& told);
  void refused(Item item, const mqtt::Outcome& outcome);
  void dead_letter(Item item, const std::string& why);
  void fill();
  [[nodiscard]] std::optional<Item> next(Time now);
  bool send_item(Item item);
  [[nodiscard]] Message prepare(const Item& item) const;
  void put_back(Item item);
  void publish_status(Time now);

  // Constant after construction.
  const PumpOptions options_;
  const PumpEvents events_;
  std::unique_ptr<mqtt::Session> session_;

  // Thread: the pump's.
  std::vector<LaneState> lanes_;
  std::size_t turn_ = 0;
  std::map<std::uint64_t, Item> in_flight_;  ///< by slot; slots grow, so this is the order of sending
  std::deque<Item> volatile_ready_;
  std::uint64_t next_slot_ = 1;
  Time last_progress_{};
  Time next_try_ = Time::max();  ///< when the earliest lane that waits may go on
  mqtt::Limits limits_;
  bool connected_ = false;
  std::uint64_t filling_ = 0;  ///< the connection that was seen last

  std::atomic<std::uint64_t> connection_{0};  ///< counts them
  mutable std::mutex mutex_;
  std::condition_variable condition_;
  // Guarded by mutex_.
  std::deque<Told> told_;
  std::deque<Message> queue_;
  std::optional<mqtt::Limits> new_limits_;
  bool link_up_ = false;
  bool readable_ = true;
  bool stopping_ = false;
  Time drain_until_{};
  PumpStatus status_;

  std::thread thread_;
};

}  // namespace tidegate::forward
