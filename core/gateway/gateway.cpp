// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <future>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/topic.hpp>
#include <tidegate/version.hpp>

#include "broker/certificate.hpp"
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
  options.tls.alpn = upstream.tls.alpn;
  options.tls.psk_identity = upstream.tls.psk_identity;
  options.tls.psk_key = upstream.tls.psk_key;
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
      broker_(loop, config_.broker, config_.gateway, Apps::accounts(config_)),
      plugins_(loop, config_, health_,
               {[this](Message&& message) { publish_reading(std::move(message)); },
                [this](std::string_view upstream) { return linked(upstream); }}),
      apps_(loop, config_, health_),
      line_verbs_(config_, plugins_.audience(), control_) {
  make_folder(config_.gateway.runtime, "runtime");
  // The socket first: it is what tells two gateways in one place apart.
  server_ = std::make_unique<control::Server>(loop_, config_.gateway.runtime / "control.sock", control_);
  control_.add("status", [this](const control::Json&) { return status(); });
  control_.add("reload", [this](const control::Json&) { return reload(); });
  control_.add("spool.ls", [this](const control::Json&) { return list_lanes(); });
  control_.add("route", [this](const control::Json& request) { return route(request.value("topic", "")); });
  control_.add("broker.reload", [this](const control::Json&) {
    try {
      broker_.reload();
    } catch (const ConfigError&) {
      health_.set("local broker's listener", broker_.door_problem());
      throw;
    }
    health_.set("local broker's listener", broker_.door_problem());
    return control::Json::object();
  });
  add_link_verbs();
  open_spools();
  lane_verbs_.emplace(spool_.get(), stand_in_.get());
  lane_verbs_->add_to(control_);
  for (const auto& upstream : config_.upstreams) {
    auto& link = upstreams_[index_of(upstream.name)];
    link.config = upstream;
    open_lanes(link);
  }
  open_former_lanes();
  watch_lanes();
  intake_ =
      std::make_unique<Intake>(make_routes(nullptr), receipts_, this->spool().uuid(), config_.gateway.payload_cap);
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
                                std::vector<LaneLink>& links) {
  const auto link = [&](spool::Lane& lane, bool stand_in) {
    if (std::ranges::find(links, &lane, &LaneLink::lane) == links.end())
      links.push_back({&lane, stand_in, {}, {}, {}, false});
    return &lane;
  };
  try {
    if (spool_) {
      return link(spool_->lane(upstream, name, options), false);
    }
  } catch (const SystemError& error) {
    health_.set(fmt::format("lane {}/{}", upstream, name),
                fmt::format("{}; its messages are kept in {}, and lost when the machine stops", error.what(),
                            config_.gateway.runtime.string()));
  }
  auto* const lane = open_stand_in(upstream, name, options);
  return lane == nullptr ? nullptr : link(*lane, true);
}

/// A lane in its place and one that stands in for it.
LanePair Gateway::open_pair(const std::string& folder, const std::string& name, const spool::LaneOptions& options,
                            std::vector<LaneLink>& links) {
  LanePair lanes{open_lane(folder, name, options, links), nullptr};
  auto* const stand_in = open_stand_in(folder, name, options);
  if (stand_in == lanes.lane || stand_in == nullptr) return lanes;
  lanes.stand_in = stand_in;
  if (std::ranges::find(links, stand_in, &LaneLink::lane) == links.end())
    links.push_back({stand_in, true, {}, {}, {}, false});
  return lanes;
}

