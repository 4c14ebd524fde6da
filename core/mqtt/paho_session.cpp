// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include <MQTTAsync.h>
#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "base/events.hpp"
#include "base/pulse.hpp"
#include "mqtt/paho_link.hpp"
#include "mqtt/reason.hpp"
#include "mqtt/resolver.hpp"
#include "mqtt/server.hpp"
#include "mqtt/session.hpp"
#include "mqtt/socket.hpp"

// Of Paho's inside; in its static archive from 1.3.12 on.
extern "C" {
extern pthread_mutex_t* mqttasync_mutex;
extern pthread_mutex_t* mqttcommand_mutex;
void MQTTAsync_freeCommands(void* client);
}

namespace tidegate::mqtt {
namespace {

using std::chrono::milliseconds;

constexpr auto no_patience = std::chrono::hours(24);    ///< for an acknowledgement, where there is no keep-alive
constexpr auto steady_time = std::chrono::seconds(30);  ///< a connection this old, with progress, resets the backoff
constexpr auto paho_grace = std::chrono::seconds(5);    ///< for Paho to notice that its socket was shut down
constexpr auto quick_end = std::chrono::seconds(2);     ///< a server that ends connections sooner does not want us…
constexpr unsigned quick_ends_suspect = 3;              ///< …after so many in a row
constexpr unsigned most_return_doublings = 6;
constexpr std::size_t filters_a_packet = 100;
const Failure ended_by_hand{"ended by this side", 0, false, true, 0, false, false, true, {}};
constexpr const char* unanswered =
    "the server closed the connection before it answered CONNECT; is this an MQTT port, and the version right?";

class PahoSession;

/// Paho's process-wide lock, which it holds on its own threads during a callback.
struct PahoLock {
  PahoLock() { pthread_mutex_lock(mqttasync_mutex); }
  ~PahoLock() { pthread_mutex_unlock(mqttasync_mutex); }
  PahoLock(const PahoLock&) = delete;
  PahoLock& operator=(const PahoLock&) = delete;
};

/// A publish that Paho has, or had. Its address is the context of Paho's callback, so it lives until that came.
struct Pending {
  PahoSession* session = nullptr;
  std::uint64_t slot = 0;
  bool told = false;  ///< the listener knows the outcome; Paho's callback is still to come
  std::list<Pending>::iterator self;
};

/// A SUBSCRIBE or UNSUBSCRIBE under way; the context of its callback.
struct Call {
  PahoSession* session = nullptr;
  std::uint64_t connection = 0;
  std::optional<std::uint64_t> slot;  ///< of subscribe_once() and unsubscribe_once()
  bool subscribes = true;
  std::vector<std::string> filters;
  std::list<Call>::iterator self;
};

/// What a DISCONNECT says in MQTT 5.
struct Goodbye {
  bool silent = false;  ///< none is sent at all
  std::uint8_t reason = 0;
  std::vector<Property> properties;
};

/// Lock order: told_mutex_, publish_mutex_, Paho's lock, listener_mutex_, mutex_. The listener is called with
/// listener_mutex_ held, which is what stop() takes to end the calls; on_outcomes_told() with told_mutex_ instead, so
/// that it may publish.
class PahoSession final {
 public:
  PahoSession(SessionOptions options, std::vector<Server> servers, SessionListener& listener);
  ~PahoSession();
  /// Begins anew after stop(), with other options. Paho's client is made for one client id and one version, with TLS or
  /// without.
  bool can_begin_with(const SessionOptions& options, bool tls) const;
  void begin_with(SessionOptions options, std::vector<Server> servers, SessionListener& listener);
  PahoSession(const PahoSession&) = delete;
  PahoSession& operator=(const PahoSession&) = delete;

  void start();
  void stop(milliseconds timeout) noexcept;
  /// Gives back what a stopped session needs no more.
  void retire() noexcept { nudge_->close(); }
  /// Takes it again, before begin_with(). Throws SystemError.
  void unretire() { nudge_->open(); }
  bool publish(std::uint64_t slot, const Message& message) noexcept;
  void flush() noexcept;
  bool call_soon() noexcept;
  void subscribe(std::vector<Subscription> subscriptions);
  bool subscribe_once(std::uint64_t slot, const std::vector<Subscription>& subscriptions,
                      const std::vector<Property>& properties);
  bool unsubscribe_once(std::uint64_t slot, const std::vector<std::string>& filters,
                        const std::vector<Property>& properties);
  void reconnect(const std::string& why) noexcept;
  void hurry() noexcept;
  void hold(bool held) noexcept;
  void network(bool there) noexcept;
  void hang_up(std::uint8_t reason, std::vector<Property> properties);
  void cut();
  State state() const noexcept { return state_.load(); }
  Failure last_failure() const;
  std::vector<std::string> refused() const;
  bool was_started() const noexcept { return was_started_; }

 private:
  enum class Phase : std::uint8_t { idle, asked, accepted, lost };
  enum class Purpose : std::uint8_t { connect, forget };

  /// How one connection, or one attempt at it, ended.
  struct Ended {
    Failure failure;
    bool established = false;  ///< on_connected was called
    bool steady = false;       ///< it lived long and moved messages
    bool at_once = false;      ///< reconnect() asked for it, or the first server is there again
  };

  void run() noexcept;
  Ended live(const Server& server);
  void tell_opened();
  bool looks_like_a_duel(const Failure& failure);
  bool first_is_back();
  Failure open_socket(const Server& server, Steady::time_point deadline);
  int ask_paho(const Server& server, Purpose purpose, int keep_alive);
  void serve(Ended& ended);
  std::pair<Steady::time_point, std::string> stalls_at();
  void leave();
  bool part(Steady::time_point deadline, const Goodbye& last_words);
  void drop(std::string why);
  Failure take_failure(const Server& server);
  std::string tls_files_problem(const Server& server) const;
  void send_subscriptions(const std::vector<Subscription>& subscriptions);
  void send_unsubscriptions(const std::vector<std::string>& filters);
  void change_subscriptions();
  bool wait_for_answers();
  void forget_queued();
  void tell_rest_unknown();
  void accepted(const Limits& limits, int keep_alive);
  void lost(Failure failure);
  void answered(Call* call, const std::vector<int>& codes, std::vector<Property> properties = {});
  Call* new_call(bool subscribes);
  int send_subscribe(Call* call, const std::vector<const Subscription*>& all, std::uint32_t identifier,
                     const std::vector<Property>& properties);
  int send_unsubscribe(Call* call, const std::vector<std::string>& filters, const std::vector<Property>& properties);
  bool keeps_flight() const { return options_.by_hand && !options_.clean_start; }
  void settle(Pending* pending, const Outcome& outcome);
  void outcomes_told() noexcept;

  void note_progress(Steady::time_point now) { progress_ = now.time_since_epoch().count(); }

