// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway.hpp"

#include <algorithm>
#include <cerrno>
#include <future>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/version.hpp>

#include "gateway/named_line.hpp"
#include "spool/file.hpp"

namespace tidegate::gateway {
namespace {

/// Reserved in the spool's folder for lanes that lead to the local broker; the configuration refuses an upstream of
/// that name.
constexpr const char* local_name = "local";
constexpr const char* dead_letter_lane = "dead-letter";
constexpr auto look_interval = std::chrono::seconds{1};
constexpr auto drain_look = std::chrono::milliseconds{200};

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
  options.upstream = upstream.name;
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
  options.return_after = upstream.return_after;
  options.window = upstream.window;
  return options;
}

spool::LaneOptions lane_options(const config::Forward& forward) {
  spool::LaneOptions options;
  options.capacity = forward.capacity;
  options.capacity_messages = forward.capacity_messages;
  if (forward.expiry) options.expiry = *forward.expiry;
  switch (forward.when_full) {
    case config::WhenFull::drop_oldest:
      options.when_full = spool::WhenFull::drop_oldest;
      break;
    case config::WhenFull::reject:
      options.when_full = spool::WhenFull::reject;
      break;
    case config::WhenFull::keep_latest:
      options.when_full = spool::WhenFull::keep_latest;
      break;
  }
  options.priority = static_cast<spool::Priority>(forward.priority);
  options.sync = static_cast<spool::Sync>(forward.sync);
  options.sync_interval = forward.sync_interval;
  return options;
}
static_assert(static_cast<int>(spool::Priority::high) == static_cast<int>(config::Priority::high));
static_assert(static_cast<int>(spool::Sync::off) == static_cast<int>(config::Sync::off));
static_assert(static_cast<int>(Retain::always) == static_cast<int>(config::Retain::always));

/// For lanes that are seldom used: little on disk.
spool::LaneOptions small_lane() {
  spool::LaneOptions options;
  options.segment_size = 1U << 20;
  options.capacity = 64U << 20;
  return options;
}

/// In memory, and so without syncs.
spool::LaneOptions stand_in_options(spool::LaneOptions options) {
  options.segment_size = 1U << 20;
  options.capacity = std::min<std::uint64_t>(options.capacity, 32U << 20);
  options.sync = spool::Sync::off;
  return options;
}

/// Turns beside other lanes while there is a backlog.
unsigned weight(config::Priority priority) noexcept {
  switch (priority) {
    case config::Priority::high:
      return 16;
    case config::Priority::normal:
      return 4;
    case config::Priority::low:
      return 1;
  }
  return 4;
}

}  // namespace

Gateway::Gateway(Loop& loop, config::Config config)
    : loop_(loop),
      config_(std::move(config)),
      started_(machine_clock().boot()),
      receipts_([this](Message message) {
        if (message.topic == control_topic) {
          tell_receipt(message);
        } else {
          publish_local(std::move(message));
        }
      }),
      health_([this] { announce_health(); }),
      broker_(loop, config_.broker, config_.gateway),
      plugins_(loop, config_, health_,
               {[this](Message message) { publish_reading(std::move(message)); },
                [this](std::string_view upstream) { return linked(upstream); }}),
      apps_(loop, config_, health_),
      line_verbs_(config_, plugins_.audience(), control_) {
  make_folder(config_.gateway.runtime, "runtime");
  // The socket first: it is what tells two gateways in one place apart.
  server_ = std::make_unique<control::Server>(loop_, config_.gateway.runtime / "control.sock", control_);
  control_.add("status", [this](const control::Json&) { return status(); });
  control_.add("spool.ls", [this](const control::Json&) { return list_lanes(); });
  control_.add("route", [this](const control::Json& request) { return route(request.value("topic", "")); });
  control_.add("broker.reload", [this](const control::Json&) {
    broker_.reload();
    return control::Json::object();
  });
  add_link_verbs();
  open_spools();
  lane_verbs_.emplace(spool_.get(), stand_in_.get());
  lane_verbs_->add_to(control_);
  open_lanes();
  make_routes();
}

Gateway::~Gateway() {
  stop();
  if (flusher_.joinable()) flusher_.join();
}

void Gateway::open_spools() {
  spool::SpoolOptions options;
  options.capacity = config_.spool.capacity;
  try {
    make_folder(config_.gateway.state, "state");
    spool_ = std::make_unique<spool::Spool>(config_.gateway.state / "spool", spool::machine_disk(), machine_clock(),
                                            std::string{}, options);
  } catch (const SystemError& error) {
    health_.set("spool", fmt::format("{}; until a restart with a folder that can be written, messages are kept in {}, "
                                     "and lost when the machine stops",
                                     error.what(), config_.gateway.runtime.string()));
  }
  try {
    stand_in_ =
        std::make_unique<spool::Spool>(config_.gateway.runtime / "spool", spool::machine_disk(), machine_clock());
  } catch (const SystemError& error) {
    if (!spool_) throw;
    log::warning("nothing can stand in for the disk if that fails: {}", error.what());
  }
}

