// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/version.hpp>

#include "spool/file.hpp"

namespace tidegate::gateway {
namespace {

/// Reserved in the spool's folder for lanes that lead to the local broker; the configuration refuses an upstream of
/// that name.
constexpr const char* local_name = "local";
constexpr const char* dead_letter_lane = "dead-letter";
constexpr auto look_interval = std::chrono::seconds{1};

void make_folder(const std::filesystem::path& path, const char* key) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    throw SystemError(error ? error.value() : errno,
                      fmt::format("cannot use the folder {}; make it writable for this user, or set [gateway] {}",
                                  path.string(), key));
  }
}

mqtt::Version version_of(config::Version version) noexcept {
  return version == config::Version::v5 ? mqtt::Version::v5 : mqtt::Version::v3_1_1;
}

mqtt::SessionOptions session_options(const config::Upstream& upstream) {
  mqtt::SessionOptions options;
  options.name = "upstream " + upstream.name;
  options.servers = upstream.servers;
  options.client_id = upstream.client_id;
  options.version = version_of(upstream.version);
  options.username = upstream.username;
  options.password = upstream.password;
  options.tls.ca_file = upstream.tls.ca_file.string();
  options.tls.cert_file = upstream.tls.cert_file.string();
  options.tls.key_file = upstream.tls.key_file.string();
  options.tls.verify = upstream.tls.verify;
  options.keep_alive = upstream.keep_alive;
  options.backoff_first = upstream.backoff_first;
  options.backoff_most = upstream.backoff_most;
  options.window = upstream.window;
  return options;
}

spool::LaneOptions lane_options(const config::Forward& forward) {
  spool::LaneOptions options;
  options.capacity = forward.capacity;
  if (forward.expiry) options.expiry = *forward.expiry;
  options.when_full =
      forward.when_full == config::WhenFull::reject ? spool::WhenFull::reject : spool::WhenFull::drop_oldest;
  options.sync_interval = forward.sync;
  return options;
}

/// For lanes that are seldom used: little on disk.
spool::LaneOptions small_lane() {
  spool::LaneOptions options;
  options.segment_size = 1U << 20;
  options.capacity = 64U << 20;
  return options;
}

}  // namespace

Gateway::Gateway(Loop& loop, config::Config config)
    : loop_(loop),
      config_(std::move(config)),
      started_(machine_clock().boot()),
      receipts_([this](Message message) { publish_local(std::move(message)); }),
      health_([this] { announce_health(); }),
      broker_(loop, config_.broker, config_.gateway),
      inputs_(loop, config_, health_, [this](Message message) { publish(std::move(message)); }) {
  make_folder(config_.gateway.state, "state");
  make_folder(config_.gateway.runtime, "runtime");
  // The socket first: it is what tells two gateways in one place apart.
  server_ = std::make_unique<control::Server>(loop_, config_.gateway.runtime / "control.sock", control_);
  control_.add("status", [this](const control::Json&) { return status(); });
  control_.add("spool.ls", [this](const control::Json&) {
    auto lanes = control::Json::array();
    const auto all = status();
    for (const auto& upstream : all["upstreams"]) {
      for (auto lane : upstream["lanes"]) {
        lane["upstream"] = upstream["name"];
        lanes.push_back(std::move(lane));
      }
    }
    return control::Json{{"lanes", lanes}};
  });
  spool_ = std::make_unique<spool::Spool>(config_.gateway.state / "spool", spool::machine_disk(), machine_clock());
  open_lanes();
  make_routes();
}

Gateway::~Gateway() {
  stop();
}

void Gateway::open_lanes() {
  for (const auto& upstream : config_.upstreams) {
    UpstreamLink link;
    link.config = &upstream;
    for (const auto& forward : upstream.forwards) {
      link.lanes.push_back(&spool_->lane(upstream.name, forward.lane, lane_options(forward)));
    }
    // Their blocks left the configuration; they drain and age out.
    for (const auto& name : spool_->forgotten(upstream.name)) {
      if (name != dead_letter_lane) link.lanes.push_back(&spool_->lane(upstream.name, name, {}));
    }
    if (!upstream.receives.empty()) link.inlet = &spool_->lane(local_name, upstream.name, small_lane());
    upstreams_.push_back(std::move(link));
  }
}

void Gateway::make_routes() {
  std::vector<route::ForwardRule> forwards;
  std::vector<route::ReceiveRule> receives;
  std::vector<spool::Lane*> inlets;
  for (std::size_t index = 0; index < upstreams_.size(); ++index) {
    const auto& link = upstreams_[index];
    for (std::size_t lane = 0; lane < link.config->forwards.size(); ++lane) {
      const auto& forward = link.config->forwards[lane];
      forwards.push_back({index, outlets_.size(), forward.topics, forward.rewrite});
      outlets_.push_back({link.lanes[lane], link.config->name});
    }
    for (const auto& receive : link.config->receives) receives.push_back({index, receive.topics, receive.rewrite});
    inlets.push_back(link.inlet);
  }
  router_ = std::make_unique<route::Router>(std::move(forwards), std::move(receives));
  intake_ = std::make_unique<Intake>(*router_, outlets_, std::move(inlets), receipts_, spool_->uuid(),
                                     config_.gateway.payload_cap);
  for (const auto& outlet : outlets_) {
    outlet.lane->on_durable([this, lane = outlet.lane](std::uint64_t up_to) { receipts_.durable(*lane, up_to); });
  }
}

void Gateway::start() {
  for (std::size_t index = 0; index < upstreams_.size(); ++index) make_upstream(index);
  broker_.on_up([this](const std::string& url) { local_up(url); });
  broker_.on_down([this](const std::string& why) { health_.set("local broker", why, true); });
  broker_.start();
  inputs_.start();
  look_ = loop_.every(look_interval, [this] { watch_links(); });
}

forward::PumpEvents Gateway::upstream_events(std::size_t index) {
  forward::PumpEvents events;
  events.on_message = [this, index](mqtt::Arrival&& arrival) { intake_->from_upstream(index, std::move(arrival)); };
  events.on_connected = [this, index](const mqtt::Limits&) {
    loop_.post([this, index] { upstream_connected(index); });
  };
  const auto& name = upstreams_[index].config->name;
  events.on_delivered = [this, name](const spool::Record& record) { receipts_.delivered(record.message, name); };
  events.on_discarded = [this, name](const spool::Record& record, spool::Discard, const std::string& why) {
    receipts_.discarded(record.message, name, why);
  };
  return events;
}

void Gateway::make_upstream(std::size_t index) {
  auto& link = upstreams_[index];
  const auto& config = *link.config;
  std::vector<forward::PumpLane> lanes;
  bool exactly_once = false;
  for (std::size_t lane = 0; lane < link.lanes.size(); ++lane) {
    const auto qos = lane < config.forwards.size() ? config.forwards[lane].qos.value_or(config.qos) : config.qos;
    exactly_once |= qos == Qos::exactly_once;
    lanes.push_back({link.lanes[lane], link.lanes[lane]->status().name, qos});
  }
  const bool apart = exactly_once && !config.receives.empty();

  forward::PumpOptions options;
  options.name = "upstream " + config.name;
  options.gateway = spool_->uuid();
  options.window = config.window;
  options.properties = config.version == config::Version::v5;
  options.dead_letters = &spool_->lane(config.name, dead_letter_lane, small_lane());

  auto session = session_options(config);
  // What was under way at QoS 2 cannot be taken up again by a new process, so such a session starts clean.
  session.clean_start = exactly_once || config.receives.empty();
  if (session.clean_start) session.session_expiry = std::chrono::seconds{0};
  if (apart) session.client_id += "-tx";
  if (const auto named = router_->forward(config_.gateway.topic("state")); !named.empty()) {
    for (const auto& destination : named) {
      if (outlets_[destination.lane].upstream != config.name) continue;
      link.state_topic = destination.topic;
      Message will;
      will.topic = destination.topic;
      will.payload = "offline";
      will.retain = true;
      session.will = std::move(will);
    }
  }
  const auto make = [](const mqtt::SessionOptions& with) {
    return [with](mqtt::SessionListener& listener) { return mqtt::make_paho_session(with, listener); };
  };
  link.sender = std::make_unique<forward::Pump>(options, std::move(lanes), make(session), upstream_events(index));
  for (auto* lane : link.lanes) lane->on_readable([pump = link.sender.get()] { pump->wake(); });

  if (!config.receives.empty()) {
    std::vector<mqtt::Subscription> subscriptions;
    for (const auto& receive : config.receives) {
      for (const auto& filter : receive.topics) {
        if (std::ranges::find(subscriptions, filter, &mqtt::Subscription::filter) != subscriptions.end()) continue;
        mqtt::Subscription subscription;
        subscription.filter = filter;
        subscription.qos = receive.qos;
        subscription.no_local = config.version == config::Version::v5;
        subscriptions.push_back(std::move(subscription));
      }
    }
    auto* receiver = link.sender.get();
    if (apart) {
      auto receiving = session_options(config);
      forward::PumpEvents events;
      events.on_message = upstream_events(index).on_message;
      options.name += " (receiving)";
      link.receiver = std::make_unique<forward::Pump>(options, std::vector<forward::PumpLane>{}, make(receiving),
                                                      std::move(events));
      receiver = link.receiver.get();
    }
    receiver->subscribe(std::move(subscriptions));
  }
  link.sender->start();
  if (link.receiver) link.receiver->start();
}

void Gateway::upstream_connected(std::size_t index) {
  const auto& link = upstreams_[index];
  if (stopping_ || !link.state_topic) return;
  Message state;
  state.topic = *link.state_topic;
  state.payload = "online";
  state.retain = true;
  link.sender->send(std::move(state));
}

void Gateway::local_up(const std::string& url) {
  health_.set("local broker", "", true);
  if (url == local_url_) return;  // the session reconnects by itself
  local_url_ = url;
  std::unique_ptr<forward::Pump> former;
  {
    const std::lock_guard lock(local_mutex_);
    former.swap(local_);
  }
  if (former) {
    // Our broker had to take another port: a new session, and for it what the old one had under way.
    former->stop(std::chrono::milliseconds{0});
    for (const auto& link : upstreams_) {
      if (link.inlet != nullptr) link.inlet->rewind();
    }
  }
  mqtt::SessionOptions session;
  session.name = "local broker";
  session.servers = {url};
  session.client_id = "tidegate-" + config_.gateway.id;
  session.username = config_.broker.username;
  session.password = config_.broker.password;
  // The cap is on payloads, so that what is over it can be refused and counted here; topic and properties come on top.
  session.maximum_packet_size = static_cast<std::uint32_t>(config_.gateway.payload_cap + (256U << 10));
  session.backoff_first = std::chrono::milliseconds{200};
  session.backoff_most = std::chrono::milliseconds{5'000};
  Message will;
  will.topic = config_.gateway.topic("state");
  will.payload = "offline";
  will.retain = true;
  session.will = std::move(will);

  forward::PumpOptions options;
  options.name = "local broker";
  options.gateway = spool_->uuid();
  options.keep_response = true;
  std::vector<forward::PumpLane> lanes;
  for (const auto& link : upstreams_) {
    if (link.inlet != nullptr) lanes.push_back({link.inlet, link.config->name, std::nullopt});
  }
  forward::PumpEvents events;
  events.on_message = [this](mqtt::Arrival&& arrival) { intake_->from_local(std::move(arrival)); };
  events.on_connected = [this](const mqtt::Limits&) { loop_.post([this] { local_connected(); }); };
  auto pump = std::make_unique<forward::Pump>(
      options, std::move(lanes),
      [&](mqtt::SessionListener& listener) { return mqtt::make_paho_session(session, listener); }, std::move(events));
  for (const auto& link : upstreams_) {
    if (link.inlet != nullptr)
      link.inlet->on_readable([this] {
        if (const std::lock_guard lock(local_mutex_); local_) local_->wake();
      });
  }
  std::vector<mqtt::Subscription> subscriptions;
  for (const auto& filter : router_->local_filters()) {
    mqtt::Subscription subscription;
    subscription.filter = filter.filter;
    subscription.no_local = true;
    subscription.identifier = filter.identifier;
    subscriptions.push_back(std::move(subscription));
  }
  pump->subscribe(std::move(subscriptions));
  {
    const std::lock_guard lock(local_mutex_);
    local_ = std::move(pump);
  }
  local_->start();
}

void Gateway::local_connected() {
  if (stopping_) return;
  broker_.announce();
  Message state;
  state.topic = config_.gateway.topic("state");
  state.payload = "online";
  state.retain = true;
  publish_local(std::move(state));

  Message info;
  info.topic = config_.gateway.topic("info");
  info.payload = control::Json{{"id", config_.gateway.id},
                               {"version", version},
                               {"uuid", spool_->uuid()},
                               {"started", iso8601(machine_clock().wall() - (machine_clock().boot() - started_))}}
                     .dump();
  info.retain = true;
  publish(std::move(info));
  announced_health_.clear();
  announce_health();
}

void Gateway::publish(Message message) {
  if (intake_) intake_->own(message);
  publish_local(std::move(message));
}

void Gateway::publish_local(Message message) {
  if (const std::lock_guard lock(local_mutex_); local_) local_->send(std::move(message));
}

void Gateway::announce_health() {
  auto text = health_.json().dump();
  if (text == announced_health_ || stopping_) return;
  announced_health_ = text;
  Message health;
  health.topic = config_.gateway.topic("health");
  health.payload = std::move(text);
  health.retain = true;
  publish(std::move(health));
}

void Gateway::watch_links() {
  const auto look = [&](const std::string& what, const forward::PumpStatus& status) {
    if (status.stalled) {
      health_.set(what, "stalled: connected, but nothing has been acknowledged for 30 s");
    } else if (status.state != mqtt::State::connected) {
      // Nothing to say before the first attempt has failed.
      health_.set(what, status.failure.what, true);
    } else if (!status.parked.empty()) {
      health_.set(what, fmt::format("lane {} waits: {}", status.parked.begin()->first, status.parked.begin()->second));
    } else {
      health_.set(what, "", true);
    }
  };
  for (const auto& link : upstreams_) {
    look("upstream " + link.config->name, link.sender->status());
    if (link.receiver) look("upstream " + link.config->name + " (receiving)", link.receiver->status());
    for (const auto* lane : link.lanes) {
      const auto status = lane->status();
      health_.set(fmt::format("lane {}/{}", status.upstream, status.name), status.trouble, true);
    }
  }
  if (local_) look("local session", local_->status());
  health_.set("intake", intake_->trouble(), true);
}

void Gateway::stop() noexcept {
  if (stopping_) return;
  look_ = {};
  inputs_.stop();
  const auto deadline = std::chrono::steady_clock::now() + config_.gateway.stop_timeout;
  const auto left = [&] {
    return std::max(std::chrono::milliseconds{0},
                    std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()));
  };
  try {
    // A clean disconnect sends no will.
    Message state;
    state.topic = config_.gateway.topic("state");
    state.payload = "offline";
    state.retain = true;
    publish_local(state);
    for (const auto& link : upstreams_) {
      if (link.state_topic && link.sender) {
        state.topic = *link.state_topic;
        link.sender->send(state);
      }
    }
  } catch (const std::exception& error) {
    log::error("stopping: {}", error.what());
  }
  stopping_ = true;
  // The local session first: nothing new comes in while the upstreams drain.
  if (local_) local_->stop(std::min(left(), std::chrono::milliseconds{1'000}));
  for (const auto& link : upstreams_) {
    if (link.receiver) link.receiver->stop(std::chrono::milliseconds{0});
    if (link.sender) link.sender->stop(left());
  }
  std::unique_ptr<forward::Pump> local;
  {
    const std::lock_guard lock(local_mutex_);
    local.swap(local_);
  }
  local.reset();  // not under the mutex: its session's callbacks take it
  broker_.stop(std::chrono::milliseconds{5'000});
  server_.reset();
}

}  // namespace tidegate::gateway