  bool stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }
  bool held() const {
    const std::lock_guard lock(mutex_);
    return paused_;
  }
  /// How long to wait for the next attempt.
  milliseconds rest(milliseconds pause) const {
    const std::lock_guard lock(mutex_);
    return network_ || options_.by_hand ? pause : std::max(pause, options_.backoff_most);
  }
  /// Waits until the condition, asked with mutex_ held, is true, or the time. Returns whether it was.
  template <class Condition>
  bool wait(Steady::time_point until, Condition condition) {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (condition()) return true;
      }
      if (Steady::now() >= until) return false;
      pulse_->rest();
      nudge_->wait_until(until);
      pulse_->beat();
    }
  }

  // Paho's callbacks.
  static void on_accepted(void* context, MQTTAsync_successData* data) noexcept;
  static void on_accepted5(void* context, MQTTAsync_successData5* data) noexcept;
  static void on_failed(void* context, MQTTAsync_failureData* data) noexcept;
  static void on_failed5(void* context, MQTTAsync_failureData5* data) noexcept;
  static void on_lost(void* context, char* cause) noexcept;
  static void on_disconnect_packet(void* context, MQTTProperties* properties, MQTTReasonCodes reason) noexcept;
  static int on_arrived(void* context, char* topic, int length, MQTTAsync_message* message) noexcept;
  static void on_published(void* context, MQTTAsync_successData* data) noexcept;
  static void on_published5(void* context, MQTTAsync_successData5* data) noexcept;
  static void on_unpublished(void* context, MQTTAsync_failureData* data) noexcept;
  static void on_unpublished5(void* context, MQTTAsync_failureData5* data) noexcept;
  static void on_answered(void* context, MQTTAsync_successData* data) noexcept;
  static void on_answered5(void* context, MQTTAsync_successData5* data) noexcept;
  static void on_unanswered(void* context, MQTTAsync_failureData* data) noexcept;
  static void on_unanswered5(void* context, MQTTAsync_failureData5* data) noexcept;
  static int on_tls_error(const char* text, size_t length, void* context) noexcept;

  SessionOptions options_;  ///< constant while it runs
  std::vector<Server> servers_;
  MQTTAsync handle_ = nullptr;
  std::shared_ptr<Nudge> nudge_ = std::make_shared<Nudge>();
  std::thread thread_;
  std::atomic<State> state_{State::stopped};
  bool was_started_ = false;

  std::mutex told_mutex_;  ///< held during on_outcomes_told()
  std::mutex listener_mutex_;
  SessionListener* listener_;  ///< null after stop(); guarded by listener_mutex_

  std::mutex publish_mutex_;               ///< held while a message is handed to Paho; taken before any other
  std::atomic<bool> batches_{false};       ///< somebody calls flush(), so publish() need not
  std::atomic<Steady::rep> progress_{0};   ///< when something last came in, or the first publish went out
  std::atomic<bool> moved_{false};         ///< an acknowledgement or a message came on this connection
  std::atomic<bool> acknowledged_{false};  ///< an acknowledgement did
  std::atomic<bool> left_unknown_{false};  ///< a publish had no acknowledgement when it ended
  mutable std::mutex mutex_;               ///< guards what follows
  bool stopping_ = false;
  Steady::time_point stop_deadline_;
  bool open_ = false;  ///< publish() may hand over
  Phase phase_ = Phase::idle;
  Failure failure_;  ///< of this connection; the first one told stays
  std::string tls_error_;
  std::optional<std::string> drop_why_;
  bool hurry_ = false;  ///< the next attempt is due now
  bool paused_ = false;
  bool network_ = true;
  std::optional<Goodbye> goodbye_;  ///< hang_up() asked for it
  Limits limits_;
  std::chrono::seconds agreed_keep_alive_{};  ///< the server's, if it sets one; 0: none
  std::uint64_t connection_ = 0;              ///< counts them
  Steady::time_point accepted_at_;            ///< CONNACK of this connection; none before
  std::list<Pending> untold_;                 ///< published, outcome not told
  std::list<Pending> told_;                   ///< outcome told, Paho's callback still to come
  std::list<Pending> free_;
  std::vector<Subscription> wanted_;
  bool wanted_changed_ = false;
  std::list<Call> calls_;
  unsigned answers_due_ = 0;
  std::map<std::string, std::string> refused_;  ///< filter -> why
  Failure last_failure_;

  // The session's thread only.
  Pulse* pulse_ = nullptr;  ///< while it runs
  Resolver resolver_;
  std::shared_ptr<PahoLink> link_;
  const Server* server_ = nullptr;  ///< also read in accepted(), while Paho has the connection
  std::size_t rotation_ = 0;
  std::vector<Subscription> held_;  ///< what the server has been sent on this connection
  std::set<std::string> known_;     ///< filters that the server's session may hold
  unsigned quick_ends_ = 0;         ///< connections in a row that the server ended soon, for no reason that we know
  bool returning_ = false;          ///< left another server for the first one
  unsigned failed_returns_ = 0;
};

/// No exception may pass through Paho's C frames.
template <class Body>
void guarded(Body body) noexcept {
  try {
    body();
  } catch (const std::exception& error) {
    log::error("in a callback from Paho: {}", error.what());
  } catch (...) {
    log::error("in a callback from Paho: an unknown exception");
  }
}

// --- Properties -----------------------------------------------------------------------------------------------------

MQTTLenString lend(const std::string& text) {
  return {static_cast<int>(text.size()), const_cast<char*>(text.data())};
}

std::string keep(const MQTTLenString& text) {
  return text.data == nullptr ? std::string() : std::string(text.data, static_cast<std::size_t>(text.len));
}

/// A property list that lends our strings to Paho, which copies them in every call that takes one.
class Lent {
 public:
  Lent& byte(MQTTPropertyCodes code, unsigned char value) {
    add(code).value.byte = value;
    return *this;
  }
  Lent& two(MQTTPropertyCodes code, std::uint16_t value) {
    add(code).value.integer2 = value;
    return *this;
  }
  Lent& four(MQTTPropertyCodes code, std::uint32_t value) {
    add(code).value.integer4 = value;
    return *this;
  }
  Lent& text(MQTTPropertyCodes code, const std::string& value) {
    add(code).value.data = lend(value);
    return *this;
  }
  Lent& message(const Properties& properties) {
    if (properties.expiry)
      four(MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL,
           static_cast<std::uint32_t>(std::clamp<long long>(properties.expiry->count(), 0, 0xFFFF'FFFFLL)));
    if (properties.utf8) byte(MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, 1);
    if (!properties.content_type.empty()) text(MQTTPROPERTY_CODE_CONTENT_TYPE, properties.content_type);
    if (!properties.response_topic.empty()) text(MQTTPROPERTY_CODE_RESPONSE_TOPIC, properties.response_topic);
    if (!properties.correlation_data.empty()) text(MQTTPROPERTY_CODE_CORRELATION_DATA, properties.correlation_data);
    for (const auto& [name, value] : properties.user) {
      MQTTProperty& one = add(MQTTPROPERTY_CODE_USER_PROPERTY);
      one.value.data = lend(name);
      one.value.value = lend(value);
    }
    return *this;
  }
  Lent& all(const std::vector<Property>& properties) {
    for (const auto& property : properties) {
      MQTTProperty& one = add(static_cast<MQTTPropertyCodes>(property.identifier));
      if (const auto* const text = std::get_if<std::string>(&property.value)) {
        one.value.data = lend(*text);
      } else if (const auto* const pair = std::get_if<std::pair<std::string, std::string>>(&property.value)) {
        one.value.data = lend(pair->first);
        one.value.value = lend(pair->second);
      } else {
        const auto value = std::get<std::uint32_t>(property.value);
        switch (MQTTProperty_getType(one.identifier)) {
          case MQTTPROPERTY_TYPE_BYTE:
            one.value.byte = static_cast<unsigned char>(value);
            break;
          case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER:
            one.value.integer2 = static_cast<std::uint16_t>(value);
            break;
          default:
            one.value.integer4 = value;
            break;
        }
      }
    }
    return *this;
  }
  MQTTProperties get() { return {static_cast<int>(list_.size()), static_cast<int>(list_.size()), 0, list_.data()}; }

 private:
  MQTTProperty& add(MQTTPropertyCodes code) {
    MQTTProperty& one = list_.emplace_back();
    one.identifier = code;
    return one;
  }
  std::vector<MQTTProperty> list_;
};

std::optional<std::uint32_t> number(MQTTProperties& properties, MQTTPropertyCodes code) {
  const MQTTProperty* const one = MQTTProperties_getProperty(&properties, code);
  if (one == nullptr) return std::nullopt;
  switch (MQTTProperty_getType(code)) {
    case MQTTPROPERTY_TYPE_BYTE:
      return one->value.byte;
    case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER:
      return one->value.integer2;
    default:
      return one->value.integer4;
  }
}

std::vector<Property> read_all(const MQTTProperties& properties) {
  std::vector<Property> all;
  for (int i = 0; i < properties.count; ++i) {
    const MQTTProperty& one = properties.array[i];
    Property& made = all.emplace_back();
    made.identifier = static_cast<std::uint8_t>(one.identifier);
    switch (MQTTProperty_getType(one.identifier)) {
      case MQTTPROPERTY_TYPE_BYTE:
        made.value = std::uint32_t{one.value.byte};
        break;
      case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER:
        made.value = std::uint32_t{one.value.integer2};
        break;
      case MQTTPROPERTY_TYPE_FOUR_BYTE_INTEGER:
      case MQTTPROPERTY_TYPE_VARIABLE_BYTE_INTEGER:
        made.value = std::uint32_t{one.value.integer4};
        break;
      case MQTTPROPERTY_TYPE_UTF_8_STRING_PAIR:
        made.value = std::pair(keep(one.value.data), keep(one.value.value));
        break;
      default:
        made.value = keep(one.value.data);
        break;
    }
  }
  return all;
}

/// ": <text>" when the server added a reason in its own words.
std::string reason_string(MQTTProperties& properties) {
  const MQTTProperty* const one = MQTTProperties_getProperty(&properties, MQTTPROPERTY_CODE_REASON_STRING);
  return one == nullptr ? std::string() : fmt::format(", server says: {}", keep(one->value.data));
}

/// Where the server sends us, when it says so.
std::string server_reference(MQTTProperties& properties) {
  const MQTTProperty* const one = MQTTProperties_getProperty(&properties, MQTTPROPERTY_CODE_SERVER_REFERENCE);
  return one == nullptr ? std::string() : fmt::format("; it names '{}'", keep(one->value.data));
}

Limits read_limits(MQTTProperties& properties, bool session_present) {
  Limits limits;
  limits.session_present = session_present;
  limits.properties = read_all(properties);
  if (const auto value = number(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM); value && *value > 0)
    limits.receive_maximum = static_cast<std::uint16_t>(*value);
  if (const auto value = number(properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE); value && *value > 0)
    limits.maximum_packet_size = *value;
  if (const auto value = number(properties, MQTTPROPERTY_CODE_MAXIMUM_QOS); value && *value < 2)
    limits.maximum_qos = static_cast<Qos>(*value);
  if (const auto value = number(properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE)) limits.retain_available = *value != 0;
  if (const auto value = number(properties, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIERS_AVAILABLE))
    limits.subscription_identifiers = *value != 0;
  return limits;
}

void read_message(MQTTProperties& properties, Arrival& arrival) {
  Properties& to = arrival.message.properties;
  for (int i = 0; i < properties.count; ++i) {
    const MQTTProperty& one = properties.array[i];
    switch (one.identifier) {
      case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
        to.expiry = std::chrono::seconds(one.value.integer4);
        break;
      case MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR:
        to.utf8 = one.value.byte == 1;
        break;
      case MQTTPROPERTY_CODE_CONTENT_TYPE:
        to.content_type = keep(one.value.data);
        break;
      case MQTTPROPERTY_CODE_RESPONSE_TOPIC:
        to.response_topic = keep(one.value.data);
        break;
      case MQTTPROPERTY_CODE_CORRELATION_DATA:
        to.correlation_data = keep(one.value.data);
        break;
      case MQTTPROPERTY_CODE_USER_PROPERTY:
        to.user.emplace_back(keep(one.value.data), keep(one.value.value));
        break;
      case MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER:
        arrival.subscriptions.push_back(one.value.integer4);
        break;
      default:
        break;
    }
  }
}

// --- TLS errors -----------------------------------------------------------------------------------------------------

/// OpenSSL's "…:error:0A000086:SSL routines::certificate verify failed:…" in words; the reason is the sixth field.
std::string tls_words(std::string_view line) {
  for (int field = 0; field < 5; ++field) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return {};
    line.remove_prefix(colon + 1);
  }
  const std::string_view reason = line.substr(0, line.find(':'));
  if (reason.find("protocol version") != std::string_view::npos || reason == "unsupported protocol" ||
      reason == "version too low")
    return fmt::format("TLS failed: the server does not offer TLS 1.2 or newer ({})", reason);
  if (reason == "wrong version number" || reason == "http request" || reason == "packet length too long")
    return fmt::format("TLS failed: the server does not speak TLS on this port; check the port, or use mqtt:// ({})",
                       reason);
  if (reason == "key values mismatch") return "TLS failed: key_file does not belong to the certificate in cert_file";
  return fmt::format("TLS failed: {}", reason);
}

/// Whether the server's TLS alert is about our certificate.
bool refuses_our_certificate(std::string_view words) {
  return words.find("alert") != std::string_view::npos &&
         (words.find("certificate") != std::string_view::npos || words.find("unknown ca") != std::string_view::npos);
}

// --- Life -----------------------------------------------------------------------------------------------------------

/// Throws ConfigError when the options cannot be.
std::vector<Server> read_servers(const SessionOptions& options) {
  std::vector<Server> servers;
  if (options.servers.empty()) throw ConfigError(fmt::format("{}: no server to connect to: set servers", options.name));
  for (const auto& text : options.servers) servers.push_back(parse_server(text));
  for (const auto& server : servers) {
    if (server.tls != servers.front().tls)
      throw ConfigError(fmt::format(
          "{}: some servers are mqtt:// and some mqtts://; make all of them mqtts://, or none", options.name));
  }
  if (options.tls.enabled && !servers.front().tls)
    throw ConfigError(
        fmt::format("{}: TLS is asked for, but '{}' has none; write mqtts://", options.name, options.servers.front()));
  if (options.client_id.empty() && options.version == Version::v3_1_1 && !options.clean_start)
    throw ConfigError(fmt::format("{}: MQTT 3.1.1 needs a client_id to keep a session: set client_id", options.name));
  return servers;
}

int wire_version(Version version) {
  return version == Version::v5 ? MQTTVERSION_5 : version == Version::v3_1 ? MQTTVERSION_3_1 : MQTTVERSION_3_1_1;
}

PahoSession::PahoSession(SessionOptions options, std::vector<Server> servers, SessionListener& listener)
    : options_(std::move(options)), servers_(std::move(servers)), listener_(&listener) {
  std::signal(SIGPIPE, SIG_IGN);
  // Paho writes a line for each packet into a buffer that nobody reads, unless told otherwise.
  if (std::getenv("MQTT_C_CLIENT_TRACE") == nullptr) MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
  const bool v5 = options_.version == Version::v5;
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
  create.MQTTVersion = wire_version(options_.version);
  create.sendWhileDisconnected = 0;
  // Paho never counts down what forget_queued() takes from it, so its own bound would be reached for good; publish()
  // has one.
  create.maxBufferedMessages = std::numeric_limits<int>::max();
  const int rc = MQTTAsync_createWithOptions(&handle_, servers_.front().uri().c_str(), options_.client_id.c_str(),
                                             MQTTCLIENT_PERSISTENCE_NONE, nullptr, &create);
  if (rc == MQTTASYNC_BAD_UTF8_STRING)
    throw ConfigError(fmt::format("{}: client_id is not UTF-8 text: set another", options_.name));
  if (rc != MQTTASYNC_SUCCESS) throw Error(fmt::format("{}: Paho cannot make a client (code {})", options_.name, rc));
  MQTTAsync_setCallbacks(handle_, this, &on_lost, &on_arrived, nullptr);
  if (v5) MQTTAsync_setDisconnected(handle_, this, &on_disconnect_packet);
}

PahoSession::~PahoSession() {
  if (!was_started_) MQTTAsync_destroy(&handle_);
}

bool PahoSession::can_begin_with(const SessionOptions& options, bool tls) const {
  return options.client_id == options_.client_id && options.version == options_.version &&
         servers_.front().tls == tls && !keeps_flight();
}

void PahoSession::begin_with(SessionOptions options, std::vector<Server> servers, SessionListener& listener) {
  const std::scoped_lock locks(told_mutex_, publish_mutex_, listener_mutex_, mutex_);
  options_ = std::move(options);
  servers_ = std::move(servers);
  listener_ = &listener;
  stopping_ = wanted_changed_ = batches_ = returning_ = false;
  drop_why_.reset();
  goodbye_.reset();
  last_failure_ = {};
  wanted_.clear();
  held_.clear();
  known_.clear();
  refused_.clear();
  rotation_ = 0;
  quick_ends_ = failed_returns_ = 0;
}

void PahoSession::start() {
  if (thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    goodbye_.reset();
  }
  was_started_ = true;
  state_ = State::connecting;
  thread_ = std::thread([this] { run(); });
}

void PahoSession::stop(milliseconds timeout) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) stop_deadline_ = Steady::now() + timeout;
    stopping_ = true;
  }
  nudge_->ring();
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock calls(told_mutex_, listener_mutex_);
  listener_ = nullptr;
  state_ = State::stopped;
}

void PahoSession::run() noexcept try {
  Pulse pulse(options_.name + " (session)");
  pulse_ = &pulse;
  const log::Field upstream("TIDEGATE_UPSTREAM", options_.upstream);
  std::minstd_rand random(std::random_device{}());
  milliseconds pause = options_.backoff_first;
  std::size_t server = 0;
  while (!stopping()) {
    if (held()) {
      state_ = State::waiting;
      wait(Steady::time_point::max(), [this] { return stopping_ || !paused_; });
      pause = options_.backoff_first;
      server = 0;
      continue;
    }
    state_ = State::connecting;
    Ended ended = live(servers_[server]);
    {
      const std::lock_guard lock(mutex_);
      open_ = false;
      phase_ = Phase::idle;
    }
    if (link_) link_->shut_down();  // whatever Paho believes of it
    link_.reset();
    if (!keeps_flight() || stopping()) {
      forget_queued();
      tell_rest_unknown();
    }
    if (stopping()) break;

    const bool duel = looks_like_a_duel(ended.failure);
    if (duel)
      ended.failure.what += fmt::format(
          "; the server did so {} times in a row soon after it accepted us: perhaps another client uses our client_id "
          "'{}': give every client its own",
          quick_ends_, options_.client_id);
    bool news = ended.established;
    {
      const std::lock_guard lock(mutex_);
      news = news || last_failure_.what != ended.failure.what;
      last_failure_ = ended.failure;
      goodbye_.reset();
    }
    {
      std::optional<log::Field> event;
      if (!options_.upstream.empty()) event.emplace(log::events::field, log::events::upstream_lost);
      log::print(news ? log::Level::warning : log::Level::debug, "{}: {}: {}", options_.name,
                 ended.established ? "disconnected" : "not connected", ended.failure.what);
    }
    state_ = State::waiting;
    {
      const std::lock_guard call(listener_mutex_);
      if (listener_ != nullptr) listener_->on_disconnected(ended.failure);
    }

    if (ended.established) {
      const bool elsewhere =
          ended.failure.reason_code == use_another_server || ended.failure.reason_code == server_moved;
      server = elsewhere ? (server + 1) % servers_.size() : 0;
      rotation_ = 0;
      if (ended.steady) pause = options_.backoff_first;
    } else {
      server = (server + 1) % servers_.size();
      if (server != 0) continue;  // the next one of the list, at once
      ++rotation_;
    }
    // Decorrelated jitter: between the first pause and three times the last one, so that many clients spread out.
    if (duel || (ended.failure.reason_code == session_taken_over && options_.version == Version::v5)) {
      pause = options_.backoff_most;
    } else {
      const auto most = std::max(options_.backoff_first, std::min(options_.backoff_most, pause * 3));
      std::uniform_int_distribution<milliseconds::rep> spread(options_.backoff_first.count(), most.count());
      pause = milliseconds(spread(random));
    }
    if (ended.at_once) continue;
    if (options_.by_hand) pause = std::chrono::hours(24 * 365);
    wait(Steady::now() + rest(pause), [this] { return stopping_ || drop_why_ || hurry_ || paused_; });
    const std::lock_guard lock(mutex_);
    if (hurry_) pause = options_.backoff_first;
  }
} catch (const std::exception& error) {
  log::error("{}: the connection's thread ends: {}", options_.name, error.what());
}

/// MQTT 3.1.1 does not say why a server ends a connection. Where a message of ours was unanswered and none was
/// answered, that message may be the reason.
void PahoSession::tell_opened() {
  const std::lock_guard call(listener_mutex_);
  if (listener_ != nullptr) listener_->on_opened();
}

bool PahoSession::looks_like_a_duel(const Failure& failure) {
  Steady::time_point accepted_at;
  {
    const std::lock_guard lock(mutex_);
    accepted_at = accepted_at_;
  }
  const bool quick = options_.version == Version::v3_1_1 && !failure.ours && accepted_at != Steady::time_point{} &&
                     Steady::now() - accepted_at < quick_end && (acknowledged_ || !left_unknown_);
  quick_ends_ = quick ? quick_ends_ + 1 : 0;
  return quick_ends_ >= quick_ends_suspect;
}

/// Whether the first server takes TCP connections. Ends early when there is something else to do.
bool PahoSession::first_is_back() {
  const auto cancelled = [this] {
    const std::lock_guard lock(mutex_);
    return phase_ != Phase::accepted || stopping_ || drop_why_ || wanted_changed_;
  };
  const Server& first = servers_.front();
  const auto deadline = Steady::now() + options_.connect_timeout;
  const auto answer = resolver_.resolve(first.host, first.port, deadline, nudge_, cancelled);
  for (std::size_t i = 0; i < answer.endpoints.size(); ++i) {
    const auto now = Steady::now();
    const auto share = (deadline - now) / static_cast<std::ptrdiff_t>(answer.endpoints.size() - i);
    Descriptor socket;
    const int error = dial(answer.endpoints[i], now + share, *nudge_, cancelled, socket);
    if (error == 0) return true;
    if (error == ECANCELED) return false;
  }
  return false;
}

PahoSession::Ended PahoSession::live(const Server& server) {
  Ended ended;
  const auto deadline = Steady::now() + options_.connect_timeout;
  {
    const std::lock_guard lock(mutex_);
    ++connection_;
    failure_ = {};
    tls_error_.clear();
    drop_why_.reset();
    hurry_ = false;
    answers_due_ = 0;
    moved_ = acknowledged_ = left_unknown_ = false;
    accepted_at_ = {};
    limits_ = {};
  }
  server_ = &server;
  ended.failure.what = tls_files_problem(server);
  if (ended.failure.what.empty()) ended.failure = open_socket(server, deadline);
  if (!ended.failure.what.empty()) {
    ended.failure.what = fmt::format("{}: {}", server.uri(), ended.failure.what);
    return ended;
  }
  if (server.tls && !options_.tls.verify)
    log::warning("{}: the server's certificate is not verified, as configured", options_.name);

  // Paho tells the end of a connection before it is done with it, and its connect call writes where it then still
  // reads. This call waits for its lock.
  while (MQTTAsync_isConnected(handle_) != 0 && Steady::now() < deadline && !stopping())
    nudge_->wait_until(Steady::now() + milliseconds(10));
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::asked;
  }
  if (options_.by_hand) {
    link_->when_asked(nudge_);
    if (!server.tls) tell_opened();
  }
  const int keep_alive = static_cast<int>(options_.keep_alive.count());
  int rc = 0;
  do {
    rc = PahoLink::hand_over(
        link_, [&] { return ask_paho(server, Purpose::connect, keep_alive); },
        std::min<Steady::time_point>(deadline, Steady::now() + std::chrono::seconds(1)));
    if (rc != MQTTASYNC_COMMAND_IGNORED) break;
    // The command of accepted() for the last connection is still in Paho's queue.
    nudge_->wait_until(Steady::now() + milliseconds(1));
  } while (Steady::now() < deadline && !stopping());
  if (rc != 0) {
    ended.failure.what = fmt::format("{}: Paho does not begin to connect (code {})", server.uri(), rc);
    return ended;
  }
  auto answer_by = deadline;
  if (options_.by_hand) {
    if (wait(deadline, [this] { return phase_ != Phase::asked || stopping_ || goodbye_ || link_->asked(); }) &&
        link_->asked()) {
      answer_by = std::max<Steady::time_point>(deadline, Steady::now() + options_.keep_alive);
      if (server.tls) tell_opened();
    }
  }
  const auto unwanted = [this] { return goodbye_ || (options_.by_hand && drop_why_); };
  if (!wait(answer_by, [&] { return phase_ != Phase::asked || stopping_ || unwanted(); })) {
    drop(fmt::format("the server took the connection but did not answer within {} ms",
                     std::chrono::ceil<milliseconds>(answer_by - deadline + options_.connect_timeout).count()));
  } else {
    bool ends = false;
    {
      const std::lock_guard lock(mutex_);
      ends = phase_ == Phase::asked && unwanted();
      if (ends) failure_ = ended_by_hand;
      ended.at_once = ends && drop_why_;
    }
    if (ends) drop({});
  }
  if (stopping()) {
    leave();
    return ended;
  }

  bool up = false;
  {
    const std::lock_guard lock(mutex_);
    // By hand, an end that comes with the CONNACK is still the end of a connection.
    up = phase_ == Phase::accepted || (options_.by_hand && accepted_at_ != Steady::time_point{});
  }
  if (up) {
    serve(ended);
    if (stopping()) {
      leave();
      return ended;
    }
  }
  ended.failure = take_failure(server);
  return ended;
}

/// From CONNACK to the end of the connection.
void PahoSession::serve(Ended& ended) {
  std::vector<std::string> old;
  Limits limits;
  {
    const std::lock_guard lock(mutex_);
    held_ = wanted_;
    wanted_changed_ = false;
    refused_.clear();
    limits = limits_;
    limits.certificate_until = link_->certificate_until();
  }
  if (limits.session_present) {
    for (const auto& filter : known_) {
      if (std::ranges::none_of(held_, [&](const Subscription& one) { return one.filter == filter; }))
        old.push_back(filter);
    }
  }
  known_.clear();
  for (const auto& one : held_) known_.insert(one.filter);
  send_unsubscriptions(old);
  send_subscriptions(held_);
  if (!wait_for_answers()) return;

  const auto since = Steady::now();
  {
    const std::lock_guard lock(mutex_);
    if ((phase_ != Phase::accepted && !options_.by_hand) || stopping_) return;
    note_progress(since);
    open_ = phase_ == Phase::accepted;
  }
  state_ = State::connected;
  ended.established = true;
  log::info("{}: connected to {}{}", options_.name, server_->uri(), limits.session_present ? ", session kept" : "");
  {
    const std::lock_guard call(listener_mutex_);
    if (listener_ != nullptr) listener_->on_connected(limits);
  }

  const bool away = server_ != &servers_.front() && options_.return_after.count() > 0;
  failed_returns_ = away && returning_ ? failed_returns_ + 1 : away ? failed_returns_ : 0;
  returning_ = false;
  const auto return_pause = options_.return_after * (1U << std::min(failed_returns_, most_return_doublings));
  auto next_look = since + return_pause;
  for (;;) {
    bool changed = false;
    std::optional<std::string> why;
    const auto until = stalls_at().first;
    wait(away ? std::min<Steady::time_point>(until, next_look) : until, [this] {
      return phase_ != Phase::accepted || stopping_ || drop_why_ || wanted_changed_ || goodbye_ || paused_;
    });
    std::optional<Goodbye> goodbye;
    bool held = false;
    {
      const std::lock_guard lock(mutex_);
      if (Steady::now() - since >= steady_time && moved_) ended.steady = true;
      if (phase_ != Phase::accepted || stopping_) return;
      why = std::exchange(drop_why_, std::nullopt);
      changed = std::exchange(wanted_changed_, false);
      ended.at_once = why.has_value();
      goodbye = goodbye_;
      held = paused_;
      if (held && failure_.what.empty()) failure_ = {"it is held back, as asked for", 0, false, true};
      if (options_.by_hand && (goodbye || why) && failure_.what.empty()) failure_ = ended_by_hand;
    }
    if (goodbye) {
      if (goodbye->silent || !part(Steady::now(), *goodbye)) drop({});
      return;
    }
    if (held) {
      if (!part(Steady::now() + quick_end, {})) drop({});
      return;
    }
    if (!why) {
      if (auto [at, words] = stalls_at(); Steady::now() >= at) why = std::move(words);
    }
    if (why) {
      drop(*why);
      return;
    }
    if (changed) change_subscriptions();
    if (away && Steady::now() >= next_look) {
      if (first_is_back()) {
        ended.at_once = returning_ = true;
        {
          const std::lock_guard lock(mutex_);
          if (failure_.what.empty())
            failure_ = {fmt::format("going back to {}, which takes connections again", servers_.front().uri()), 0,
                        false, true};
        }
        if (!part(Steady::now() + quick_end, {})) drop({});
        return;
      }
      next_look = Steady::now() + return_pause;
    }
  }
}

