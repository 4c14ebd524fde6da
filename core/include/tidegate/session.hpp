// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidegate/message.hpp>
#include <tidegate/property.hpp>

namespace tidegate {

/// One TLS peer. Verified, chain and name, unless said otherwise.
struct SessionTls {
  std::string ca_file;       ///< PEM; empty: the system's CA store
  std::string cert_file;     ///< PEM client certificate, or empty
  std::string key_file;      ///< PEM, or empty
  std::string key_password;  ///< of an encrypted key, or empty
  std::string ciphers;       ///< OpenSSL's names, for TLS 1.2; empty: its defaults
  std::vector<std::string> alpn;
  bool verify = true;       ///< the chain and the name
  bool verify_name = true;  ///< the name, where the chain is verified
};

struct SessionOptions {
  /// mqtt://host:port, mqtts://host:port or unix:/path, tried in order at each connect().
  std::vector<std::string> servers;
  std::string client_id;
  std::uint8_t version = 5;                ///< 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5
  bool clean_start = true;                 ///< "clean session" before MQTT 5
  std::chrono::seconds session_expiry{0};  ///< MQTT 5: how long the server keeps the session while we are away
  std::optional<std::string> username;
  std::optional<std::string> password;
  SessionTls tls;
  std::chrono::seconds keep_alive{60};  ///< 0: none
  std::chrono::milliseconds connect_timeout{
      5'000};  ///< for the name and the connection; the answer may take keep_alive
  std::optional<Message> will;
  std::vector<Property> will_properties;     ///< MQTT 5, beside those of the will's message
  std::vector<Property> connect_properties;  ///< MQTT 5, beside session_expiry, which is an option
  std::uint16_t window = 100;                ///< most QoS 1 and 2 publishes under way that publish() is called with
  std::size_t inbox = 10'000;                ///< messages that wait for wait(); full: the oldest is dropped and counted
  std::size_t inbox_bytes = 64U << 20;       ///< the same in bytes of topics and payloads
};

struct SessionSubscription {
  std::string filter;
  Qos qos = Qos::at_least_once;
  bool no_local = false;             ///< MQTT 5
  bool retain_as_published = false;  ///< MQTT 5
  std::uint8_t retain_handling = 0;  ///< MQTT 5: 0 send what is kept, 1 send it when the subscription is new, 2 never
};

/// Something that happened to a Session.
struct SessionEvent {
  enum class Kind : std::uint8_t {
    message,       ///< message, duplicate, packet
    delivered,     ///< token, reason_code: acknowledged below 0x80; QoS 0: handed to the socket
    refused,       ///< token, reason_code, reason: acknowledged with 0x80 or more
    unknown,       ///< token, reason: the connection ended first, and the server's session with it
    opened,        ///< the server is reached, and verified
    connected,     ///< session_present, properties: of CONNACK
    failed,        ///< reason, reason_code, error, cause, properties: the attempt of connect() came to nothing
    disconnected,  ///< the same, and ours: the connection has ended
    answered,      ///< token, codes, properties: of SUBACK or UNSUBACK (none for an UNSUBACK before MQTT 5)
  };
  /// What failed below MQTT.
  enum class Cause : std::uint8_t { other, name, tls };

  Kind kind = Kind::message;
  std::uint64_t token = 0;
  Message message;
  bool duplicate = false;
  std::uint16_t packet = 0;  ///< packet identifier, QoS 1 and 2
  bool session_present = false;
  bool ours = false;  ///< disconnect() or connect() ended it
  std::uint8_t reason_code = 0;
  int error = 0;  ///< errno of the network, or 0
  Cause cause = Cause::other;
  std::string reason;  ///< in words that say how to mend it
  std::vector<std::uint8_t> codes;
  std::vector<Property> properties;
};

/// MQTT by hand: one connection at a time, made and ended when told so, each subscription sent as it is given, each
/// answer an event. For those who know MQTT and decide for themselves; Client is what keeps itself up. Nothing is kept
/// on disk. Thread-safe, but for close() and wait(), which one thread at a time may be in. It calls nobody back.
class Session final {
 public:
  /// Opens nothing. Throws ConfigError when an option cannot be.
  explicit Session(const SessionOptions& options);
  ~Session();  ///< As drop() and close().
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Makes one attempt at each server; a connection that is there is dropped before, without a DISCONNECT. Returns at
  /// once; opened and connected, or failed (for each server), come as events. Throws UnavailableError after close().
  void connect();
  /// Ends the connection, or the attempt at one, with a DISCONNECT after what was published before; reason_code and
  /// properties in MQTT 5. Returns at once; disconnected, or failed, comes as an event.
  void disconnect(std::uint8_t reason_code = 0, std::vector<Property> properties = {});
  /// The same without a DISCONNECT, as a connection that breaks: the server publishes the will.
  void drop();
  /// Disconnects and ends. Nothing comes after it.
  void close() noexcept;

  /// Hands one message over. token: any number, which comes back with what became of it. Where QoS 0 comes faster than
  /// the network takes it, waits for room, at most for patience. False when not connected, or when there was no room.
  /// Not clean_start: what is unacknowledged when the connection ends is sent again after the next one, by itself, if
  /// the server has kept the session. Throws TopicError and PayloadError.
  [[nodiscard]] bool publish(std::uint64_t token, const Message& message, std::chrono::milliseconds patience);
  /// Sends one SUBSCRIBE, UNSUBSCRIBE. False when not connected. Throw TopicError.
  [[nodiscard]] bool subscribe(std::uint64_t token, const std::vector<SessionSubscription>& subscriptions,
                               const std::vector<Property>& properties = {});
  [[nodiscard]] bool unsubscribe(std::uint64_t token, const std::vector<std::string>& filters,
                                 const std::vector<Property>& properties = {});

  /// Waits until something has happened, and returns at most that many events, in order. Empty after timeout, wake(),
  /// or close().
  [[nodiscard]] std::vector<SessionEvent> wait(std::size_t most, std::chrono::milliseconds timeout);
  /// Makes a wait(), now or next, return.
  void wake() noexcept;
  /// A descriptor that can be read while wait() would return at once; for select() and the like, never to be
  /// read from or closed. Throws SystemError.
  [[nodiscard]] int descriptor();

  [[nodiscard]] bool connected() const noexcept;
  /// Waits until connected, or an attempt has failed; takes no event. Returns connected().
  bool wait_connected(std::chrono::milliseconds timeout);
  /// Messages that gave way in a full inbox.
  [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate
