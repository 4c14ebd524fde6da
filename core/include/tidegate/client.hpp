// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidegate/message.hpp>

namespace tidegate {

struct ClientOptions {
  std::string url;  ///< mqtt://host:port; empty: local_broker_url(), looked up again whenever there is no connection
  std::filesystem::path runtime;  ///< where url is empty: a gateway's runtime folder, to be looked into instead
  std::string client_id;          ///< empty: "tidegate-" and random letters
  std::optional<std::string> username;
  std::optional<std::string> password;
  bool clean_start = true;
  std::chrono::seconds session_expiry{0};  ///< how long the broker keeps the session of a client that is gone
  std::chrono::milliseconds backoff_first{250};
  std::chrono::milliseconds backoff_most{5'000};
  std::size_t payload_cap = default_payload_cap;

  /// Called with each message that comes, before the broker is told that it has come. True: it is kept; wait() returns,
  /// without it. False, or when it throws: it comes to wait(). On the session's thread, under no lock of the Client.
  std::function<bool(const Message&)> keep;

  std::size_t inbox = 10'000;              ///< messages that wait for wait(); full: the oldest is dropped and counted
  std::size_t inbox_bytes = 64U << 20;     ///< the same in bytes of topics and payloads
  std::size_t outgoing = 1'000;            ///< publishes that wait to be sent
  std::size_t outgoing_bytes = 64U << 20;  ///< the same in bytes of topics and payloads
  std::chrono::milliseconds patience{10'000};     ///< how long publish() waits for room while connected, …
  std::chrono::milliseconds patience_offline{0};  ///< … and while not; then the oldest is dropped and counted
};

/// One filter that a Client wants. identifier comes back in Event::subscriptions (1 to 268435455).
struct ClientSubscription {
  std::string filter;
  Qos qos = Qos::at_least_once;
  std::uint32_t identifier = 0;
  bool no_local = false;  ///< true: what this client publishes does not come back
  bool again = false;     ///< true: what the broker keeps is sent also where it has this filter already
};

/// Something that happened to a Client.
struct Event {
  enum class Kind : std::uint8_t {
    message,    ///< message, subscriptions
    delivered,  ///< token: the broker has acknowledged it (QoS 0: it was handed to the socket)
    refused,    ///< token, reason: the broker refused it, or it is larger than the broker takes
    dropped,    ///< token, reason: it gave way in a full queue, expired, was not sent before stop(), or was QoS 0 and
                ///< lost
    connected,  ///< subscriptions have been sent and answered
    disconnected,  ///< reason: why, and how to mend it; also told for each attempt that fails
  };
  Kind kind = Kind::message;
  bool authentication = false;               ///< disconnected: the user name, password or client id was refused
  std::uint64_t token = 0;                   ///< what publish() returned
  Message message;                           ///< delivered, refused, dropped: only its topic and correlation data
  std::vector<std::uint32_t> subscriptions;  ///< identifiers of the filters that this copy was sent for
  std::string reason;
};

/// What a Client has done since it was made.
struct ClientCounters {
  std::uint64_t published = 0;         ///< accepted by publish()
  std::uint64_t delivered = 0;         ///< acknowledged by the broker; QoS 0: handed to the socket
  std::uint64_t refused = 0;           ///< refused by the broker
  std::uint64_t dropped_outgoing = 0;  ///< gave way in the outgoing queue, expired there, or unsent at stop()
  std::uint64_t received = 0;          ///< arrived from the broker
  std::uint64_t dropped_inbox = 0;     ///< gave way in the inbox before wait() took them
  std::uint64_t dropped_notices = 0;   ///< outcomes and connection changes that nobody waited for (most kept: inbox)
  std::uint64_t connects = 0;
};

/// A client of the local broker: one MQTT 5 session that keeps itself up, a bounded queue out, a bounded inbox in.
/// What automations, `tidegate pub` and `tidegate sub` are made of. Nothing is kept on disk: durability begins at the
/// gateway. Thread-safe, except that one thread at a time may be in wait(). It calls nobody back.
class Client final {
 public:
  /// Opens nothing. Throws ConfigError when the url cannot be understood.
  explicit Client(ClientOptions options);
  /// As stop(0).
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Begins connecting, and keeps at it; returns at once. Throws nothing for a broker that is not there.
  void start();
  /// Sends what waits, as long as there is a connection or a first attempt at one and at most for timeout, then
  /// disconnects. The rest is told as dropped. wait() then returns what is left, and after that nothing, at once.
  void stop(std::chrono::milliseconds timeout) noexcept;

  /// Queues a message and returns its token (from 1 upwards). QoS 1 and 2 are sent again after a lost connection
  /// until the broker acknowledges. An expiry counts while it waits here: what is left of it is sent, and where none is
  /// the message is dropped. tell: an Event when it is delivered; one that it is not comes in any case.
  /// May wait for room (see patience). Throws TopicError and PayloadError; UnavailableError after stop().
  std::uint64_t publish(Message message, bool tell = false);
  /// As publish(), but where that would wait for room it returns nothing, and the message is still there.
  [[nodiscard]] std::optional<std::uint64_t> try_publish(Message& message, bool tell = false);
  /// Has all that waits here be older by that, for expiries: for a clock that is simulated.
  void age(std::chrono::milliseconds time) noexcept;
  /// Waits until nothing is queued or under way. False when timeout came first.
  bool flush(std::chrono::milliseconds timeout);

  /// The wanted set of subscriptions, in place of the last one; kept over reconnects. Throws TopicError.
  void subscribe(std::vector<ClientSubscription> subscriptions);

  /// Waits until something has happened, and returns at most that many events, outcomes and connection changes before
  /// messages. Empty after timeout, after wake(), or once stopped and empty.
  [[nodiscard]] std::vector<Event> wait(std::size_t most, std::chrono::milliseconds timeout);
  /// Makes a wait(), now or next, return.
  void wake() noexcept;

  [[nodiscard]] bool connected() const noexcept;
  [[nodiscard]] ClientCounters counters() const;
  [[nodiscard]] const std::string& client_id() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate
