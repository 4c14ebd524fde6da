// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "filter/change.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "filter/numeric.hpp"
#include "filter/silence.hpp"

namespace tidegate::filter {
namespace {

using namespace std::chrono_literals;

constexpr double largest = std::numeric_limits<double>::max();

/// Whether number is at least step away from last, and another.
bool moved(double last, double number, double step) {
  return number != last && std::abs(number - last) >= step;
}

class Delta final : public Numeric {
 public:
  Delta(Next next, double step, double share) : Numeric(std::move(next)), step_(step), share_(share) {}

 private:
  void take(const Reading& reading, double number) override {
    if (last_ && !moved(*last_, number, std::max(step_, share_ * std::abs(*last_)))) return;
    last_ = number;
    pass(reading);
  }

  const double step_;
  const double share_;  // of the last that passed
  std::optional<double> last_;
};

class Deadband final : public Numeric {
 public:
  Deadband(Next next, double band, Nanoseconds most, Loop& loop, const Clock& clock)
      : Numeric(std::move(next)), band_(band), silence_(most, loop, clock, [this] { report(); }) {}

 private:
  void take(const Reading& reading, double number) override {
    newest_ = reading;
    number_ = number;
    if (!last_ || moved(*last_, number, band_)) report();
  }
  void other(const Reading& reading) override {
    newest_ = reading;
    silence_.broken();
    pass(reading);
  }
  void report() {
    last_ = number_;
    silence_.broken();
    pass(newest_);
  }

  const double band_;
  Reading newest_;
  std::optional<double> number_;  // the newest
  std::optional<double> last_;    // that passed
  Silence silence_;
};

/// The 5 of "5%".
std::optional<double> percentage(std::string_view text) {
  if (!text.ends_with('%')) return {};
  text.remove_suffix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= largest)) return {};
  return value;
}

}  // namespace

Filters::Recipe read_delta(const Block& filter) {
  double step = 0;
  double share = 0;
  if (filter.kind("delta") == Kind::text) {
    const auto given = filter.text("delta", "");
    const auto percent = percentage(given);
    if (!percent) {
      filter.complain("delta",
                      fmt::format("\"{}\" is no share of the last value; write \"5%\", or a number, 0.5", given));
    }
    share = percent.value_or(0) / 100;
  } else {
    step = filter.number("delta", 0, 0, largest);
  }
  return {[=](Next next, Loop&, const Clock&) { return std::make_unique<Delta>(std::move(next), step, share); }};
}

Filters::Recipe read_deadband(const Block& filter) {
  const Block arguments = filter.table("deadband");
  for (const auto* needed : {"band", "most"}) {
    if (filter.kind("deadband") == Kind::table && !arguments.has(needed)) {
      arguments.complain({}, fmt::format("has no {}; write {{ band = 0.5, most = \"5m\" }}", needed));
    }
  }
  const double band = arguments.number("band", 0, 0, largest);
  const auto most = arguments.duration("most", 5min, 1ms, most_interval);
  return {[=](Next next, Loop& loop, const Clock& clock) {
    return std::make_unique<Deadband>(std::move(next), band, most, loop, clock);
  }};
}

}  // namespace tidegate::filter
