// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/pump.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <tidegate/log.hpp>

#include "forward/key.hpp"
#include "forward/verdict.hpp"

namespace tidegate::forward {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t read_count = 64;
constexpr std::size_t read_bytes = 256U << 10;
constexpr auto stall = std::chrono::seconds{30};

/// An upper bound of what the PUBLISH needs on the wire, beside topic and payload.
std::size_t packet_size(const Message& message) noexcept {
  std::size_t size = 32 + message.topic.size() + message.payload.size() + message.properties.content_type.size() +
                     message.properties.response_topic.size() + message.properties.correlation_data.size();
  for (const auto& [name, value] : message.properties.user) size += 5 + name.size() + value.size();
  return size;
}

}  // namespace

Pump::Pump(PumpOptions options, std::vector<PumpLane> lanes, const MakeSession& make_session, PumpEvents events)
    : options_(std::move(options)), events_(std::move(events)) {
  for (auto& lane : lanes) lanes_.push_back({std::move(lane), {}, {}, {}});
  session_ = make_session(*this);
}

Pump::~Pump() {
  stop(std::chrono::milliseconds{0});
}

void Pump::start() {
  thread_ = std::thread([this] { run(); });
  session_->start();
}

void Pump::stop(std::chrono::milliseconds drain) noexcept {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    drain_until_ = steady_clock::now() + drain;
  }
  condition_.notify_one();
  thread_.join();
  session_->stop(std::chrono::milliseconds{1'000});
}

void Pump::wake() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (readable_) return;
    readable_ = true;
  }
  condition_.notify_one();
}

void Pump::send(Message message) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue) {
      queue_.pop_front();
      ++status_.dropped;
    }
    queue_.push_back(std::move(message));
  }
  condition_.notify_one();
}

void Pump::subscribe(std::vector<mqtt::Subscription> subscriptions) {
  session_->subscribe(std::move(subscriptions));
}

PumpStatus Pump::status() const {
  PumpStatus status;
  {
    const std::lock_guard lock(mutex_);
    status = status_;
    status.queued += queue_.size();
  }
  status.state = session_->state();
  status.failure = session_->last_failure();
  return status;
}

void Pump::on_connected(const mqtt::Limits& limits) {
  {
    const std::lock_guard lock(mutex_);
    new_limits_ = limits;
    link_up_ = true;
    ++connection_;
  }
  condition_.notify_one();
  if (events_.on_connected) events_.on_connected(limits);
}

void Pump::on_disconnected(const mqtt::Failure& failure) {
  {
    const std::lock_guard lock(mutex_);
    link_up_ = false;
    new_limits_.reset();
  }
  condition_.notify_one();
  if (events_.on_disconnected) events_.on_disconnected(failure);
}

void Pump::on_message(mqtt::Arrival&& arrival) {
  if (events_.on_message) events_.on_message(std::move(arrival));
}

void Pump::on_outcome(std::uint64_t slot, const mqtt::Outcome& outcome) {
  {
    const std::lock_guard lock(mutex_);
    told_.push_back({slot, outcome});
  }
  condition_.notify_one();
}

void Pump::run() noexcept {
  std::unique_lock lock(mutex_);
  last_progress_ = steady_clock::now();
  for (;;) {
    const auto has_work = [&] {
      return !told_.empty() || link_up_ != connected_ || new_limits_ || stopping_ ||
             (connected_ && (readable_ || !queue_.empty()) && in_flight_.size() < status_.window);
    };
    if (!has_work()) {
      // The second keeps the stall flag and the waits after refusals true; nothing else needs it.
      condition_.wait_until(lock, std::min(next_try_, steady_clock::now() + std::chrono::seconds{1}), has_work);
    }
    const auto told = std::exchange(told_, {});
    const bool was_connected = connected_;
    connected_ = link_up_;
    filling_ = connection_;
    if (new_limits_) {
      limits_ = *std::exchange(new_limits_, std::nullopt);
      status_.window = std::min<std::size_t>(options_.window, limits_.receive_maximum);
    }
    readable_ = false;
    while (!queue_.empty()) {
      Item item;
      item.record.message = std::move(queue_.front());
      queue_.pop_front();
      volatile_ready_.push_back(std::move(item));
    }
    if (volatile_ready_.size() > options_.queue) {
      status_.dropped += volatile_ready_.size() - options_.queue;
      volatile_ready_.erase(volatile_ready_.begin(),
                            volatile_ready_.end() - static_cast<std::ptrdiff_t>(options_.queue));
    }
    const bool stopping = stopping_;
    const auto drain_until = drain_until_;
    lock.unlock();

    const auto now = steady_clock::now();
    try {
      if (connected_ && !was_connected) {
        // A new connection is a new chance for what the last one refused.
        for (auto& lane : lanes_) {
          lane.not_before = {};
          lane.parked.clear();
        }
        last_progress_ = now;
      }
      for (const auto& entry : told) settle(entry);
      if (connected_) fill();
    } catch (const std::exception& error) {
      // The disk refused to be read; try again with the next turn.
      log::error("{}: {}", options_.name, error.what());
      next_try_ = now + std::chrono::seconds{1};
    }

    lock.lock();
    publish_status(now);
    if (stopping) {
      const bool idle = in_flight_.empty() && volatile_ready_.empty() && queue_.empty() && !readable_ &&
                        std::ranges::all_of(lanes_, [](const LaneState& lane) { return lane.ready.empty(); });
      if (!connected_ || idle || steady_clock::now() >= drain_until) break;
      condition_.wait_until(lock, std::min(drain_until, steady_clock::now() + std::chrono::milliseconds{50}),
                            [&] { return !told_.empty() || link_up_ != connected_; });
    }
  }
}

void Pump::publish_status(Time now) {
  if (in_flight_.empty()) last_progress_ = now;
  status_.in_flight = in_flight_.size();
  status_.queued = volatile_ready_.size();
  status_.stalled = connected_ && now - last_progress_ >= stall;
  status_.parked.clear();
  for (const auto& lane : lanes_) {
    if (!lane.parked.empty()) status_.parked.emplace(lane.options.name, lane.parked);
  }
}

void Pump::settle(const Told& told) {
  const auto found = in_flight_.find(told.slot);
  if (found == in_flight_.end()) return;
  Item item = std::move(found->second);
  in_flight_.erase(found);
  switch (told.outcome.kind) {
    case mqtt::Outcome::Kind::delivered:
      last_progress_ = steady_clock::now();
      if (item.lane != no_lane) {
        auto& lane = lanes_[item.lane];
        lane.options.lane->acknowledge(item.record.sequence);
        {
          const std::lock_guard lock(mutex_);
          ++status_.delivered;
        }
        if (!item.record.message.properties.response_topic.empty() && events_.on_delivered) {
          events_.on_delivered(item.record);
        }
      }
      break;
    case mqtt::Outcome::Kind::refused:
      last_progress_ = steady_clock::now();
      refused(std::move(item), told.outcome);
      break;
    case mqtt::Outcome::Kind::unknown: {
      put_back(std::move(item));
      const std::lock_guard lock(mutex_);
      ++status_.retried;
      break;
    }
  }
}

void Pump::refused(Item item, const mqtt::Outcome& outcome) {
  const auto why = fmt::format("the server refused it: {} (0x{:02X})", outcome.reason, outcome.reason_code);
  if (item.lane == no_lane) {
    log::warning("{}: dropping a message on {}: {}", options_.name, item.record.message.topic, why);
    const std::lock_guard lock(mutex_);
    ++status_.dropped;
    return;
  }
  switch (verdict(outcome.reason_code)) {
    case Verdict::dead_letter:
      dead_letter(std::move(item), why);
      return;
    case Verdict::park: {
      auto& lane = lanes_[item.lane];
      if (lane.parked.empty()) {
        log::warning("{}: lane {} waits: {} for topic {}; nothing is lost, mend the rights on the server",
                     options_.name, lane.options.name, why, item.record.message.topic);
      }
      lane.parked = why;
      lane.not_before = steady_clock::now() + options_.retry_most;
      break;
    }
    case Verdict::retry: {
      auto& lane = lanes_[item.lane];
      const auto wait = std::min(options_.retry_most, options_.retry_first * (1 << std::min(item.attempts, 10U)));
      lane.not_before = steady_clock::now() + wait;
      ++item.attempts;
      log::info("{}: trying topic {} again in {} ms: {}", options_.name, item.record.message.topic, wait.count(), why);
      break;
    }
  }
  put_back(std::move(item));
  const std::lock_guard lock(mutex_);
  ++status_.retried;
}

void Pump::dead_letter(Item item, const std::string& why) {
  auto& lane = lanes_[item.lane];
  if (options_.dead_letters != nullptr) {
    Message letter = item.record.message;
    letter.properties.expiry.reset();
    letter.properties.user.emplace_back("tidegate-dead-letter", why);
    set_key(letter.properties, dedupe_key(options_.gateway, lane.options.name, item.record));
    // Stored there before it leaves here; while the disk refuses, it stays here.
    try {
      if (!options_.dead_letters->append(letter)) throw std::runtime_error("the dead letters are full");
    } catch (const std::exception& error) {
      log::error("{}: cannot move message {} to the dead letters: {}", options_.name, item.record.sequence,
                 error.what());
      lane.not_before = steady_clock::now() + options_.retry_most;
      put_back(std::move(item));
      return;
    }
  }
  log::warning("{}: lane {}: message {} on {} can never be delivered, moved to the dead letters: {}", options_.name,
               lane.options.name, item.record.sequence, item.record.message.topic, why);
  lane.options.lane->discard(item.record.sequence, spool::Discard::dead_lettered);
  {
    const std::lock_guard lock(mutex_);
    ++status_.dead_lettered;
  }
  if (!item.record.message.properties.response_topic.empty() && events_.on_discarded) {
    events_.on_discarded(item.record, spool::Discard::dead_lettered, why);
  }
}

void Pump::put_back(Item item) {
  if (item.lane == no_lane) {
    volatile_ready_.push_front(std::move(item));
    return;
  }
  // Outcomes come in any order; the lane's order is that of its sequences.
  auto& ready = lanes_[item.lane].ready;
  const auto place =
      std::ranges::find_if(ready, [&](const Item& other) { return other.record.sequence > item.record.sequence; });
  ready.insert(place, std::move(item));
}

void Pump::fill() {
  const auto now = steady_clock::now();
  const std::size_t window = std::min<std::size_t>(options_.window, limits_.receive_maximum);
  // What was under way on the last connection is settled (its outcomes came before this) or still on its way here.
  // When the connection is another one meanwhile, that comes first: a new message must not overtake it.
  while (in_flight_.size() < window && filling_ == connection_) {
    auto item = next(now);
    if (!item) return;
    if (!send_item(std::move(*item))) return;
  }
}

std::optional<Pump::Item> Pump::next(Time now) {
  if (!volatile_ready_.empty()) {
    auto item = std::move(volatile_ready_.front());
    volatile_ready_.pop_front();
    return item;
  }
  next_try_ = Time::max();
  for (std::size_t step = 0; step < lanes_.size(); ++step) {
    const std::size_t index = (turn_ + step) % lanes_.size();
    auto& lane = lanes_[index];
    if (lane.not_before > now) {
      next_try_ = std::min(next_try_, lane.not_before);
      continue;
    }
    if (lane.ready.empty()) {
      for (auto& record : lane.options.lane->read(read_count, read_bytes)) {
        lane.ready.push_back({index, std::move(record), 0});
      }
    }
    if (lane.ready.empty()) continue;
    auto item = std::move(lane.ready.front());
    lane.ready.pop_front();
    turn_ = index + 1;
    return item;
  }
  return std::nullopt;
}

Message Pump::prepare(const Item& item) const {
  Message message = item.record.message;
  auto& properties = message.properties;
  if (item.lane != no_lane) {
    const auto& lane = lanes_[item.lane];
    if (lane.options.qos) message.qos = *lane.options.qos;
    if (properties.expiry) {
      const auto waited = std::chrono::floor<std::chrono::seconds>(lane.options.lane->age() - item.record.age);
      *properties.expiry -= std::min(*properties.expiry, waited);
    }
    if (options_.properties) {
      set_key(properties, dedupe_key(options_.gateway, lane.options.name, item.record));
    }
  } else if (options_.properties) {
    set_key(properties, options_.gateway);
  }
  if (item.lane != no_lane && !options_.keep_response) {
    properties.response_topic.clear();
    properties.correlation_data.clear();
  }
  message.qos = std::min(message.qos, limits_.maximum_qos);
  return message;
}

bool Pump::send_item(Item item) {
  Message message = prepare(item);
  if (item.lane != no_lane) {
    if (item.record.message.properties.expiry && message.properties.expiry == std::chrono::seconds{0}) {
      lanes_[item.lane].options.lane->discard(item.record.sequence, spool::Discard::expired);
      if (!item.record.message.properties.response_topic.empty() && events_.on_discarded) {
        events_.on_discarded(item.record, spool::Discard::expired, "its expiry ran out before it could be delivered");
      }
      return true;
    }
    if (packet_size(message) > limits_.maximum_packet_size) {
      dead_letter(
          item, fmt::format("it has {} bytes, the server takes {}", packet_size(message), limits_.maximum_packet_size));
      return true;
    }
    if (message.retain && !limits_.retain_available) {
      message.retain = false;
    }
  }
  // Under way before it is handed over: its outcome may come before publish() returned.
  const auto slot = next_slot_++;
  const auto placed = in_flight_.emplace(slot, std::move(item)).first;
  if (session_->publish(slot, message)) return true;
  put_back(std::move(placed->second));
  in_flight_.erase(placed);
  return false;
}

}  // namespace tidegate::forward