/// Opens what the blocks of an upstream name, and forgets what they do not name any more: that drains and ages out.
void Gateway::open_lanes(UpstreamLink& link) {
  const auto& upstream = *link.config;
  for (auto& lane : link.lanes) lane.forward.reset();
  link.outlets.clear();
  for (const auto& forward : upstream.forwards) {
    const auto pair = open_pair(upstream.name, forward.lane, lane_options(forward), link.lanes);
    for (auto& lane : link.lanes) {
      if (lane.lane == pair.lane || lane.lane == pair.stand_in) lane.forward = forward;
    }
    if (pair.lane != nullptr) {
      pair.lane->on_durable([this, lane = pair.lane](std::uint64_t up_to) { receipts_.durable(*lane, up_to); });
    }
    link.outlets.push_back(pair);
  }
  link.inlet = {};
  if (!upstream.receives.empty()) link.inlet = open_pair(local_name, upstream.name, small_lane(), link.inlets);
  static_cast<void>(open_lane(upstream.name, dead_letter_lane, small_lane(), link.dead_letters));
  for (auto* const links : {&link.lanes, &link.inlets, &link.dead_letters}) {
    std::ranges::stable_partition(*links, [](const LaneLink& lane) { return !lane.stand_in; });
  }
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
        auto& link = upstreams_[index_of(inlet ? name.lane : name.upstream)];
        auto& links = inlet ? link.inlets : letters ? link.dead_letters : link.lanes;
        links.push_back({&lane, stand_in, {}, {}, {}, false});
      } catch (const SystemError& error) {
        health_.set("former lane " + name.text(), error.what());
      }
    }
  }
}

/// Each new lane has to tell that there is something to read, before anything is appended to it.
void Gateway::watch_lanes() {
  for (auto& link : upstreams_) {
    for (auto& lane : link.lanes) {
      if (!std::exchange(lane.watched, true)) lane.lane->on_readable([waker = link.waker] { waker->wake(); });
    }
    for (auto& lane : link.inlets) {
      if (std::exchange(lane.watched, true)) continue;
      lane.lane->on_readable([this] {
        if (const std::lock_guard lock(local_mutex_); local_) local_->wake();
      });
    }
  }
}

std::size_t Gateway::index_of(const std::string& upstream) {
  const auto found = std::ranges::find(upstreams_, upstream, &UpstreamLink::name);
  const auto index = static_cast<std::size_t>(found - upstreams_.begin());
  if (found == upstreams_.end()) upstreams_.emplace_back().name = upstream;
  return index;
}

std::shared_ptr<const Routes> Gateway::make_routes(const Routes* former) {
  std::vector<route::ForwardRule> forwards;
  std::vector<route::ReceiveRule> receives;
  std::vector<Outlet> outlets;
  std::vector<LanePair> inlets;
  for (std::size_t index = 0; index < upstreams_.size(); ++index) {
    const auto& link = upstreams_[index];
    inlets.push_back(link.inlet);
    if (!link.config) continue;
    for (std::size_t number = 0; number < link.outlets.size(); ++number) {
      const auto& forward = link.config->forwards[number];
      forwards.push_back({index, outlets.size(), forward.topics, forward.rewrite});
      outlets.push_back({link.outlets[number], link.name, static_cast<Retain>(forward.retain)});
    }
    for (const auto& receive : link.config->receives) receives.push_back({index, receive.topics, receive.rewrite});
  }
  return std::make_shared<const Routes>(
      Routes{route::Router(std::move(forwards), std::move(receives), former == nullptr ? nullptr : &former->router),
             std::move(outlets), std::move(inlets)});
}

void Gateway::start() {
  for (std::size_t index = 0; index < upstreams_.size(); ++index) {
    if (upstreams_[index].config) connect(index);
  }
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
  events.on_connected = [this, index](const mqtt::Limits& limits) {
    loop_.post([this, index, until = limits.certificate_until] {
      upstreams_[index].certificate_until = until;
      upstream_connected(index);
    });
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
  const auto status = link.lane->status();
  lane.name = status.name;
  lane.latest = status.when_full == spool::WhenFull::keep_latest;
  if (link.stand_in && stand_in_) lane.gateway = stand_in_->uuid();
  if (upstream != nullptr) lane.qos = upstream->qos;
  if (const auto& forward = link.forward) {
    if (forward->qos) lane.qos = forward->qos;
    lane.weight = weight(forward->priority);
    lane.interleave = forward->backlog == config::Backlog::interleave;
    lane.envelope = forward->envelope;
  }
  return lane;
}

std::vector<forward::PumpLane> Gateway::pumped(const UpstreamLink& link) const {
  std::vector<forward::PumpLane> lanes;
  for (const auto& lane : link.lanes) lanes.push_back(pumped(lane, &*link.config));
  return lanes;
}

std::vector<forward::PumpLane> Gateway::pumped_inlets() const {
  std::vector<forward::PumpLane> lanes;
  for (const auto& link : upstreams_) {
    for (const auto& inlet : link.inlets) lanes.push_back(pumped(inlet, nullptr));
  }
  return lanes;
}

Gateway::Sessions Gateway::sessions_of(const UpstreamLink& link) const {
  const auto& config = *link.config;
  const auto lanes = pumped(link);
  const bool exactly_once =
      std::ranges::any_of(lanes, [](const forward::PumpLane& lane) { return lane.qos == Qos::exactly_once; });
  Sessions sessions;
  auto& sender = sessions.sender = session_options(config);
  // What was under way at QoS 2 cannot be taken up again by a new process, so such a session starts clean.
  sender.clean_start = exactly_once || config.receives.empty();
  if (sender.clean_start) sender.session_expiry = std::chrono::seconds{0};
  if (exactly_once && !config.receives.empty()) {
    sender.client_id += "-tx";
    sessions.receiver = session_options(config);
  }
  const auto& routes = intake_->routes();
  for (const auto& destination : routes.router.forward(config_.gateway.topic("state"))) {
    if (routes.outlets[destination.lane].upstream != config.name) continue;
    Message will;
    will.topic = destination.topic;
    will.payload = "offline";
    will.retain = true;
    sender.will = std::move(will);
  }
  return sessions;
}

std::vector<mqtt::Subscription> Gateway::subscriptions_of(const config::Upstream& upstream) {
  std::vector<mqtt::Subscription> subscriptions;
  for (const auto& receive : upstream.receives) {
    for (const auto& filter : receive.topics) {
      if (std::ranges::find(subscriptions, filter, &mqtt::Subscription::filter) != subscriptions.end()) continue;
      mqtt::Subscription subscription;
      subscription.filter = filter;
      subscription.qos = receive.qos;
      subscription.no_local = upstream.version == config::Version::v5;
      subscriptions.push_back(std::move(subscription));
    }
  }
  return subscriptions;
}

void Gateway::connect(std::size_t index) {
  auto& link = upstreams_[index];
  const auto& config = *link.config;
  forward::PumpOptions options;
  options.name = "upstream " + config.name;
  options.upstream = config.name;
  options.gateway = spool().uuid();
  options.window = config.window;
  options.rate = {config.rate.messages, config.rate.bytes};
  options.properties = config.version == config::Version::v5;
  if (!link.dead_letters.empty()) options.dead_letters = link.dead_letters.front().lane;

  link.sessions = sessions_of(link);
  link.state_topic.reset();
  if (const auto& will = link.sessions.sender.will) link.state_topic = will->topic;
  const auto make = [](const mqtt::SessionOptions& with) {
    return [with](mqtt::SessionListener& listener) { return mqtt::make_paho_session(with, listener); };
  };
  link.sender =
      std::make_unique<forward::Pump>(options, pumped(link), make(link.sessions.sender), upstream_events(index));
  if (link.sessions.receiver) {
    forward::PumpEvents events;
    events.on_message = upstream_events(index).on_message;
    options.name += " (receiving)";
    link.receiver = std::make_unique<forward::Pump>(options, std::vector<forward::PumpLane>{},
                                                    make(*link.sessions.receiver), std::move(events));
  }
  (link.receiver ? link.receiver : link.sender)->subscribe(subscriptions_of(config));
  link.waker->point_at(link.sender.get());
  for (auto* const pump : link.pumps()) {
    pump->network(network_);
    if (link.held) pump->hold(true);
  }
  link.sender->start();
  if (link.receiver) link.receiver->start();
}

void Gateway::upstream_connected(std::size_t index) {
  auto& link = upstreams_[index];
  tell_state(link);
  if (stopping_ || !link.state_topic || !link.sender) return;
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
  session.servers = broker_.servers();
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
  forward::PumpEvents events;
  events.on_message = [this](mqtt::Arrival&& arrival) { intake_->from_local(std::move(arrival)); };
  events.on_connected = [this](const mqtt::Limits&) { loop_.post([this] { local_connected(); }); };
  auto pump = std::make_unique<forward::Pump>(
      options, pumped_inlets(),
      [&](mqtt::SessionListener& listener) { return mqtt::make_paho_session(session, listener); }, std::move(events));
  pump->subscribe(local_subscriptions());
  {
    const std::lock_guard lock(local_mutex_);
    local_ = std::move(pump);
  }
  local_->start();
  local_session_ = session;
  listen(std::move(session));
}

std::vector<mqtt::Subscription> Gateway::local_subscriptions() const {
  std::vector<mqtt::Subscription> subscriptions;
  const auto add = [&](const route::LocalFilter& filter) {
    if (std::ranges::find(subscriptions, filter.filter, &mqtt::Subscription::filter) != subscriptions.end()) return;
    mqtt::Subscription subscription;
    subscription.filter = filter.filter;
    subscription.no_local = true;
    subscription.identifier = filter.identifier;
    subscriptions.push_back(std::move(subscription));
  };
  std::ranges::for_each(intake_->routes().router.local_filters(), add);
  std::ranges::for_each(leaving_, add);
  return subscriptions;
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
  forget_former_name();
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

void Gateway::publish(Message&& message) {
  if (intake_) intake_->own(message);
  if (local_) local_->send_here(std::move(message));
}

void Gateway::publish_reading(Message&& message) {
  // What says how things stand is said again to a broker that comes up later, or has lost it.
  if (message.retain) retained_[message.topic] = message;
  line_verbs_.seen(message);
  publish(std::move(message));
}

void Gateway::publish_local(Message message) {
  if (const std::lock_guard lock(local_mutex_); local_) local_->send(std::move(message));
}

/// Under another id, or base, the broker would go on saying that a gateway of the former one is here, and automations
/// would take its word.
void Gateway::forget_former_name() {
  const auto file = config_.gateway.state / "name";
  const auto name = config_.gateway.topic({});
  std::string former;
  std::getline(std::ifstream(file), former);
  if (former == name) return;
  try {
    for (const char* what : {"info", "health", "state"}) {
      if (former.empty()) break;
      Message gone;
      gone.topic = former + what;
      gone.retain = true;
      check_topic(gone.topic);
      publish(std::move(gone));
    }
  } catch (const TopicError&) {  // the file is damaged, and says nothing
  }
  if (!(std::ofstream(file) << name << '\n')) log::warning("cannot write {}", file.string());
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
  if (broker_.state() == broker::Broker::State::up)
    health_.set("local broker's listener", broker_.door_problem(), true);
  for (auto& link : upstreams_) {
    tell_state(link);
    const auto& until = link.certificate_until;
    const bool soon = link.config && until && *until - machine_clock().wall() < broker::certificate_patience;
    health_.set(fmt::format("the certificate of upstream {}", link.name),
                soon ? fmt::format("the server's certificate is good until {}: have it renewed", iso8601(*until)) : "");
    if (link.held) {
      health_.set("upstream " + link.name,
                  fmt::format("paused by command; it goes on with: tidegate upstream resume {}", link.name), true);
      continue;
    }
    if (link.sender) look("upstream " + link.name, link.sender->status());
    if (link.receiver) look("upstream " + link.name + " (receiving)", link.receiver->status());
    if (!link.config) {
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
  const auto& routes = intake_->routes();
  for (const auto& destination : routes.router.forward(topic)) {
    const auto& outlet = routes.outlets[destination.lane];
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
  leave_ = {};
  listening_.reset();
  // The local session first: nothing new comes in while the upstreams drain.
  if (local_) local_->stop(std::min(left(), std::chrono::milliseconds{1'000}));
  for (const auto& link : upstreams_) {
    if (link.receiver) link.receiver->stop(std::chrono::milliseconds{0});
  }
  drain(left());
  for (const auto& link : upstreams_) link.waker->point_at(nullptr);
  std::unique_ptr<forward::Pump> local;
  {
    const std::lock_guard lock(local_mutex_);
    local.swap(local_);
  }
  local.reset();  // not under the mutex: its session's callbacks take it
  for (auto& link : upstreams_) {
    if (link.closing.joinable()) link.closing.join();
  }
  broker_.stop(std::chrono::milliseconds{5'000});
  server_.reset();
}

}  // namespace tidegate::gateway
