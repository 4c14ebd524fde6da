// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/random.h>

#include <tidegate/client.hpp>
#include <tidegate/error.hpp>
#include <tidegate/paths.hpp>
#include <tidegate/topic.hpp>

#include "mqtt/session.hpp"

namespace tidegate {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t window = 100;                   // QoS 1 and 2 under way
constexpr std::size_t window_qos0 = 1'000;            // QoS 0 handed to Paho and not yet to the socket
constexpr std::size_t batch_most = 32;                // messages sent between two looks at the queue
constexpr std::size_t busy_rate = 8;                  // messages a millisecond
constexpr std::chrono::microseconds busy_pause{200};  // of the sender at such a rate, so nobody has to wake it
constexpr milliseconds look_again{500};               // for broker.url, while there is no connection
constexpr milliseconds longest = std::chrono::hours(24 * 365);  // what a condition can wait without overflow

std::string random_client_id() {
  constexpr char letters[] = "0123456789abcdefghijklmnopqrstuv";
  unsigned char bytes[13];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) throw SystemError(errno, "No random bytes for a client id");
  std::string id = "tidegate-";
  for (const unsigned char byte : bytes) id += letters[byte % 32];
  return id;
}

std::size_t weight(const Message& message) noexcept {
  return message.topic.size() + message.payload.size();
}

/// No PUBLISH packet of this message is larger.
std::size_t packet_size(const Message& message) noexcept {
  std::size_t size = 64 + weight(message) + message.properties.content_type.size() +
                     message.properties.response_topic.size() + message.properties.correlation_data.size();
  for (const auto& [name, value] : message.properties.user) size += 5 + name.size() + value.size();
  return size;
}

struct Outgoing {
  std::shared_ptr<const Message> message;  // shared: its outcome may come before Session::publish() has returned
  bool tell = false;
  Steady::time_point since = Steady::now();  // from when on its expiry counts

  /// What is left of its expiry; nothing when it has none.
  [[nodiscard]] std::optional<std::chrono::seconds> left() const {
    const auto& expiry = message->properties.expiry;
    if (!expiry) return std::nullopt;
    return std::chrono::ceil<std::chrono::seconds>(*expiry - (Steady::now() - since));
  }
};

}  // namespace

/// Locks: mutex is taken in the session's callbacks, which run under Paho's lock, so the session is never called with
/// it held. The sender thread makes, starts and ends sessions; what waits is sent by one thread at a time, the sender
/// or the one that has just brought acknowledgements.
struct Client::Impl final : mqtt::SessionListener {
  explicit Impl(ClientOptions given) : options(std::move(given)) {
    if (options.client_id.empty()) options.client_id = random_client_id();
    if (const auto who = local_identity();
        who && options.url.empty() && options.runtime.empty() && !options.username && !options.password) {
      options.username = who->username;
      options.password = who->password;
    }
    if (!options.url.empty()) open_session(options.url);
  }

  // ---- any thread ----

  void start() {
    const std::lock_guard lock(mutex);
    if (started || stopping) return;
    started = true;
    sender = std::thread([this] { send(); });
  }

  void stop(milliseconds timeout) noexcept {
    std::unique_lock lock(mutex);
    const auto deadline = Steady::now() + std::clamp(timeout, milliseconds(0), longest);
    if (started && !stopping) {
      settled.wait_until(lock, deadline, [this] { return idle() || stopping || (!connected && attempt_failed); });
    }
    stopping = true;
    disconnect_by = deadline;
    work.notify_all();
    room.notify_all();
    inbox_filled.notify_all();
    if (std::thread joining = std::exchange(sender, {}); joining.joinable()) {
      lock.unlock();
      joining.join();
      lock.lock();
    } else {
      gone.wait(lock, [this] { return !started || finished; });
    }
    connected = false;
    for (auto* items : {&queue, &under_way}) {
      for (const auto& [token, item] : *items)
        give_up(token, *item.message, "it was not sent before the client stopped");
      items->clear();
    }
    queue_bytes = 0;
    finished = true;
    gone.notify_all();
    settled.notify_all();
    inbox_filled.notify_all();
  }

  std::optional<std::uint64_t> publish(Message& message, bool tell, bool may_wait) {
    check_topic(message.topic);
    check_payload(message, options.payload_cap);
    const std::size_t bytes = weight(message);
    std::unique_lock lock(mutex);
    if (!stopping && queue_full(bytes)) {
      if (!may_wait && patience() > milliseconds(0)) return std::nullopt;
      const auto begun = Steady::now();
      while (!stopping && queue_full(bytes)) {
        const auto deadline = begun + patience();  // the connection may come or go meanwhile, and the patience with it
        if (Steady::now() >= deadline) break;
        ++room_waits;
        room.wait_until(lock, deadline);
        --room_waits;
      }
    }
    if (stopping) throw UnavailableError("The client is stopped: nothing can be published any more");
    while (!queue.empty() && queue_full(bytes)) {
      const auto oldest = queue.begin();
      queue_bytes -= weight(*oldest->second.message);
      give_up(oldest->first, *oldest->second.message,
              fmt::format("{} newer messages were waiting to be sent", queue.size()));
      queue.erase(oldest);
    }
    const std::uint64_t token = ++last_token;
    queue.emplace_hint(queue.end(), token, Outgoing{std::make_shared<const Message>(std::move(message)), tell});
    queue_bytes += bytes;
    ++counters.published;
    if (sender_waits && !sending && may_send()) work.notify_one();
    return token;
  }

  void age(milliseconds time) noexcept {
    const std::lock_guard lock(mutex);
    for (auto* items : {&queue, &under_way}) {
      for (auto& [token, item] : *items) item.since -= time;
    }
  }

  bool flush(milliseconds timeout) {
    std::unique_lock lock(mutex);
    return settled.wait_for(lock, std::min(timeout, longest), [this] { return idle() || stopping; }) && idle();
  }

  void subscribe(std::vector<ClientSubscription> subscriptions) {
    for (const auto& subscription : subscriptions) check_filter(subscription.filter);
    const std::lock_guard lock(mutex);
    wanted = std::move(subscriptions);
    wanted_changed = true;
    work.notify_one();
  }

  std::vector<Event> wait(std::size_t most, milliseconds timeout) {
    std::vector<Event> events;
    std::unique_lock lock(mutex);
    inbox_waits = true;
    inbox_filled.wait_for(lock, std::min(timeout, longest),
                          [this] { return woken || finished || !notices.empty() || !inbox.empty(); });
    inbox_waits = false;
    woken = false;
    events.reserve(std::min(most, notices.size() + inbox.size()));
    while (events.size() < most && !notices.empty()) {
      events.push_back(std::move(notices.front()));
      notices.pop_front();
    }
    while (events.size() < most && !inbox.empty()) {
      inbox_bytes -= weight(inbox.front().message);
      events.push_back(std::move(inbox.front()));
      inbox.pop_front();
    }
    return events;
  }

  void wake() noexcept {
    const std::lock_guard lock(mutex);
    woken = true;
    inbox_filled.notify_one();
  }

  // ---- the session's callbacks ----

  void on_connected(const mqtt::Limits& given) override {
    const std::lock_guard lock(mutex);
    limits = given;
    connected = true;
    attempt_failed = false;
    ++counters.connects;
    Event event;
    event.kind = Event::Kind::connected;
    notice(std::move(event));
    room.notify_all();
    work.notify_one();
  }

  void on_disconnected(const mqtt::Failure& failure) override {
    const std::lock_guard lock(mutex);
    connected = false;
    attempt_failed = true;
    Event event;
    event.kind = Event::Kind::disconnected;
    event.reason = failure.what;
    event.authentication = failure.authentication;
    notice(std::move(event));
    settled.notify_all();
    room.notify_all();
    work.notify_one();
  }

  void on_message(mqtt::Arrival&& arrival) override {
    const bool kept = keep(arrival.message);
    const std::lock_guard lock(mutex);
    ++counters.received;
    if (kept) {
      woken = true;
      if (inbox_waits) inbox_filled.notify_one();
      return;
    }
    const std::size_t bytes = weight(arrival.message);
    while (!inbox.empty() && (inbox.size() >= options.inbox || inbox_bytes + bytes > options.inbox_bytes)) {
      inbox_bytes -= weight(inbox.front().message);
      inbox.pop_front();
      ++counters.dropped_inbox;
    }
    Event& event = inbox.emplace_back();
    event.message = std::move(arrival.message);
    event.subscriptions = std::move(arrival.subscriptions);
    inbox_bytes += bytes;
    if (inbox_waits) inbox_filled.notify_one();
  }

  bool keep(const Message& message) const noexcept {
    if (!options.keep) return false;
    try {
      return options.keep(message);
    } catch (...) {
      return false;
    }
  }

  void on_outcome(std::uint64_t slot, const mqtt::Outcome& outcome) override {
    const std::lock_guard lock(mutex);
    const auto found = under_way.find(slot);
    if (found == under_way.end()) return;
    auto node = under_way.extract(found);
    const Outgoing& item = node.mapped();
    if (item.message->qos == Qos::at_most_once) --under_way_qos0;
    switch (outcome.kind) {
      case mqtt::Outcome::Kind::delivered:
        ++counters.delivered;
        if (item.tell) tell(Event::Kind::delivered, slot, *item.message, {});
        break;
      case mqtt::Outcome::Kind::refused:
        refuse(slot, *item.message, outcome.reason);
        break;
      case mqtt::Outcome::Kind::unknown:
        if (item.message->qos == Qos::at_most_once) {
          give_up(slot, *item.message, "the connection was lost before it was sent, and QoS 0 is not sent twice");
        } else {
          queue_bytes += weight(*item.message);
          queue.insert(std::move(node));  // by its token: where it was, before all that were not sent yet
        }
        break;
    }
    if (idle()) settled.notify_all();
  }

  void on_outcomes_told() override {
    std::unique_lock lock(mutex);
    if (!stopping && !sending && may_send()) send_queue(lock);
  }

  // ---- the sender thread ----

  void send() noexcept {
    std::unique_lock lock(mutex);
    bool begun = false;
    Steady::time_point next_look;
    Steady::time_point last_look = Steady::now();
    while (!stopping) {
      if (!session || (!connected && options.url.empty() && Steady::now() >= next_look)) {
        lock.unlock();
        if (find_broker()) begun = false;
        lock.lock();
        next_look = Steady::now() + look_again;
        if (!session) {
          wait_for_work(lock, look_again);
          continue;
        }
      }
      if (std::exchange(wanted_changed, false) || !begun) {
        std::vector<mqtt::Subscription> subscriptions;
        for (const auto& want : wanted) {
          mqtt::Subscription subscription;
          subscription.filter = want.filter;
          subscription.qos = want.qos;
          subscription.no_local = want.no_local;
          subscription.retain_as_published = false;  // the mark then means what people know: it was kept, it may be old
          subscription.identifier = want.identifier;
          if (want.again) subscription.retain_handling = 0;
          subscriptions.push_back(std::move(subscription));
        }
        lock.unlock();
        session->subscribe(std::move(subscriptions));
        if (!std::exchange(begun, true)) session->start();
        lock.lock();
        continue;
      }
      if (!sending && may_send()) {
        if (!send_queue(lock))
          wait_for_work(lock, milliseconds(20));  // it is about to tell us that it is not connected
        continue;
      }
      const auto now = Steady::now();
      if (sent_since_look > busy_rate * static_cast<std::size_t>((now - last_look) / milliseconds(1) + 1)) {
        work.wait_for(lock, busy_pause);
      } else {
        wait_for_work(lock, connected ? milliseconds::max() : look_again);
      }
      last_look = Steady::now();
      sent_since_look = 0;
    }
    const auto left = std::max(milliseconds(100), std::chrono::ceil<milliseconds>(disconnect_by - Steady::now()));
    lock.unlock();
    if (session) session->stop(left);
  }

  void wait_for_work(std::unique_lock<std::mutex>& lock, milliseconds most) {
    if (stopping) return;
    sender_waits = true;
    if (most == milliseconds::max()) {
      work.wait(lock);
    } else {
      work.wait_for(lock, most);
    }
    sender_waits = false;
  }

  // ---- the one thread that sends ----

  /// One message on its way to the session.
  struct Leaving {
    std::uint64_t token = 0;
    std::shared_ptr<const Message> message;
    std::optional<std::chrono::seconds> left;
  };

  /// Sends what the window allows until nothing waits. False when the session did not take one.
  bool send_queue(std::unique_lock<std::mutex>& lock) {
    sending = true;
    bool taken = true;
    while (taken && !stopping && may_send()) {
      batch.clear();
      while (batch.size() < batch_most && may_send()) {
        if (auto one = take_first()) batch.push_back(std::move(*one));
      }
      const auto most = limits.maximum_qos;
      lock.unlock();
      std::size_t sent = 0;
      while (sent < batch.size() && hand_over(batch[sent], most)) ++sent;
      if (sent > 0) session->flush();
      lock.lock();
      sent_since_look += sent;
      taken = sent == batch.size();
      for (; sent < batch.size(); ++sent) put_back(batch[sent].token);
    }
    batch.clear();
    sending = false;
    return taken;
  }

  /// Takes the first message out of the queue. Nothing when it is not to be sent: what became of it is told.
  std::optional<Leaving> take_first() {
    auto node = queue.extract(queue.begin());
    Leaving one{node.key(), node.mapped().message, node.mapped().left()};
    const Message& message = *one.message;
    queue_bytes -= weight(message);
    if (room_waits > 0 && queue.size() <= options.outgoing / 2 && queue_bytes <= options.outgoing_bytes / 2)
      room.notify_all();
    if (one.left && *one.left <= std::chrono::seconds(0)) {
      give_up(one.token, message, "it expired before it could be sent");
    } else if (packet_size(message) > limits.maximum_packet_size) {
      refuse(one.token, message,
             fmt::format("it is larger than the {} bytes that the broker takes", limits.maximum_packet_size));
    } else if (message.retain && !limits.retain_available) {
      refuse(one.token, message, "the broker keeps no retained messages");
    } else {
      if (message.qos == Qos::at_most_once) ++under_way_qos0;
      under_way.insert(std::move(node));
      return one;
    }
    if (idle()) settled.notify_all();
    return std::nullopt;
  }

  /// Without the lock.
  bool hand_over(const Leaving& one, Qos most) {
    if (!one.left && one.message->qos <= most) return session->publish(one.token, *one.message);
    Message changed = *one.message;
    changed.qos = std::min(changed.qos, most);
    changed.properties.expiry = one.left;
    return session->publish(one.token, changed);
  }

  void put_back(std::uint64_t token) {
    auto node = under_way.extract(token);
    if (node.empty()) return;
    const Message& message = *node.mapped().message;
    if (message.qos == Qos::at_most_once) --under_way_qos0;
    queue_bytes += weight(message);
    queue.insert(std::move(node));
  }

  /// Looks the broker up; makes a session for a URL that is new. True when it did. Without the lock.
  bool find_broker() {
    std::string why;
    try {
      std::string found = options.runtime.empty() ? local_broker_url() : local_broker_url(options.runtime);
      if (session && found == url) return false;
      if (session) session->stop(milliseconds(0));
      session.reset();
      open_session(found);
      return true;
    } catch (const std::exception& error) {
      why = error.what();
    }
    if (session) return false;  // keep trying where it was last
    const std::lock_guard lock(mutex);
    attempt_failed = true;
    settled.notify_all();
    if (why == last_complaint) return false;
    last_complaint = why;
    Event event;
    event.kind = Event::Kind::disconnected;
    event.reason = std::move(why);
    notice(std::move(event));
    return false;
  }

  void open_session(const std::string& server) {
    mqtt::SessionOptions made;
    made.name = "local";
    made.servers = {server};
    made.client_id = options.client_id;
    made.clean_start = options.clean_start;
    made.session_expiry = options.session_expiry;
    made.username = options.username;
    made.password = options.password;
    made.backoff_first = options.backoff_first;
    made.backoff_most = options.backoff_most;
    made.window = window;
    session = mqtt::make_paho_session(std::move(made), *this);
    url = server;
  }

  // ---- with the lock ----

  [[nodiscard]] bool idle() const noexcept { return queue.empty() && under_way.empty(); }

  /// Whether the first message may go to the session now.
  [[nodiscard]] bool may_send() const noexcept {
    if (!connected || queue.empty()) return false;
    if (queue.begin()->second.message->qos == Qos::at_most_once) return under_way_qos0 < window_qos0;
    return under_way.size() - under_way_qos0 < std::min<std::size_t>(window, limits.receive_maximum);
  }

  [[nodiscard]] milliseconds patience() const noexcept {
    return std::min(connected ? options.patience : options.patience_offline, longest);
  }

  [[nodiscard]] bool queue_full(std::size_t more) const noexcept {
    return queue.size() >= options.outgoing || (!queue.empty() && queue_bytes + more > options.outgoing_bytes);
  }

  void notice(Event&& event) {
    if (notices.size() >= std::max<std::size_t>(options.inbox, 1)) {
      notices.pop_front();
      ++counters.dropped_notices;
    }
    notices.push_back(std::move(event));
    if (inbox_waits) inbox_filled.notify_one();
  }

  void tell(Event::Kind kind, std::uint64_t token, const Message& message, std::string reason) {
    Event event;
    event.kind = kind;
    event.token = token;
    event.message.topic = message.topic;
    event.message.properties.correlation_data = message.properties.correlation_data;
    event.reason = std::move(reason);
    notice(std::move(event));
  }

  void give_up(std::uint64_t token, const Message& message, std::string reason) {
    ++counters.dropped_outgoing;
    tell(Event::Kind::dropped, token, message, std::move(reason));
  }

  void refuse(std::uint64_t token, const Message& message, std::string reason) {
    ++counters.refused;
    tell(Event::Kind::refused, token, message, std::move(reason));
  }

  ClientOptions options;  // constant after construction

  mutable std::mutex mutex;
  std::condition_variable work;                 // the sender
  std::condition_variable room;                 // publishers
  std::condition_variable settled;              // flush() and stop()
  std::condition_variable gone;                 // a second stop()
  std::condition_variable inbox_filled;         // wait()
  std::map<std::uint64_t, Outgoing> queue;      // by token, so what is sent again keeps its place
  std::map<std::uint64_t, Outgoing> under_way;  // handed to the session
  std::size_t queue_bytes = 0;
  std::size_t under_way_qos0 = 0;
  std::deque<Event> notices;
  std::deque<Event> inbox;
  std::size_t inbox_bytes = 0;
  std::vector<ClientSubscription> wanted;
  bool wanted_changed = false;
  mqtt::Limits limits;
  ClientCounters counters;
  std::uint64_t last_token = 0;
  std::string last_complaint;
  Steady::time_point disconnect_by;
  bool started = false;
  bool stopping = false;
  bool finished = false;
  bool connected = false;
  bool attempt_failed = false;
  bool sender_waits = false;
  bool sending = false;
  std::size_t room_waits = 0;       // publishers
  std::size_t sent_since_look = 0;  // by whoever sends
  std::vector<Leaving> batch;       // of the one that sends
  bool inbox_waits = false;
  bool woken = false;

  std::string url;                         // the session's; sender thread
  std::unique_ptr<mqtt::Session> session;  // sender thread, once started
  std::thread sender;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() {
  stop(milliseconds(0));
}
void Client::start() {
  impl_->start();
}
void Client::stop(milliseconds timeout) noexcept {
  impl_->stop(timeout);
}
std::uint64_t Client::publish(Message message, bool tell) {
  return impl_->publish(message, tell, true).value();
}
std::optional<std::uint64_t> Client::try_publish(Message& message, bool tell) {
  return impl_->publish(message, tell, false);
}
void Client::age(milliseconds time) noexcept {
  impl_->age(time);
}
bool Client::flush(milliseconds timeout) {
  return impl_->flush(timeout);
}
void Client::subscribe(std::vector<ClientSubscription> subscriptions) {
  impl_->subscribe(std::move(subscriptions));
}
std::vector<Event> Client::wait(std::size_t most, milliseconds timeout) {
  return impl_->wait(most, timeout);
}
void Client::wake() noexcept {
  impl_->wake();
}
bool Client::connected() const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->connected;
}
ClientCounters Client::counters() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counters;
}
const std::string& Client::client_id() const noexcept {
  return impl_->options.client_id;
}

}  // namespace tidegate