spool::Lane* Gateway::open_stand_in(const std::string& upstream, const std::string& name,
                                    const spool::LaneOptions& options) {
  try {
    if (stand_in_) return &stand_in_->lane(upstream, name, stand_in_options(options));
  } catch (const SystemError& error) {
    log::warning("nothing can stand in for lane {}/{}: {}", upstream, name, error.what());
  }
  return nullptr;
}

spool::Lane* Gateway::open_lane(const std::string& upstream, const std::string& name, const spool::LaneOptions& options,
                                std::vector<LaneLink>& links, const config::Forward* forward) {
  try {
    if (spool_) {
      links.push_back({&spool_->lane(upstream, name, options), forward, false, {}, {}});
      return links.back().lane;
    }
  } catch (const SystemError& error) {
    health_.set(fmt::format("lane {}/{}", upstream, name),
                fmt::format("{}; its messages are kept in {}, and lost when the machine stops", error.what(),
                            config_.gateway.runtime.string()));
  }
  auto* const lane = open_stand_in(upstream, name, options);
  if (lane != nullptr) links.push_back({lane, forward, true, {}, {}});
  return lane;
}

void Gateway::open_lanes() {
  for (const auto& upstream : config_.upstreams) {
    UpstreamLink link;
    link.name = upstream.name;
    link.config = &upstream;
    std::vector<LaneLink> stand_ins;
    // A lane in its place and one that stands in for it.
    const auto pair = [&](const std::string& folder, const std::string& name, const spool::LaneOptions& options,
                          std::vector<LaneLink>& links, const config::Forward* forward) {
      LanePair lanes{open_lane(folder, name, options, links, forward), nullptr};
      if (auto* const stand_in = open_stand_in(folder, name, options); stand_in != lanes.lane && stand_in != nullptr) {
        lanes.stand_in = stand_in;
        stand_ins.push_back({stand_in, forward, true, {}, {}});
      }
      return lanes;
    };
    for (const auto& forward : upstream.forwards) {
      outlets_.push_back({pair(upstream.name, forward.lane, lane_options(forward), link.lanes, &forward), upstream.name,
                          static_cast<Retain>(forward.retain)});
    }
    std::ranges::move(stand_ins, std::back_inserter(link.lanes));
    stand_ins.clear();
    inlets_.emplace_back();
    if (!upstream.receives.empty())
      inlets_.back() = pair(local_name, upstream.name, small_lane(), link.inlets, nullptr);
    std::ranges::move(stand_ins, std::back_inserter(link.inlets));
    static_cast<void>(open_lane(upstream.name, dead_letter_lane, small_lane(), link.dead_letters));
    upstreams_.push_back(std::move(link));
  }
  open_former_lanes();
}

/// What no block of the configuration names: it drains, as long as somebody takes it, and ages out.
void Gateway::open_former_lanes() {
  for (auto* const spool : {spool_.get(), stand_in_.get()}) {
    if (spool == nullptr) continue;
    const bool stand_in = spool == stand_in_.get();
    for (const auto& name : spool->forgotten()) {
      const bool inlet = name.upstream == local_name;
      const bool letters = !inlet && name.lane == dead_letter_lane;
      auto options = inlet || letters ? small_lane() : spool::LaneOptions{};
      if (stand_in) options = stand_in_options(options);
      try {
        auto& lane = spool->lane(name.upstream, name.lane, options);
        auto& link = link_of(inlet ? name.lane : name.upstream);
        auto& links = inlet ? link.inlets : letters ? link.dead_letters : link.lanes;
        links.push_back({&lane, nullptr, stand_in, {}, {}});
      } catch (const SystemError& error) {
        health_.set("former lane " + name.text(), error.what());
      }
    }
  }
}

Gateway::UpstreamLink& Gateway::link_of(const std::string& upstream) {
  const auto found = std::ranges::find(upstreams_, upstream, &UpstreamLink::name);
  if (found != upstreams_.end()) return *found;
  upstreams_.emplace_back().name = upstream;
  return upstreams_.back();
}

