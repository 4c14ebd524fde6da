// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidegate/clock.hpp>
#include <tidegate/message.hpp>
#include <tidegate/property.hpp>

namespace tidegate::mqtt {

enum class Version : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5 = 5 };

struct Tls {
  bool enabled = false;     ///< all servers must be mqtts://, which alone is enough to have TLS
  std::string ca_file;      ///< PEM; empty: the system's CA store
  std::string cert_file;    ///< PEM client certificate, or empty
  std::string key_file;     ///< PEM, or empty
  bool verify = true;       ///< chain and host name; false must have been asked for in so many words
  bool verify_name = true;  ///< host name, where the chain is verified; likewise
  std::string key_password = {};
  std::string ciphers = {};  ///< OpenSSL's names, for TLS 1.2; empty: its defaults
  std::vector<std::string> alpn = {};
  std::string psk_identity = {};  ///< with psk_key: a key that both sides have, in place of certificates; or empty
  std::string psk_key = {};       ///< its bytes

  bool operator==(const Tls&) const = default;
};

struct SessionOptions {
  std::string name;      ///< for log lines: "local", "upstream cloud"
  std::string upstream;  ///< for the field of theirs: "cloud"; empty: it is none
  /// mqtt://host:port, mqtts://host:port or unix:/path, tried in order, then after a pause from the first again.
  std::vector<std::string> servers;
  std::string client_id;
  Version version = Version::v5;
  bool clean_start = false;
  /// How long the server keeps the session while we are away; MQTT 5, and not with clean_start, when it ends with the
  /// connection. 3.1.1 keeps it for ever when not clean.
  std::chrono::seconds session_expiry{std::chrono::hours{24 * 31}};
  std::optional<std::string> username;
  std::optional<std::string> password;
  Tls tls;
  std::chrono::seconds keep_alive{30};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds backoff_first{1'000};
  std::chrono::milliseconds backoff_most{60'000};
  /// While connected to another server than the first: how often to look whether the first one takes connections again,
  /// and then go back to it. 0: stay until the connection ends.
  std::chrono::milliseconds return_after{300'000};
  std::optional<Message> will;
  std::vector<Property> will_properties = {};     ///< MQTT 5, beside those of the will's message
  std::vector<Property> connect_properties = {};  ///< MQTT 5, beside those that the other options stand for
  /// For who decides about each connection himself: start() and reconnect() make one attempt each, hang_up() ends a
  /// connection; a server may take as long as keep_alive to answer CONNECT; session_expiry counts with clean_start too.
  /// When not clean_start, what is under way when a connection ends is not told as unknown but stays with Paho, which
  /// goes on with it on the next one, unless the server has not kept the session.
  bool by_hand = false;
  std::uint16_t receive_maximum = 100;           ///< what we announce for messages towards us
  std::uint32_t maximum_packet_size = 2U << 20;  ///< what we announce, bytes
  std::uint16_t window = 100;                    ///< most QoS 1 and 2 publishes under way that publish() is called with

  bool operator==(const SessionOptions&) const = default;
};

/// What the server allows on this connection, from its CONNACK, where 3.1.1 has the defaults; and from TLS.
struct Limits {
  bool session_present = false;
  std::uint16_t receive_maximum = 65535;
  std::uint32_t maximum_packet_size = 268'435'455;
  Qos maximum_qos = Qos::exactly_once;
  bool retain_available = true;
  bool subscription_identifiers = true;
  std::vector<Property> properties = {};  ///< all of the CONNACK's
  /// The last moment of the server's certificate, where it has shown one.
  std::optional<WallTime> certificate_until = {};
};

enum class State : std::uint8_t { stopped, connecting, connected, waiting };  ///< waiting: for the next attempt
[[nodiscard]] const char* to_string(State state) noexcept;

struct Subscription {
  std::string filter;
  Qos qos = Qos::at_least_once;
  bool no_local = false;
  bool retain_as_published = true;
  std::uint8_t retain_handling = 1;  ///< 0 send, 1 send when new, 2 never
  std::uint32_t identifier = 0;      ///< 1 to 268435455; 0 for none

  bool operator==(const Subscription&) const = default;
};

/// A message as it came in, with the identifiers of the subscriptions that it matched (MQTT 5).
struct Arrival {
  Message message;
  std::vector<std::uint32_t> subscriptions;
  bool duplicate = false;
  std::uint16_t packet = 0;  ///< packet identifier, QoS 1 and 2
};

/// What a server said to a SUBSCRIBE or an UNSUBSCRIBE, a code for each filter; none to an UNSUBSCRIBE before MQTT 5.
struct Answer {
  std::vector<std::uint8_t> codes;
  std::vector<Property> properties = {};
};

/// What became of one publish.
struct Outcome {
  enum class Kind : std::uint8_t {
    delivered,  ///< PUBACK or PUBCOMP below 0x80; QoS 0: handed to the socket
    refused,    ///< the server answered with reason_code >= 0x80
    unknown,    ///< the connection ended first: it may or may not have arrived
  };
  Kind kind = Kind::unknown;
  std::uint8_t reason_code = 0;
  std::string reason;  ///< in words, for people
};

/// Why a connection is not there, in words that say how to mend it, and MQTT's number where there is one.
struct Failure {
  std::string what;
  int reason_code = 0;          ///< CONNACK's or DISCONNECT's; 0 when the network failed first
  bool authentication = false;  ///< user name, password, client id or certificate refused
  bool ours = false;            ///< ended by us: stop, reconnect(), no progress, no answer in time, going back
  int error = 0;                ///< errno of the network, or 0
  bool name = false;            ///< the host's name could not be looked up
  bool tls = false;             ///< TLS failed
  bool asked = false;           ///< hang_up() or reconnect() ended it
  std::vector<Property> properties = {};  ///< of the DISCONNECT
};

/// Told what happens to a Session: on_message and on_outcome on Paho's threads, under its process-wide lock, the rest
/// (and the outcomes that a lost connection leaves unknown) on the session's own thread; never two calls at once for
/// one Session, but for on_outcomes_told(). Copy and post, take at most the lane's lock, never call the Session back
/// (state() and last_failure() are allowed), never block. None is called after stop() returned. Must outlive the
/// Session.
class SessionListener {
 public:
  virtual ~SessionListener() = default;
  /// by_hand: the server is reached, and verified, and CONNECT comes next or has just been sent.
  virtual void on_opened() {}
  /// The subscriptions have been sent by then, and their answers have come; messages may have come before.
  virtual void on_connected(const Limits& limits) = 0;
  /// After a connection, and after every attempt that failed. All outcomes have been told by then. Not after stop().
  virtual void on_disconnected(const Failure& failure) = 0;
  /// QoS 1: the server gets its PUBACK after this returned, so what must not be lost is stored before.
  virtual void on_message(Arrival&& arrival) = 0;
  /// slot is what publish() was given. Exactly once for every publish() that returned true; may come before it returns.
  virtual void on_outcome(std::uint64_t slot, const Outcome& outcome) = 0;
  /// No more outcomes are at hand for now: what was told since the last call may be worked on. Called after every
  /// on_outcome() sooner or later, on the same thread, before that thread waits for the network. Without Paho's lock:
  /// publish() and flush() may be called here. Other calls may come meanwhile, on other threads. Session::call_soon()
  /// asks for one.
  virtual void on_outcomes_told() {}
  /// To subscribe_once() and unsubscribe_once(); slot is what they were given. On one of Paho's threads, like
  /// on_message. None comes when the connection ends first.
  virtual void on_answer(std::uint64_t /*slot*/, const Answer& /*answer*/) {}
};

/// One MQTT connection that keeps itself up, with its state. It connects on a thread of its own (names are resolved
/// there), again and again with decorrelated jitter, until stop(). The virtual seam over Paho: paho_session.cpp is the
/// only file that includes it; tests put a scripted session here.
class Session {
 public:
  virtual ~Session() = default;
  /// Begins connecting; returns at once.
  virtual void start() = 0;
  /// Takes no more publishes, waits at most timeout for the outcomes under way, disconnects and ends. Outcomes that
  /// have not come are told as unknown before it returns. Not from a callback.
  virtual void stop(std::chrono::milliseconds timeout) noexcept = 0;
  /// Hands one message over. False when not connected, or when QoS 0 comes faster than the network takes it; then
  /// nothing was sent. The message is within the Limits: the caller sees to that, and keeps no more than window and
  /// Limits::receive_maximum of QoS 1 and 2 under way. Hold no lock that the listener takes in a call from Paho's lock.
  /// Not from a callback, but for on_outcomes_told().
  /// Throws nothing. QoS 2 wants clean_start: what is under way is forgotten with the connection and packet identifiers
  /// begin again, so a server that kept the session could take a new message for an old one.
  [[nodiscard]] virtual bool publish(std::uint64_t slot, const Message& message) noexcept = 0;
  /// Puts what publish() was given on its way. Once it has been called, publish() alone may leave a message waiting for
  /// company, for a second at most; so call this after the last one of a batch. Cheap. Not from a callback.
  virtual void flush() noexcept {}
  /// On one of Paho's threads: has on_outcomes_told() called there, whether there are outcomes or not, once what came
  /// with the message has been worked on, and returns true. Elsewhere: does nothing and returns false. Cheap; may be
  /// called from any callback of any session.
  virtual bool call_soon() noexcept { return false; }
  /// The wanted set of subscriptions: sent at every connect, and the difference at once when connected, in this order.
  /// Thread-safe.
  virtual void subscribe(std::vector<Subscription> subscriptions) = 0;
  /// Drops the connection and connects again at once; for a watchdog that saw no progress. Thread-safe.
  virtual void reconnect(const std::string& why) noexcept = 0;
  /// Makes the next attempt at a connection now, and lets the pauses between attempts grow from the first again; a
  /// connection that stands, stays. Thread-safe.
  virtual void hurry() noexcept {}
  /// true: takes nothing more, ends the connection with a DISCONNECT once what is under way has been answered or a
  /// second has passed, and makes no attempt until false, which makes one at once. Thread-safe.
  virtual void hold(bool /*held*/) noexcept {}
  /// false: the system says that there is no network, so attempts come no more often than backoff_most. true, after
  /// that: hurry(). Thread-safe.
  virtual void network(bool /*there*/) noexcept {}
  /// by_hand: ends the connection, or the attempt at one, with a DISCONNECT that says this in MQTT 5, after what was
  /// published before. Thread-safe; returns at once.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps them
  virtual void hang_up(std::uint8_t /*reason*/, std::vector<Property> /*properties*/) {}
  /// The same without a DISCONNECT, unless hang_up() has one under way; a stop() that follows sends none either.
  virtual void cut() {}
  /// Send one SUBSCRIBE, UNSUBSCRIBE, apart from the wanted set. False when not connected. Thread-safe; not from a
  /// callback.
  [[nodiscard]] virtual bool subscribe_once(std::uint64_t /*slot*/, const std::vector<Subscription>& /*subscriptions*/,
                                            const std::vector<Property>& /*properties*/) {
    return false;
  }
  [[nodiscard]] virtual bool unsubscribe_once(std::uint64_t /*slot*/, const std::vector<std::string>& /*filters*/,
                                              const std::vector<Property>& /*properties*/) {
    return false;
  }
  [[nodiscard]] virtual State state() const noexcept = 0;
  /// Why the last connection or attempt failed, as on_disconnected was told; what is empty when none did. Thread-safe.
  [[nodiscard]] virtual Failure last_failure() const = 0;
  /// The subscriptions that the server refused on this connection: "filter: why". Thread-safe.
  [[nodiscard]] virtual std::vector<std::string> refused() const { return {}; }
};

/// A session over Paho MQTT C. Throws ConfigError when a server address cannot be understood.
[[nodiscard]] std::unique_ptr<Session> make_paho_session(SessionOptions options, SessionListener& listener);

}  // namespace tidegate::mqtt