/// When the connection counts as dead unless something comes, and why. Paho pings when nothing has come, or gone, for a
/// keep-alive, so after two of them a server that lives has been heard; and what is under way has been answered.
std::pair<Steady::time_point, std::string> PahoSession::stalls_at() {
  const std::lock_guard lock(mutex_);
  const auto agreed = agreed_keep_alive_;
  std::chrono::seconds patience =
      2 * (agreed.count() == 0 ? options_.keep_alive : std::min(agreed, options_.keep_alive));
  if (patience.count() == 0) patience = no_patience;
  const auto silent_at = agreed.count() == 0 ? Steady::time_point::max() : link_->heard() + 2 * agreed;
  const auto stuck_at =
      untold_.empty() ? Steady::now() + patience : Steady::time_point(Steady::duration(progress_)) + patience;
  if (silent_at <= stuck_at)
    return {silent_at, fmt::format("nothing came from the server for {} s", 2 * agreed.count())};
  return {stuck_at, fmt::format("{} messages are under way and the server acknowledged nothing for {} s",
                                untold_.size(), patience.count())};
}

/// stop() was called: waits for the outcomes under way, then says goodbye, as far as the time allows.
void PahoSession::leave() {
  Steady::time_point deadline;
  bool up = false;
  Goodbye last_words;
  {
    const std::lock_guard lock(mutex_);
    deadline = stop_deadline_;
    last_words = goodbye_.value_or(Goodbye{});
    up = phase_ == Phase::accepted && !last_words.silent;
  }
  if (!up || !part(deadline, last_words)) drop("stopped");
}

/// Takes no more publishes, waits for the outcomes under way, and sends DISCONNECT. False when Paho has not ended the
/// connection in time.
bool PahoSession::part(Steady::time_point deadline, const Goodbye& last_words) {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  wake_paho_sender();
  wait(deadline, [this] { return untold_.empty() || phase_ != Phase::accepted; });
  const bool v5 = options_.version == Version::v5;
  MQTTAsync_disconnectOptions goodbye = MQTTAsync_disconnectOptions_initializer;
  if (v5) goodbye = MQTTAsync_disconnectOptions_initializer5;
  goodbye.context = this;
  Lent properties;
  if (v5) {
    goodbye.reasonCode = static_cast<MQTTReasonCodes>(last_words.reason);
    goodbye.properties = properties.all(last_words.properties).get();
    goodbye.onSuccess5 = [](void* context, MQTTAsync_successData5*) { static_cast<PahoSession*>(context)->lost({}); };
  } else {
    goodbye.onSuccess = [](void* context, MQTTAsync_successData*) { static_cast<PahoSession*>(context)->lost({}); };
  }
  const int rc = MQTTAsync_disconnect(handle_, &goodbye);
  wake_paho_sender();
  // Even with no time left: Paho needs a moment, and the other side a DISCONNECT, or it would send our will.
  return rc == MQTTASYNC_SUCCESS &&
         wait(std::max(deadline, Steady::now() + milliseconds(200)), [this] { return phase_ != Phase::accepted; });
}

/// Ends the connection below Paho and waits until Paho has seen it.
void PahoSession::drop(std::string why) {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    if (failure_.what.empty()) failure_ = {std::move(why), 0, false, true};
  }
  if (!link_) return;
  link_->shut_down();
  if (!wait(Steady::now() + paho_grace, [this] { return phase_ == Phase::lost; }))
    log::error("{}: Paho does not notice that its connection has ended", options_.name);
}

Failure PahoSession::take_failure(const Server& server) {
  Failure failure;
  std::string tls;
  {
    const std::lock_guard lock(mutex_);
    failure = failure_;
    tls = tls_error_;
  }
  if (const std::string certificate = link_->certificate_problem(); !certificate.empty()) {
    failure = {certificate, 0, false, false, 0, false, true};
  } else if (!tls.empty() && failure.reason_code == 0) {
    failure = {tls, 0, refuses_our_certificate(tls), false, 0, false, true};
  } else if (std::string problem = link_->protocol_problem(); !problem.empty()) {
    failure = {std::move(problem), 0, false, false};
  }
  if (failure.what.empty()) failure.what = "the connection broke";
  if (failure.what == unanswered && server.tls && options_.tls.cert_file.empty())
    failure.what += "; does it ask for a client certificate (cert_file, key_file)?";
  failure.what = fmt::format("{}: {}", server.uri(), failure.what);
  return failure;
}

std::string PahoSession::tls_files_problem(const Server& server) const {
  if (!server.tls) return {};
  const std::pair<const char*, const std::string&> files[] = {
      {"ca_file", options_.tls.ca_file}, {"cert_file", options_.tls.cert_file}, {"key_file", options_.tls.key_file}};
  for (const auto& [key, path] : files) {
    if (!path.empty() && ::access(path.c_str(), R_OK) != 0)
      return fmt::format("cannot read {} '{}': {}", key, path, std::strerror(errno));
  }
  return {};
}

Failure PahoSession::open_socket(const Server& server, Steady::time_point deadline) {
  const auto cancelled = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_ || goodbye_;
  };
  Resolver::Answer answer;
  if (!server.path.empty()) {
    answer.endpoints.push_back(Endpoint::of_path(server.path));
  } else {
    answer = resolver_.resolve(server.host, server.port, deadline, nudge_, cancelled);
  }
  auto& endpoints = answer.endpoints;
  if (endpoints.empty()) return {answer.error, 0, false, false, ETIMEDOUT, answer.unknown};
  std::ranges::rotate(endpoints, endpoints.begin() + static_cast<std::ptrdiff_t>(rotation_ % endpoints.size()));
  std::string tried;
  int last_error = 0;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto now = Steady::now();
    const auto share = (deadline - now) / static_cast<std::ptrdiff_t>(endpoints.size() - i);
    Descriptor socket;
    const int error = dial(endpoints[i], now + share, *nudge_, cancelled, socket);
    if (error == 0) {
      // MQTT 3.1.1 cannot tell a server what we take.
      const auto most = options_.version == Version::v5 ? options_.maximum_packet_size : 0;
      link_ = std::make_shared<PahoLink>(std::move(socket), endpoints[i], options_.tls.verify_name ? server.host : "",
                                         server.tls, most);
      std::string protocols;
      for (const auto& protocol : options_.tls.alpn) {
        protocols += static_cast<char>(protocol.size());
        protocols += protocol;
      }
      link_->ask_for(std::move(protocols));
      link_->show(options_.tls.psk_identity, options_.tls.psk_key);
      return {};
    }
    if (error == ECANCELED) return {"stopped", 0, false, true};
    last_error = error;
    tried += fmt::format("{}{}: {}", tried.empty() ? "" : "; ", endpoints[i].text(),
                         error == ECONNREFUSED ? "connection refused, nothing listens there"
                         : error == ETIMEDOUT  ? "no answer"
                                               : std::strerror(error));
  }
  return {fmt::format("cannot connect ({}); is the server running, and the {} right?", tried,
                      server.path.empty() ? "port" : "path"),
          0, false, false, last_error};
}

/// Purpose::connect: makes Paho connect. Purpose::forget: called while connected, which sends nothing, it leaves Paho
/// believing that the session ends with the connection. So Paho forgets what is under way when the connection ends, and
/// what is sent again is decided in one place, by whoever calls publish(). Otherwise Paho would resend by itself on
/// reconnect: beside our own resend, over the server's Receive Maximum, and for ever a message that the server answers
/// by closing.
int PahoSession::ask_paho(const Server& server, Purpose purpose, int keep_alive) {
  const bool v5 = options_.version == Version::v5;
  const bool asks = purpose == Purpose::connect;
  MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
  if (v5) connect = MQTTAsync_connectOptions_initializer5;
  connect.MQTTVersion = wire_version(options_.version);
  connect.keepAliveInterval = keep_alive;
  connect.maxInflight = 65535;
  connect.automaticReconnect = 0;
  // Paho looks at this every three seconds; ours is exact and comes first.
  connect.connectTimeout = static_cast<int>(options_.connect_timeout.count() / 1000) + 10;

  const std::string uri = server.path.empty() ? server.uri() : "mqtt://localhost:1883";
  char* uris[] = {const_cast<char*>(uri.c_str())};
  connect.serverURIcount = 1;
  connect.serverURIs = uris;

  Lent properties;
  if (v5) {
    connect.cleanstart = asks && options_.clean_start ? 1 : 0;
    const bool ends = !asks || (options_.clean_start && !options_.by_hand);
    const auto expiry = ends ? 0 : std::clamp<long long>(options_.session_expiry.count(), 0, 0xFFFF'FFFFLL);
    if (expiry != 0 || !options_.by_hand || !asks)
      properties.four(MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, static_cast<std::uint32_t>(expiry));
    if (asks) properties.all(options_.connect_properties);
    if (options_.receive_maximum != 0) properties.two(MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, options_.receive_maximum);
    if (options_.maximum_packet_size != 0)
      properties.four(MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, options_.maximum_packet_size);
  } else {
    connect.cleansession = options_.clean_start || !asks ? 1 : 0;
  }
  MQTTProperties connect_properties = properties.get();
  if (v5) connect.connectProperties = &connect_properties;

  MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
  Lent will_list;
  MQTTProperties will_properties = MQTTProperties_initializer;
  if (asks && options_.will) {
    will.topicName = options_.will->topic.c_str();
    will.payload.len = static_cast<int>(options_.will->payload.size());
    will.payload.data = options_.will->payload.data();
    will.qos = static_cast<int>(options_.will->qos);
    will.retained = options_.will->retain ? 1 : 0;
    connect.will = &will;
    if (v5) {
      will_properties = will_list.message(options_.will->properties).all(options_.will_properties).get();
      connect.willProperties = &will_properties;
    }
  }

  if (options_.username) connect.username = options_.username->c_str();
  if (options_.password) {
    connect.binarypwd.len = static_cast<int>(options_.password->size());
    connect.binarypwd.data = options_.password->data();
  }

  MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
  if (server.tls) {
    const auto given = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
    tls.trustStore = given(options_.tls.ca_file);
    tls.keyStore = given(options_.tls.cert_file);
    tls.privateKey = given(options_.tls.key_file);
    tls.enableServerCertAuth = options_.tls.verify ? 1 : 0;
    // PahoLink checks names and addresses in the handshake; Paho's own check beside it cannot read an IPv6 address.
    const bool name = options_.tls.verify && options_.tls.verify_name && options_.tls.psk_identity.empty();
    tls.verify = name && server.host.find(':') == std::string::npos ? 1 : 0;
    tls.privateKeyPassword = given(options_.tls.key_password);
    tls.enabledCipherSuites = given(options_.tls.ciphers);
    tls.ssl_error_cb = &on_tls_error;
    tls.ssl_error_context = this;
    connect.ssl = &tls;
  }

  connect.context = this;
  if (asks && v5) {
    connect.onSuccess5 = &on_accepted5;
    connect.onFailure5 = &on_failed5;
  } else if (asks) {
    connect.onSuccess = &on_accepted;
    connect.onFailure = &on_failed;
  }
  return MQTTAsync_connect(handle_, &connect);
}

void PahoSession::accepted(const Limits& limits, int keep_alive) {
  if (!keeps_flight()) ask_paho(*server_, Purpose::forget, keep_alive);
  {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
    agreed_keep_alive_ = std::chrono::seconds(keep_alive);
    accepted_at_ = Steady::now();
    if (phase_ == Phase::asked) phase_ = Phase::accepted;
  }
  nudge_->ring();
}

void PahoSession::lost(Failure failure) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::idle) return;
    phase_ = Phase::lost;
    open_ = false;
    if (failure_.what.empty()) failure_ = std::move(failure);
  }
  nudge_->ring();
}

void PahoSession::reconnect(const std::string& why) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    drop_why_ = why;
    goodbye_.reset();
  } catch (const std::exception&) {
    return;
  }
  nudge_->ring();
}

void PahoSession::hurry() noexcept {
  {
    const std::lock_guard lock(mutex_);
    hurry_ = true;
  }
  nudge_->ring();
}

void PahoSession::hold(bool held) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (paused_ && !held) hurry_ = true;  // it may not have come to rest yet, and would pause as after any other end
    paused_ = held;
  }
  nudge_->ring();
}

void PahoSession::network(bool there) noexcept {
  bool back = false;
  {
    const std::lock_guard lock(mutex_);
    back = there && !network_;
    network_ = there;
  }
  if (back) hurry();
}

void PahoSession::hang_up(std::uint8_t reason, std::vector<Property> properties) {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    goodbye_ = {false, reason, std::move(properties)};
    drop_why_.reset();
  }
  nudge_->ring();
}

void PahoSession::cut() {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    if (!goodbye_) goodbye_ = {true, 0, {}};
    drop_why_.reset();
  }
  nudge_->ring();
}

Failure PahoSession::last_failure() const {
  const std::lock_guard lock(mutex_);
  return last_failure_;
}

// --- Publishing -----------------------------------------------------------------------------------------------------

bool PahoSession::publish(std::uint64_t slot, const Message& message) noexcept try {
  Pending* pending = nullptr;
  const std::lock_guard publishing(publish_mutex_);
  {
    const std::lock_guard lock(mutex_);
    // The window, and QoS 0 that the socket has not taken yet.
    if (!open_ || paused_ || untold_.size() >= options_.window + std::size_t{1024}) return false;
    if (free_.empty()) {
      free_.emplace_back();
      free_.back().self = std::prev(free_.end());
      free_.back().session = this;
    }
    if (untold_.empty()) note_progress(Steady::now());
    untold_.splice(untold_.end(), free_, free_.begin());
    pending = &untold_.back();
    pending->slot = slot;
    pending->told = false;
  }
  std::optional<HoldPahoSender> hold;
  if (batches_) hold.emplace();
  const bool v5 = options_.version == Version::v5;
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = pending;
  Lent properties;
  if (v5) {
    response.onSuccess5 = &on_published5;
    response.onFailure5 = &on_unpublished5;
    response.properties = properties.message(message.properties).get();
  } else {
    response.onSuccess = &on_published;
    response.onFailure = &on_unpublished;
  }
  // On its own threads Paho takes every call to come from a callback, and goes through its lists without locking them.
  std::optional<PahoLock> locked;
  if (on_paho_thread()) locked.emplace();
  const int rc =
      MQTTAsync_send(handle_, message.topic.c_str(), static_cast<int>(message.payload.size()), message.payload.data(),
                     static_cast<int>(message.qos), message.retain ? 1 : 0, &response);
  locked.reset();
  if (rc == MQTTASYNC_SUCCESS) {
    if (!hold) wake_paho_sender();
    return true;
  }
  const std::lock_guard lock(mutex_);
  const bool told = pending->told;
  free_.splice(free_.end(), told ? told_ : untold_, pending->self);
  return told;
} catch (const std::exception&) {
  return false;
}

void PahoSession::flush() noexcept {
  batches_ = true;
  wake_paho_sender();
}

/// Paho's last word on a publish.
void PahoSession::settle(Pending* pending, const Outcome& outcome) {
  const std::lock_guard call(listener_mutex_);
  std::uint64_t slot = 0;
  bool told = false;
  {
    const std::lock_guard lock(mutex_);
    slot = pending->slot;
    told = pending->told;
    free_.splice(free_.end(), told ? told_ : untold_, pending->self);
    if (!open_ && untold_.empty()) nudge_->ring();
  }
  if (outcome.kind != Outcome::Kind::unknown) {
    note_progress(Steady::now());
    moved_ = acknowledged_ = true;
  } else {
    left_unknown_ = true;
  }
  if (told || listener_ == nullptr) return;
  listener_->on_outcome(slot, outcome);
  call_soon();  // on the session's own thread tell_rest_unknown() comes next
}

bool PahoSession::call_soon() noexcept try {
  return call_after_batch([](void* self) { static_cast<PahoSession*>(self)->outcomes_told(); }, this);
} catch (const std::bad_alloc&) {
  return false;
}

void PahoSession::outcomes_told() noexcept {
  guarded([this] {
    const std::lock_guard call(told_mutex_);
    SessionListener* listener = nullptr;
    {
      const std::lock_guard lock(listener_mutex_);
      listener = listener_;
    }
    if (listener != nullptr) listener->on_outcomes_told();
  });
}

/// What Paho had taken and not begun to send when the connection broke it would send first on the next one, before what
/// had been under way. No public function takes it back; this is what MQTTAsync_destroy does, under the locks it does
/// it.
void PahoSession::forget_queued() {
  const std::lock_guard nobody_publishes(publish_mutex_);
  const PahoLock locked;
  pthread_mutex_lock(mqttcommand_mutex);
  MQTTAsync_freeCommands(handle_);
  pthread_mutex_unlock(mqttcommand_mutex);
}

void PahoSession::tell_rest_unknown() {
  std::unique_lock call(listener_mutex_);
  std::vector<std::uint64_t> slots;
  {
    const std::lock_guard lock(mutex_);
    for (auto& pending : untold_) {
      pending.told = true;
      slots.push_back(pending.slot);
      left_unknown_ = true;
    }
    told_.splice(told_.end(), untold_);
  }
  if (listener_ == nullptr) return;
  const Outcome unknown{Outcome::Kind::unknown, 0, "the connection ended before the server answered"};
  for (const auto slot : slots) listener_->on_outcome(slot, unknown);
  call.unlock();
  outcomes_told();
}

// --- Subscribing ----------------------------------------------------------------------------------------------------

void PahoSession::subscribe(std::vector<Subscription> subscriptions) {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = std::move(subscriptions);
    wanted_changed_ = true;
  }
  nudge_->ring();
}

std::vector<std::string> PahoSession::refused() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [filter, why] : refused_) all.push_back(fmt::format("{}: {}", filter, why));
  return all;
}

void PahoSession::change_subscriptions() {
  std::vector<Subscription> wanted;
  std::vector<Subscription> added;
  std::vector<std::string> removed;
  {
    const std::lock_guard lock(mutex_);
    wanted = wanted_;
  }
  for (const auto& one : wanted) {
    if (std::ranges::find(held_, one) == held_.end()) added.push_back(one);
    known_.insert(one.filter);
  }
  for (const auto& one : held_) {
    if (std::ranges::none_of(wanted, [&](const Subscription& other) { return other.filter == one.filter; }))
      removed.push_back(one.filter);
  }
  {
    const std::lock_guard lock(mutex_);
    for (const auto& filter : removed) refused_.erase(filter);
    for (const auto& one : added) refused_.erase(one.filter);
  }
  for (const auto& filter : removed) known_.erase(filter);
  held_ = std::move(wanted);
  send_unsubscriptions(removed);
  send_subscriptions(added);
}

void PahoSession::send_subscriptions(const std::vector<Subscription>& subscriptions) {
  const bool v5 = options_.version == Version::v5;
  bool identifiers = false;
  {
    const std::lock_guard lock(mutex_);
    identifiers = v5 && limits_.subscription_identifiers;
  }
  // A SUBSCRIBE carries one identifier. They go in the order in which they are wanted.
  std::map<std::uint32_t, std::size_t> places;
  std::vector<std::pair<std::uint32_t, std::vector<const Subscription*>>> by_identifier;
  for (const auto& one : subscriptions) {
    const auto identifier = identifiers ? one.identifier : 0;
    const auto [place, first] = places.try_emplace(identifier, by_identifier.size());
    if (first) by_identifier.emplace_back(identifier, std::vector<const Subscription*>());
    by_identifier[place->second].second.push_back(&one);
  }

  for (const auto& [identifier, all] : by_identifier) {
    for (std::size_t first = 0; first < all.size(); first += filters_a_packet) {
      const std::size_t count = std::min(filters_a_packet, all.size() - first);
      Call* const call = new_call(true);
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
      const std::vector<const Subscription*> some(begin, begin + static_cast<std::ptrdiff_t>(count));
      if (send_subscribe(call, some, identifier, {}) != MQTTASYNC_SUCCESS) answered(call, {});
    }
  }
}

Call* PahoSession::new_call(bool subscribes) {
  const std::lock_guard lock(mutex_);
  Call* const call = &calls_.emplace_back();
  call->self = std::prev(calls_.end());
  call->session = this;
  call->connection = connection_;
  call->subscribes = subscribes;
  ++answers_due_;
  return call;
}

int PahoSession::send_subscribe(Call* call, const std::vector<const Subscription*>& all, std::uint32_t identifier,
                                const std::vector<Property>& given) {
  const bool v5 = options_.version == Version::v5;
  std::vector<char*> filters;
  std::vector<int> qos;
  std::vector<MQTTSubscribe_options> choices;
  for (const auto* const subscription : all) {
    const Subscription& one = *subscription;
    filters.push_back(const_cast<char*>(one.filter.c_str()));
    // A QoS 2 message of a kept 3.1.1 session would be lost when the connection ends between PUBREC and PUBREL,
    // because Paho hands it over only after that and forgets it with the connection.
    const bool lower = !v5 && !options_.clean_start && !keeps_flight() && one.qos == Qos::exactly_once;
    qos.push_back(lower ? 1 : static_cast<int>(one.qos));
    MQTTSubscribe_options choice = MQTTSubscribe_options_initializer;
    choice.noLocal = one.no_local ? 1 : 0;
    choice.retainAsPublished = one.retain_as_published ? 1 : 0;
    choice.retainHandling = one.retain_handling;
    choices.push_back(choice);
    call->filters.push_back(one.filter);
  }
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = call;
  Lent properties;
  if (v5) {
    response.onSuccess5 = &on_answered5;
    response.onFailure5 = &on_unanswered5;
    if (identifier != 0) properties.four(MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, identifier);
    response.properties = properties.all(given).get();
    response.subscribeOptions = choices.front();
    response.subscribeOptionsCount = static_cast<int>(choices.size());
    response.subscribeOptionsList = choices.data();
  } else {
    response.onSuccess = &on_answered;
    response.onFailure = &on_unanswered;
  }
  const int rc =
      MQTTAsync_subscribeMany(handle_, static_cast<int>(filters.size()), filters.data(), qos.data(), &response);
  wake_paho_sender();
  return rc;
}

bool PahoSession::subscribe_once(std::uint64_t slot, const std::vector<Subscription>& subscriptions,
                                 const std::vector<Property>& properties) {
  const std::lock_guard publishing(publish_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return false;
  }
  Call* const call = new_call(true);
  call->slot = slot;
  std::vector<const Subscription*> all;
  for (const auto& one : subscriptions) all.push_back(&one);
  if (send_subscribe(call, all, 0, properties) == MQTTASYNC_SUCCESS) return true;
  call->slot.reset();
  answered(call, {});
  return false;
}

bool PahoSession::unsubscribe_once(std::uint64_t slot, const std::vector<std::string>& filters,
                                   const std::vector<Property>& properties) {
  const std::lock_guard publishing(publish_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return false;
  }
  Call* const call = new_call(false);
  call->slot = slot;
  call->filters = filters;
  if (send_unsubscribe(call, filters, properties) == MQTTASYNC_SUCCESS) return true;
  call->slot.reset();
  answered(call, {});
  return false;
}

void PahoSession::send_unsubscriptions(const std::vector<std::string>& old) {
  for (std::size_t first = 0; first < old.size(); first += filters_a_packet) {
    const std::size_t count = std::min(filters_a_packet, old.size() - first);
    Call* const call = new_call(false);
    const auto begin = old.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<std::string> some(begin, begin + static_cast<std::ptrdiff_t>(count));
    if (send_unsubscribe(call, some, {}) != MQTTASYNC_SUCCESS) answered(call, {});
  }
}

int PahoSession::send_unsubscribe(Call* call, const std::vector<std::string>& old, const std::vector<Property>& given) {
  std::vector<char*> filters;
  for (const auto& filter : old) filters.push_back(const_cast<char*>(filter.c_str()));
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = call;
  Lent properties;
  if (options_.version == Version::v5) {
    response.onSuccess5 = &on_answered5;
    response.onFailure5 = &on_unanswered5;
    response.properties = properties.all(given).get();
  } else {
    response.onSuccess = &on_answered;
    response.onFailure = &on_unanswered;
  }
  const int rc = MQTTAsync_unsubscribeMany(handle_, static_cast<int>(filters.size()), filters.data(), &response);
  wake_paho_sender();
  return rc;
}

bool PahoSession::wait_for_answers() {
  if (wait(Steady::now() + options_.connect_timeout,
           [this] { return answers_due_ == 0 || phase_ != Phase::accepted || stopping_; }))
    return true;
  drop(fmt::format("the server did not answer SUBSCRIBE within {} ms", options_.connect_timeout.count()));
  return false;
}

/// codes: one for each filter of a SUBSCRIBE; none when there was no answer.
void PahoSession::answered(Call* call, const std::vector<int>& codes, std::vector<Property> properties) {
  if (call->slot && (!codes.empty() || !call->subscribes)) {
    Answer answer;
    for (const int code : codes) answer.codes.push_back(static_cast<std::uint8_t>(code));
    answer.properties = std::move(properties);
    const std::lock_guard lock(listener_mutex_);
    if (listener_ != nullptr) listener_->on_answer(*call->slot, answer);
  }
  {
    const std::lock_guard lock(mutex_);
    if (call->connection == connection_ && answers_due_ > 0) --answers_due_;
    if (call->subscribes && call->connection == connection_) {
      for (std::size_t i = 0; i < std::min(codes.size(), call->filters.size()); ++i) {
        if (codes[i] < 0x80) continue;
        std::string why = reason_words(options_.version, Packet::suback, codes[i]);
        if (call->slot) continue;
        log::error("{}: the server refuses the subscription to '{}': {}", options_.name, call->filters[i], why);
        refused_[call->filters[i]] = std::move(why);
      }
    }
    calls_.erase(call->self);
  }
  nudge_->ring();
}

// --- Paho's callbacks -----------------------------------------------------------------------------------------------

void PahoSession::on_accepted(void* context, MQTTAsync_successData* data) noexcept {
  guarded([&] {
    auto* const self = static_cast<PahoSession*>(context);
    Limits limits;
    limits.session_present = data->alt.connect.sessionPresent != 0;
    self->accepted(limits, static_cast<int>(self->options_.keep_alive.count()));
  });
}

void PahoSession::on_accepted5(void* context, MQTTAsync_successData5* data) noexcept {
  guarded([&] {
    auto* const self = static_cast<PahoSession*>(context);
    const auto theirs = number(data->properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE);
    self->accepted(read_limits(data->properties, data->alt.connect.sessionPresent != 0),
                   static_cast<int>(theirs.value_or(static_cast<std::uint32_t>(self->options_.keep_alive.count()))));
  });
}

/// code: above 0 a CONNACK's, else Paho's.
Failure connect_failure(Version version, int code, const char* message) {
  if (code > 0) {
    return {fmt::format("the server refused the connection: {}", reason_words(version, Packet::connack, code)), code,
            is_authentication(version, code), false};
  }
  if (message != nullptr && std::strstr(message, "timeout") != nullptr)
    return {"the server did not answer in time", 0, false, false};
  return {unanswered, 0, false, false};
}

void PahoSession::on_failed(void* context, MQTTAsync_failureData* data) noexcept {
  guarded([&] {
    static_cast<PahoSession*>(context)->lost(
        connect_failure(Version::v3_1_1, data == nullptr ? 0 : data->code, data == nullptr ? nullptr : data->message));
  });
}

