// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "filter/pace.hpp"

#include <limits>
#include <optional>

#include <tidegate/reading.hpp>

#include "filter/silence.hpp"

namespace tidegate::filter {
namespace {

using namespace std::chrono_literals;

class Throttle final : public Channel {
 public:
  Throttle(Next next, Nanoseconds interval, const Clock& clock)
      : next_(std::move(next)), interval_(interval), clock_(clock) {}

  void put(const Reading& reading) override {
    const bool bad = reading.quality == Quality::bad;
    const Nanoseconds now = clock_.boot();
    const bool due = !last_ || now - *last_ >= interval_;
    if (!due && !(bad && !was_bad_)) return;
    if (due) last_ = now;
    was_bad_ = bad;
    next_->put(reading);
  }

 private:
  const Next next_;
  const Nanoseconds interval_;
  const Clock& clock_;
  std::optional<Nanoseconds> last_;
  bool was_bad_ = false;
};

class Heartbeat final : public Channel {
 public:
  Heartbeat(Next next, Nanoseconds interval, bool optimistic, Loop& loop)
      : next_(std::move(next)), interval_(interval), optimistic_(optimistic), loop_(loop) {}

  void put(const Reading& reading) override {
    last_ = reading;
    if (!timer_) timer_ = loop_.every(interval_, [this] { next_->put(last_); });
    if (optimistic_) next_->put(reading);
  }

 private:
  const Next next_;
  const Nanoseconds interval_;
  const bool optimistic_;
  Loop& loop_;
  Reading last_;
  Source timer_;  // from the first reading on
};

class Timeout final : public Channel {
 public:
  Timeout(Next next, Nanoseconds after, std::optional<Value> value, Loop& loop, const Clock& clock)
      : next_(std::move(next)),
        value_(std::move(value)),
        clock_(clock),
        silence_(after, loop, clock, [this] { say(); }) {}

  void put(const Reading& reading) override {
    last_ = reading;
    // A bad reading is no sign of life; but it starts the wait when nothing else did.
    if (reading.quality != Quality::bad || (!silence_.waits() && !said_)) {
      silence_.broken();
      said_ = false;
    }
    next_->put(reading);
  }

 private:
  void say() {
    said_ = true;
    if (value_) {
      last_.value = *value_;
      last_.taken = clock_.wall();
      last_.clock = clock_.quality();
    }
    last_.quality = value_ ? Quality::good : Quality::bad;
    next_->put(last_);
  }

  const Next next_;
  const std::optional<Value> value_;
  const Clock& clock_;
  Reading last_;
  bool said_ = false;
  Silence silence_;
};

Nanoseconds interval(const Block& block, std::string_view key, Nanoseconds usual) {
  return block.duration(key, usual, 1ms, most_interval);
}

std::optional<Value> read_value(const Block& block, std::string_view key) {
  constexpr double largest = std::numeric_limits<double>::max();
  switch (block.kind(key)) {
    case Kind::absent:
      return {};
    case Kind::boolean:
      return block.boolean(key, false);
    case Kind::text:
      return block.text(key, "");
    default:
      return block.number(key, 0, -largest, largest);  // with a complaint when it is none
  }
}

/// The time that a filter takes alone or, in a table, beside other arguments.
Nanoseconds required_interval(const Block& table, std::string_view key, Nanoseconds usual, const char* example) {
  if (!table.has(key)) table.complain({}, std::string("has no ") + std::string(key) + "; write " + example);
  return interval(table, key, usual);
}

}  // namespace

Filters::Recipe read_throttle(const Block& filter) {
  const auto time = interval(filter, "throttle", 10s);
  return {
      [=](Next next, Loop&, const Clock& clock) { return std::make_unique<Throttle>(std::move(next), time, clock); }};
}

Filters::Recipe read_heartbeat(const Block& filter) {
  Nanoseconds time{};
  bool optimistic = false;
  if (filter.kind("heartbeat") == Kind::table) {
    const Block arguments = filter.table("heartbeat");
    time = required_interval(arguments, "interval", 60s, "{ interval = \"60s\", optimistic = true }");
    optimistic = arguments.boolean("optimistic", false);
  } else {
    time = interval(filter, "heartbeat", 60s);
  }
  return {[=](Next next, Loop& loop, const Clock&) {
    return std::make_unique<Heartbeat>(std::move(next), time, optimistic, loop);
  }};
}

Filters::Recipe read_timeout(const Block& filter) {
  Nanoseconds after{};
  std::optional<Value> value;
  if (filter.kind("timeout") == Kind::table) {
    const Block arguments = filter.table("timeout");
    after = required_interval(arguments, "after", 5min, "{ after = \"5m\", value = 0 }");
    value = read_value(arguments, "value");
  } else {
    after = interval(filter, "timeout", 5min);
  }
  return {[=](Next next, Loop& loop, const Clock& clock) {
    return std::make_unique<Timeout>(std::move(next), after, value, loop, clock);
  }};
}

}  // namespace tidegate::filter
