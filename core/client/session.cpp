// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/session.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/session.hpp>
#include <tidegate/topic.hpp>

namespace tidegate {
namespace {

using std::chrono::milliseconds;
using Kind = SessionEvent::Kind;

constexpr milliseconds longest = std::chrono::hours(24 * 365);  // what a condition can wait without overflow
constexpr milliseconds goodbye_time{200};

std::size_t weight(const Message& message) noexcept {
  return message.topic.size() + message.payload.size();
}

mqtt::SessionOptions to_mqtt(const SessionOptions& given) {
  if (given.version < 3 || given.version > 5)
    throw ConfigError(fmt::format("version {} is no version of MQTT: 3 is 3.1, 4 is 3.1.1, 5 is 5", given.version));
  for (const auto& protocol : given.tls.alpn) {
    if (protocol.empty() || protocol.size() > 255) throw ConfigError("an ALPN protocol has 1 to 255 bytes");
  }
  if (given.keep_alive < std::chrono::seconds(0) || given.keep_alive > std::chrono::seconds(65535))
    throw ConfigError(fmt::format("keep_alive {} s is not 0 to 65535 s", given.keep_alive.count()));
  if (given.will) check_topic(given.will->topic);
  mqtt::SessionOptions made;
  made.name = "session";
  made.servers = given.servers;
  made.client_id = given.client_id;
  made.version = static_cast<mqtt::Version>(given.version);
  made.clean_start = given.clean_start;
  made.session_expiry = given.session_expiry;
  made.username = given.username;
  made.password = given.password;
  made.tls.ca_file = given.tls.ca_file;
  made.tls.cert_file = given.tls.cert_file;
  made.tls.key_file = given.tls.key_file;
  made.tls.key_password = given.tls.key_password;
  made.tls.ciphers = given.tls.ciphers;
  made.tls.alpn = given.tls.alpn;
  made.tls.verify = given.tls.verify;
  made.tls.verify_name = given.tls.verify_name;
  made.keep_alive = given.keep_alive;
  made.connect_timeout = given.connect_timeout;
  made.return_after = milliseconds(0);
  made.will = given.will;
  made.will_properties = given.will_properties;
  made.connect_properties = given.connect_properties;
  made.receive_maximum = 0;
  made.maximum_packet_size = 0;
  made.window = given.window;
  made.by_hand = true;
  return made;
}

}  // namespace

/// mutex is taken in the session's callbacks, which run under Paho's lock, so the session is never called with it held.
struct Session::Impl final : mqtt::SessionListener {
  explicit Impl(const SessionOptions& given)
      : inbox_most(std::max<std::size_t>(given.inbox, 1)),
        inbox_bytes_most(given.inbox_bytes),
        session(mqtt::make_paho_session(to_mqtt(given), *this)) {}

  // ---- the session's callbacks ----

  void on_opened() override {
    const std::lock_guard lock(mutex);
    push(Kind::opened);
  }

  void on_connected(const mqtt::Limits& limits) override {
    const std::lock_guard lock(mutex);
    connected = true;
    room.notify_all();
    SessionEvent& event = push(Kind::connected);
    event.session_present = limits.session_present;
    event.properties = limits.properties;
    for (auto& one : early) keep(std::move(one));  // came with the CONNACK
    early.clear();
  }

  void on_disconnected(const mqtt::Failure& failure) override {
    const std::lock_guard lock(mutex);
    for (auto& one : early) keep(std::move(one));
    early.clear();
    SessionEvent& event = push(connected ? Kind::disconnected : Kind::failed);
    connected = false;
    trying = trying_again;
    trying_again = false;
    event.reason = failure.what;
    event.reason_code = static_cast<std::uint8_t>(failure.reason_code);
    event.ours = failure.asked;
    event.error = failure.error;
    event.cause = failure.name  ? SessionEvent::Cause::name
                  : failure.tls ? SessionEvent::Cause::tls
                                : SessionEvent::Cause::other;
    event.properties = failure.properties;
    room.notify_all();
  }

  void on_message(mqtt::Arrival&& arrival) override {
    const std::lock_guard lock(mutex);
    if (connected) {
      keep(std::move(arrival));
    } else {
      early.push_back(std::move(arrival));
    }
  }

  void on_outcome(std::uint64_t slot, const mqtt::Outcome& outcome) override {
    const std::lock_guard lock(mutex);
    SessionEvent& event = push(outcome.kind == mqtt::Outcome::Kind::delivered ? Kind::delivered
                               : outcome.kind == mqtt::Outcome::Kind::refused ? Kind::refused
                                                                              : Kind::unknown);
    event.token = slot;
    event.reason_code = outcome.reason_code;
    event.reason = outcome.reason;
    if (waits_for_room) room.notify_all();
  }

  void on_answer(std::uint64_t slot, const mqtt::Answer& answer) override {
    const std::lock_guard lock(mutex);
    SessionEvent& event = push(Kind::answered);
    event.token = slot;
    event.codes = answer.codes;
    event.properties = answer.properties;
  }

  // ---- with the lock ----

  SessionEvent& push(Kind kind) {
    SessionEvent& event = events.emplace_back();
    event.kind = kind;
    filled.notify_one();
    if (events.size() == 1) signal();
    return event;
  }

  void signal() const noexcept {
    if (!readable) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(readable.get(), &one, sizeof one);
  }

  void keep(mqtt::Arrival&& arrival) {
    const std::size_t bytes = weight(arrival.message);
    while (messages > 0 && (messages >= inbox_most || bytes_kept + bytes > inbox_bytes_most)) {
      const auto oldest = std::ranges::find_if(events, [](const auto& event) { return event.kind == Kind::message; });
      bytes_kept -= weight(oldest->message);
      --messages;
      ++dropped;
      events.erase(oldest);
    }
    SessionEvent& event = push(Kind::message);
    event.message = std::move(arrival.message);
    event.duplicate = arrival.duplicate;
    event.packet = arrival.packet;
    for (const auto identifier : arrival.subscriptions) event.properties.push_back({11, identifier});
    bytes_kept += bytes;
    ++messages;
  }

  const std::size_t inbox_most;
  const std::size_t inbox_bytes_most;

  mutable std::mutex mutex;
  std::condition_variable filled;  // wait()
  std::condition_variable room;    // publish()
  std::deque<SessionEvent> events;
  std::deque<mqtt::Arrival> early;
  std::size_t messages = 0;  // in events
  std::size_t bytes_kept = 0;
  std::uint64_t dropped = 0;
  Descriptor readable;
  unsigned waits_for_room = 0;
  bool begun = false;
  bool trying = false;        ///< an attempt or a connection is under way
  bool trying_again = false;  ///< and another attempt follows it
  bool closed = false;
  bool woken = false;
  bool connected = false;

  std::unique_ptr<mqtt::Session> session;  ///< last: it calls back until it is gone
};

Session::Session(const SessionOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Session::~Session() {
  drop();
  close();
}

void Session::connect() {
  bool first = false;
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->closed) throw UnavailableError("The session is closed: make another");
    first = !std::exchange(impl_->begun, true);
    impl_->trying_again = impl_->trying;
    impl_->trying = true;
  }
  if (first) {
    impl_->session->start();
  } else {
    impl_->session->reconnect("connected anew");
  }
}

void Session::disconnect(std::uint8_t reason_code, std::vector<Property> properties) {
  impl_->session->hang_up(reason_code, std::move(properties));
}

void Session::drop() {
  impl_->session->cut();
}

void Session::close() noexcept {
  impl_->session->stop(goodbye_time);
  const std::lock_guard lock(impl_->mutex);
  impl_->closed = true;
  impl_->trying = false;
  impl_->connected = false;
  impl_->filled.notify_all();
  impl_->room.notify_all();
}

bool Session::publish(std::uint64_t token, const Message& message, milliseconds patience) {
  check_topic(message.topic);
  check_payload(message, std::size_t{268'435'455});
  const auto deadline = std::chrono::steady_clock::now() + std::min(patience, longest);
  for (;;) {
    if (impl_->session->publish(token, message)) return true;
    std::unique_lock lock(impl_->mutex);
    if (!impl_->connected || std::chrono::steady_clock::now() >= deadline) return false;
    ++impl_->waits_for_room;
    // A notice may have come just before; the next look is soon.
    impl_->room.wait_until(lock, std::min(deadline, std::chrono::steady_clock::now() + milliseconds(20)));
    --impl_->waits_for_room;
  }
}

bool Session::subscribe(std::uint64_t token, const std::vector<SessionSubscription>& subscriptions,
                        const std::vector<Property>& properties) {
  std::vector<mqtt::Subscription> asked;
  for (const auto& one : subscriptions) {
    check_filter(one.filter);
    asked.push_back({.filter = one.filter,
                     .qos = one.qos,
                     .no_local = one.no_local,
                     .retain_as_published = one.retain_as_published,
                     .retain_handling = one.retain_handling});
  }
  return impl_->session->subscribe_once(token, asked, properties);
}

bool Session::unsubscribe(std::uint64_t token, const std::vector<std::string>& filters,
                          const std::vector<Property>& properties) {
  for (const auto& filter : filters) check_filter(filter);
  return impl_->session->unsubscribe_once(token, filters, properties);
}

std::vector<SessionEvent> Session::wait(std::size_t most, milliseconds timeout) {
  auto& impl = *impl_;
  std::vector<SessionEvent> taken;
  std::unique_lock lock(impl.mutex);
  impl.filled.wait_for(lock, std::min(timeout, longest),
                       [&] { return impl.woken || impl.closed || !impl.events.empty(); });
  impl.woken = false;
  taken.reserve(std::min(most, impl.events.size()));
  while (taken.size() < most && !impl.events.empty()) {
    SessionEvent& event = impl.events.front();
    if (event.kind == Kind::message) {
      --impl.messages;
      impl.bytes_kept -= weight(event.message);
    }
    taken.push_back(std::move(event));
    impl.events.pop_front();
  }
  if (impl.readable && impl.events.empty()) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(impl.readable.get(), &count, sizeof count);
  }
  return taken;
}

void Session::wake() noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->woken = true;
  impl_->signal();
  impl_->filled.notify_one();
}

int Session::descriptor() {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->readable) {
    impl_->readable = Descriptor(::eventfd(impl_->events.empty() ? 0 : 1, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!impl_->readable) throw SystemError(errno, "cannot make an eventfd");
  }
  return impl_->readable.get();
}

bool Session::wait_connected(milliseconds timeout) {
  std::unique_lock lock(impl_->mutex);
  impl_->room.wait_for(lock, std::min(timeout, longest), [&] { return impl_->connected || !impl_->trying; });
  return impl_->connected;
}

bool Session::connected() const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->connected;
}

std::uint64_t Session::dropped() const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->dropped;
}

}  // namespace tidegate