void PahoSession::on_failed5(void* context, MQTTAsync_failureData5* data) noexcept {
  guarded([&] {
    // Up to Paho 1.3.14 the CONNACK's reason is in code, later in reasonCode.
    int code = 0;
    if (data != nullptr) code = data->code > 0 ? data->code : data->reasonCode > 0 ? data->reasonCode : data->code;
    static_cast<PahoSession*>(context)->lost(
        connect_failure(Version::v5, code, data == nullptr ? nullptr : data->message));
  });
}

void PahoSession::on_lost(void* context, char*) noexcept {
  guarded([&] { static_cast<PahoSession*>(context)->lost({"the connection broke", 0, false, false}); });
}

void PahoSession::on_disconnect_packet(void* context, MQTTProperties* properties, MQTTReasonCodes reason) noexcept {
  guarded([&] {
    const int code = reason;
    Failure failure{reason_words(Version::v5, Packet::disconnect, code), code, is_authentication(Version::v5, code),
                    false};
    if (properties != nullptr) {
      failure.what += server_reference(*properties) + reason_string(*properties);
      failure.properties = read_all(*properties);
    }
    static_cast<PahoSession*>(context)->lost(std::move(failure));  // no on_lost comes after this
  });
}

int PahoSession::on_arrived(void* context, char* topic, int length, MQTTAsync_message* message) noexcept {
  guarded([&] {
    auto* const self = static_cast<PahoSession*>(context);
    Arrival arrival;
    arrival.message.topic = length > 0 ? std::string(topic, static_cast<std::size_t>(length)) : std::string(topic);
    arrival.message.payload.assign(static_cast<const char*>(message->payload),
                                   static_cast<std::size_t>(message->payloadlen));
    arrival.message.qos = static_cast<Qos>(message->qos);
    arrival.message.retain = message->retained != 0;
    arrival.duplicate = message->dup != 0;
    arrival.packet = static_cast<std::uint16_t>(message->msgid);
    if (self->options_.version == Version::v5) read_message(message->properties, arrival);
    self->note_progress(Steady::now());
    self->moved_ = true;
    const std::lock_guard call(self->listener_mutex_);
    if (self->listener_ != nullptr) self->listener_->on_message(std::move(arrival));
  });
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  return 1;  // 0 would not keep Paho from acknowledging, only park the message
}

void PahoSession::on_published(void* context, MQTTAsync_successData*) noexcept {
  guarded([&] {
    auto* const pending = static_cast<Pending*>(context);
    pending->session->settle(pending, {Outcome::Kind::delivered, 0, {}});
  });
}

void PahoSession::on_published5(void* context, MQTTAsync_successData5* data) noexcept {
  guarded([&] {
    auto* const pending = static_cast<Pending*>(context);
    const int code = data == nullptr ? 0 : data->reasonCode;
    pending->session->settle(pending, {Outcome::Kind::delivered, static_cast<std::uint8_t>(std::max(code, 0)), {}});
  });
}

void PahoSession::on_unpublished(void* context, MQTTAsync_failureData*) noexcept {
  guarded([&] {
    auto* const pending = static_cast<Pending*>(context);
    pending->session->settle(pending, {Outcome::Kind::unknown, 0, "the connection ended before the server answered"});
  });
}

void PahoSession::on_unpublished5(void* context, MQTTAsync_failureData5* data) noexcept {
  if (data == nullptr || data->reasonCode < 0x80) {
    on_unpublished(context, nullptr);
    return;
  }
  guarded([&] {
    auto* const pending = static_cast<Pending*>(context);
    const int code = data->reasonCode;
    pending->session->settle(pending,
                             {Outcome::Kind::refused, static_cast<std::uint8_t>(code),
                              reason_words(Version::v5, Packet::puback, code) + reason_string(data->properties)});
  });
}

void PahoSession::on_answered(void* context, MQTTAsync_successData* data) noexcept {
  guarded([&] {
    auto* const call = static_cast<Call*>(context);
    std::vector<int> codes;
    if (call->subscribes && data != nullptr) {
      const std::size_t count = call->filters.size();
      if (count == 1) {
        codes.push_back(data->alt.qos);
      } else {
        codes.assign(data->alt.qosList, data->alt.qosList + count);
      }
    }
    call->session->answered(call, codes);
  });
}

void PahoSession::on_answered5(void* context, MQTTAsync_successData5* data) noexcept {
  guarded([&] {
    auto* const call = static_cast<Call*>(context);
    std::vector<int> codes;
    if (data == nullptr) {
      call->session->answered(call, codes);
      return;
    }
    const auto& all = data->alt.sub;  // alt.unsub is the same
    const auto count = static_cast<std::size_t>(std::max(all.reasonCodeCount, 0));
    if (count <= 1) {
      codes.push_back(data->reasonCode);
    } else {
      codes.assign(all.reasonCodes, all.reasonCodes + count);
    }
    call->session->answered(call, codes, read_all(data->properties));
  });
}

void PahoSession::on_unanswered(void* context, MQTTAsync_failureData* data) noexcept {
  guarded([&] {
    auto* const call = static_cast<Call*>(context);
    std::vector<int> codes;
    if (data != nullptr && data->code >= 0x80) codes.push_back(data->code);
    call->session->answered(call, codes);
  });
}

void PahoSession::on_unanswered5(void* context, MQTTAsync_failureData5* data) noexcept {
  guarded([&] {
    auto* const call = static_cast<Call*>(context);
    std::vector<int> codes;
    if (data != nullptr && data->reasonCode >= 0x80) codes.push_back(data->reasonCode);
    call->session->answered(call, codes);
  });
}

int PahoSession::on_tls_error(const char* text, size_t length, void* context) noexcept {
  guarded([&] {
    auto* const self = static_cast<PahoSession*>(context);
    std::string words = tls_words({text, length});
    const std::lock_guard lock(self->mutex_);
    if (self->tls_error_.empty()) self->tls_error_ = std::move(words);
  });
  return 1;
}

// --- The door -------------------------------------------------------------------------------------------------------

/// What make_paho_session hands out. Paho's threads may touch a handle after it was destroyed (paho.mqtt.c#1623,
/// #1669), and its callbacks carry our addresses, so a session that was started is never freed: it is disconnected,
/// silent, and kept in a list, without a descriptor, until the next session with its client id and version takes it: a
/// few kilobytes for each client id that a process ever had.
class Door final : public Session {
 public:
  Door(SessionOptions options, SessionListener& listener) {
    auto servers = read_servers(options);
    {
      auto& all = retired();
      const std::lock_guard lock(all.mutex);
      const bool tls = servers.front().tls;
      const auto found =
          std::ranges::find_if(all.sessions, [&](const auto& one) { return one->can_begin_with(options, tls); });
      if (found != all.sessions.end()) {
        (*found)->unretire();
        session_ = std::move(*found);
        all.sessions.erase(found);
      }
    }
    if (session_) {
      session_->begin_with(std::move(options), std::move(servers), listener);
    } else {
      session_ = std::make_unique<PahoSession>(std::move(options), std::move(servers), listener);
    }
  }
  ~Door() override {
    session_->stop(milliseconds(0));
    if (!session_->was_started()) return;
    session_->retire();
    auto& all = retired();
    const std::lock_guard lock(all.mutex);
    all.sessions.push_back(std::move(session_));
  }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  void start() override { session_->start(); }
  void stop(milliseconds timeout) noexcept override { session_->stop(timeout); }
  bool publish(std::uint64_t slot, const Message& message) noexcept override {
    return session_->publish(slot, message);
  }
  void flush() noexcept override { session_->flush(); }
  bool call_soon() noexcept override { return session_->call_soon(); }
  void subscribe(std::vector<Subscription> subscriptions) override { session_->subscribe(std::move(subscriptions)); }
  void reconnect(const std::string& why) noexcept override { session_->reconnect(why); }
  void hurry() noexcept override { session_->hurry(); }
  void hold(bool held) noexcept override { session_->hold(held); }
  void network(bool there) noexcept override { session_->network(there); }
  void hang_up(std::uint8_t reason, std::vector<Property> properties) override {
    session_->hang_up(reason, std::move(properties));
  }
  void cut() override { session_->cut(); }
  bool subscribe_once(std::uint64_t slot, const std::vector<Subscription>& subscriptions,
                      const std::vector<Property>& properties) override {
    return session_->subscribe_once(slot, subscriptions, properties);
  }
  bool unsubscribe_once(std::uint64_t slot, const std::vector<std::string>& filters,
                        const std::vector<Property>& properties) override {
    return session_->unsubscribe_once(slot, filters, properties);
  }
  [[nodiscard]] State state() const noexcept override { return session_->state(); }
  [[nodiscard]] Failure last_failure() const override { return session_->last_failure(); }
  [[nodiscard]] std::vector<std::string> refused() const override { return session_->refused(); }

 private:
  struct Retired {
    std::mutex mutex;
    std::vector<std::unique_ptr<PahoSession>> sessions;
  };
  static Retired& retired() {
    static auto* const all = new Retired;  // never destroyed: Paho's threads outlive main()
    return *all;
  }
  std::unique_ptr<PahoSession> session_;
};

}  // namespace

std::unique_ptr<Session> make_paho_session(SessionOptions options, SessionListener& listener) {
  return std::make_unique<Door>(std::move(options), listener);
}

}  // namespace tidegate::mqtt