void Gateway::make_routes() {
  std::vector<route::ForwardRule> forwards;
  std::vector<route::ReceiveRule> receives;
  for (std::size_t index = 0; index < config_.upstreams.size(); ++index) {
    for (const auto& forward : config_.upstreams[index].forwards) {
      forwards.push_back({index, forwards.size(), forward.topics, forward.rewrite});
    }
    for (const auto& receive : config_.upstreams[index].receives) {
      receives.push_back({index, receive.topics, receive.rewrite});
    }
  }
  router_ = std::make_unique<route::Router>(std::move(forwards), std::move(receives));
  intake_ =
      std::make_unique<Intake>(*router_, outlets_, inlets_, receipts_, spool().uuid(), config_.gateway.payload_cap);
  for (const auto& outlet : outlets_) {
    if (auto* const lane = outlet.lanes.lane) {
      lane->on_durable([this, lane](std::uint64_t up_to) { receipts_.durable(*lane, up_to); });
    }
  }
}

void Gateway::start() {
  for (std::size_t index = 0; index < config_.upstreams.size(); ++index) make_upstream(index);
  broker_.on_up([this](const std::string& url) { local_up(url); });
  broker_.on_down([this](const std::string& why) { health_.set("local broker", why, true); });
  broker_.start();
  plugins_.start();
  apps_.start();
  look_ = loop_.every(look_interval, [this] { watch_links(); });
}

forward::PumpEvents Gateway::upstream_events(std::size_t index) {
  forward::PumpEvents events;
  events.on_message = [this, index](mqtt::Arrival&& arrival) { intake_->from_upstream(index, std::move(arrival)); };
  events.on_connected = [this, index](const mqtt::Limits&) {
    loop_.post([this, index] { upstream_connected(index); });
  };
  events.on_disconnected = [this, index](const mqtt::Failure&) {
    loop_.post([this, index] { tell_state(upstreams_[index]); });
  };
  const auto& name = upstreams_[index].name;
  events.on_delivered = [this, name](const spool::Record& record) { receipts_.delivered(record.message, name); };
  events.on_discarded = [this, name](const spool::Record& record, spool::Discard, const std::string& why) {
    receipts_.discarded(record.message, name, why);
  };
  return events;
}

forward::PumpLane Gateway::pumped(const LaneLink& link, const config::Upstream* upstream) const {
  forward::PumpLane lane;
  lane.lane = link.lane;
  lane.name = link.lane->status().name;
  if (link.stand_in && stand_in_) lane.gateway = stand_in_->uuid();
  if (upstream != nullptr) lane.qos = upstream->qos;
  if (const auto* forward = link.forward) {
    if (forward->qos) lane.qos = forward->qos;
    lane.weight = weight(forward->priority);
    lane.interleave = forward->backlog == config::Backlog::interleave;
    lane.latest = forward->when_full == config::WhenFull::keep_latest;
    lane.envelope = forward->envelope;
  }
  return lane;
}

void Gateway::make_upstream(std::size_t index) {
  auto& link = upstreams_[index];
  const auto& config = *link.config;
  std::vector<forward::PumpLane> lanes;
  bool exactly_once = false;
  for (const auto& lane : link.lanes) {
    lanes.push_back(pumped(lane, &config));
    exactly_once |= lanes.back().qos == Qos::exactly_once;
  }
  const bool apart = exactly_once && !config.receives.empty();

  forward::PumpOptions options;
  options.name = "upstream " + config.name;
  options.upstream = config.name;
  options.gateway = spool().uuid();
  options.window = config.window;
  options.rate = {config.rate.messages, config.rate.bytes};
  options.properties = config.version == config::Version::v5;
  if (!link.dead_letters.empty()) options.dead_letters = link.dead_letters.front().lane;

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
  for (const auto& lane : link.lanes) lane.lane->on_readable([pump = link.sender.get()] { pump->wake(); });

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
  auto& link = upstreams_[index];
  tell_state(link);
  if (stopping_ || !link.state_topic) return;
  Message state;
  state.topic = *link.state_topic;
  state.payload = "online";
  state.retain = true;
  link.sender->send(std::move(state));
}

void Gateway::local_up(const std::string& url) {
  health_.set("local broker", "", true);
  health_.set("local broker's listener", broker_.door_problem(), true);
  if (url == local_url_) {  // the session reconnects by itself
    if (linked({})) broker_.announce();
    return;
  }
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
      for (const auto& inlet : link.inlets) inlet.lane->rewind();
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
  options.gateway = spool().uuid();
  options.keep_response = true;
  std::vector<forward::PumpLane> lanes;
  for (const auto& link : upstreams_) {
    for (const auto& inlet : link.inlets) lanes.push_back(pumped(inlet, nullptr));
  }
  forward::PumpEvents events;
  events.on_message = [this](mqtt::Arrival&& arrival) { intake_->from_local(std::move(arrival)); };
  events.on_connected = [this](const mqtt::Limits&) { loop_.post([this] { local_connected(); }); };
  auto pump = std::make_unique<forward::Pump>(
      options, std::move(lanes),
      [&](mqtt::SessionListener& listener) { return mqtt::make_paho_session(session, listener); }, std::move(events));
  for (const auto& link : upstreams_) {
    for (const auto& inlet : link.inlets) {
      inlet.lane->on_readable([this] {
        if (const std::lock_guard lock(local_mutex_); local_) local_->wake();
      });
    }
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
  listen(std::move(session));
}

/// What plugins listen for comes by a session of their own that the broker keeps nothing for: a command that was given
/// while nobody was there to obey is not obeyed later.
void Gateway::listen(mqtt::SessionOptions session) {
  listening_.reset();
  auto subscriptions = plugins_.audience().subscriptions();
  if (subscriptions.empty()) return;
  session.name = "local broker (plugins)";
  session.client_id += "-plugins";
  session.will.reset();
  session.clean_start = true;
  session.session_expiry = std::chrono::seconds{0};
  forward::PumpOptions options;
  options.name = session.name;
  forward::PumpEvents events;
  events.on_message = [this](mqtt::Arrival&& arrival) { plugins_.audience().offer(std::move(arrival)); };
  listening_ = std::make_unique<forward::Pump>(
      options, std::vector<forward::PumpLane>{},
      [session](mqtt::SessionListener& listener) { return mqtt::make_paho_session(session, listener); },
      std::move(events));
  listening_->subscribe(std::move(subscriptions));
  listening_->start();
}

bool Gateway::linked(std::string_view upstream) const {
  const auto up = [](const std::unique_ptr<forward::Pump>& pump) {
    return pump && pump->status().state == mqtt::State::connected;
  };
  if (upstream.empty()) return up(local_);
  const auto found = std::ranges::find(upstreams_, upstream, &UpstreamLink::name);
  return found != upstreams_.end() && up(found->sender);
}

void Gateway::local_connected() {
  if (stopping_) return;
  if (!std::exchange(was_up_, true)) control_.tell({{"event", "state"}, {"state", "running"}});
  broker_.announce();
  Message state;
  state.topic = config_.gateway.topic("state");
  state.payload = "online";
  state.retain = true;
  publish_local(std::move(state));

  announce_info();
  announced_health_.clear();
  announce_health();
  for (const auto& [topic, reading] : retained_) publish_local(reading);
}

void Gateway::publish(Message message) {
  if (intake_) intake_->own(message);
  if (local_) local_->send_here(std::move(message));
}

void Gateway::publish_reading(Message message) {
  // What says how things stand is said again to a broker that comes up later, or has lost it.
  if (message.retain) retained_[message.topic] = message;
  line_verbs_.seen(message);
  publish(std::move(message));
}

void Gateway::publish_local(Message message) {
  if (const std::lock_guard lock(local_mutex_); local_) local_->send(std::move(message));
}

/// Who it is, which lines it holds, so that a gpiozero script finds who drives its pins, and where topics are that the
/// configuration has changed: a plugin may come up late.
void Gateway::announce_info() {
  control::Json lines = control::Json::array();
  for (const auto& line : named_lines(config_)) {
    lines.push_back({{"name", line.name},
                     {"kind", line.kind},
                     {"line", line.line},
                     {"topic", line.topic},
                     {"active_low", line.active_low},
                     {"bias", line.bias}});
    if (line.frequency > 0) lines.back()["frequency"] = line.frequency;
  }
  control::Json told{{"id", config_.gateway.id},
                     {"version", version},
                     {"uuid", spool().uuid()},
                     {"started", iso8601(machine_clock().wall() - (machine_clock().boot() - started_))},
                     {"lines", std::move(lines)}};
  announced_topics_ = plugins_.own_topics();
  if (!announced_topics_.empty()) told["topics"] = announced_topics_;
  Message info;
  info.topic = config_.gateway.topic("info");
  info.payload = told.dump();
  info.retain = true;
  publish(std::move(info));
}

void Gateway::announce_health() {
  auto told = health_.json();
  auto text = told.dump();
  if (text == announced_health_ || stopping_) return;
  announced_health_ = text;
  told["event"] = "health";
  control_.tell(told);
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
    } else if (!status.suspect.empty()) {
      health_.set(what, status.suspect);
    } else if (!status.parked.empty()) {
      health_.set(what, fmt::format("lane {} waits: {}", status.parked.begin()->first, status.parked.begin()->second));
    } else {
      health_.set(what, "", true);
    }
  };
  if (const auto clock = machine_clock().quality(); clock != told_clock_) {
    told_clock_ = clock;
    control_.tell({{"event", "clock"}, {"quality", to_string(clock)}, {"by", "the kernel"}});
  }
  for (auto& link : upstreams_) {
    tell_state(link);
    if (link.held) {
      health_.set("upstream " + link.name,
                  fmt::format("paused by command; it goes on with: tidegate upstream resume {}", link.name), true);
      continue;
    }
    if (link.sender) look("upstream " + link.name, link.sender->status());
    if (link.receiver) look("upstream " + link.name + " (receiving)", link.receiver->status());
    if (link.config == nullptr) {
      std::uint64_t waiting = 0;
      for (const auto& lane : link.lanes) waiting += lane.lane->status().waiting;
      health_.set("upstream " + link.name,
                  waiting == 0
                      ? std::string()
                      : fmt::format("{} messages wait for it, but it is not configured: configure it again, or "
                                    "export or drop them with tidegate spool",
                                    waiting));
    }
    for (auto& lane : link.lanes) measure(lane);
    for (auto& inlet : link.inlets) measure(inlet);
    for (const auto& lane : link.lanes) {
      const auto status = lane.lane->status();
      if (!lane.stand_in) health_.set(fmt::format("lane {}/{}", status.upstream, status.name), status.trouble, true);
    }
  }
  if (local_) look("local session", local_->status());
  if (plugins_.own_topics() != announced_topics_) announce_info();
  if (listening_) look("local session (plugins)", listening_->status());
  health_.set("intake", intake_->trouble(), true);
}

/// Tells how it stands with an upstream, if that is news.
void Gateway::tell_state(UpstreamLink& link) {
  if (!link.sender || stopping_) return;
  const auto status = link.sender->status();
  const std::string state = link.held ? "paused" : status.stalled ? "stalled" : mqtt::to_string(status.state);
  if (state == link.told_state) return;
  link.told_state = state;
  control_.tell({{"event", "upstream"},
                 {"name", link.name},
                 {"state", state},
                 {"failure", status.state == mqtt::State::connected ? "" : status.failure.what}});
}

void Gateway::measure(LaneLink& link) const {
  const auto status = link.lane->status();
  const auto now = std::chrono::steady_clock::now();
  link.in.sample(status.accepted, now);
  // What left: refused ones never got in.
  std::uint64_t left = status.delivered;
  for (const auto& [why, count] : status.discarded) {
    if (why != spool::Discard::refused) left += count;
  }
  link.out.sample(left, now);
}

control::Json Gateway::route(const std::string& topic) const {
  auto destinations = control::Json::array();
  for (const auto& destination : router_->forward(topic)) {
    const auto& outlet = outlets_[destination.lane];
    destinations.push_back({{"upstream", outlet.upstream},
                            {"lane", outlet.lanes.lane == nullptr ? "" : outlet.lanes.lane->status().name},
                            {"topic", destination.topic}});
  }
  return {{"destinations", destinations}};
}

/// All at once: a slow upstream takes nothing of the time of the others.
void Gateway::drain(std::chrono::milliseconds time) noexcept {
  std::vector<std::future<void>> ends;
  for (const auto& link : upstreams_) {
    auto* const pump = link.sender.get();
    if (pump == nullptr) continue;
    try {
      ends.push_back(std::async(std::launch::async, [pump, time] { pump->stop(time); }));
    } catch (const std::system_error&) {
      pump->stop(time);
    }
  }
  const auto left_so_far = [&] {
    std::uint64_t left = 0;
    for (const auto& link : upstreams_) {
      if (!link.sender) continue;
      const auto status = link.sender->status();
      left += status.delivered + status.sent;
    }
    return left;
  };
  std::uint64_t seen = left_so_far();
  for (auto& end : ends) {
    while (end.wait_for(drain_look) != std::future_status::ready) {
      if (!on_draining_) continue;
      const auto now = left_so_far();
      on_draining_(std::exchange(seen, now) != now);
    }
  }
}

void Gateway::stop() noexcept {
  if (stopping_) return;
  look_ = {};
  plugins_.stop();
  apps_.stop();
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
  control_.tell({{"event", "state"}, {"state", "stopping"}});
  listening_.reset();
  // The local session first: nothing new comes in while the upstreams drain.
  if (local_) local_->stop(std::min(left(), std::chrono::milliseconds{1'000}));
  for (const auto& link : upstreams_) {
    if (link.receiver) link.receiver->stop(std::chrono::milliseconds{0});
  }
  drain(left());
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
