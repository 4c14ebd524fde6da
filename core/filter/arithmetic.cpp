// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "filter/arithmetic.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "filter/numeric.hpp"

namespace tidegate::filter {
namespace {

constexpr double largest = std::numeric_limits<double>::max();

class Clamp final : public Numeric {
 public:
  Clamp(Next next, double least, double most, bool ignore)
      : Numeric(std::move(next)), least_(least), most_(most), ignore_(ignore) {}

 private:
  void take(const Reading& reading, double number) override {
    if (number >= least_ && number <= most_) return pass(reading);
    if (ignore_) return;
    Reading bound = reading;
    bound.quality = Quality::uncertain;
    pass(std::move(bound), std::clamp(number, least_, most_));
  }

  const double least_, most_;
  const bool ignore_;
};

/// A straight line through a point; not through the axis, which may be far away from what is measured.
struct Line {
  double x = 0, y = 0, slope = 1;
};

class CalibrateLinear final : public Numeric {
 public:
  CalibrateLinear(Next next, Line line) : Numeric(std::move(next)), line_(line) {}

 private:
  void take(const Reading& reading, double number) override {
    pass(reading, line_.y + line_.slope * (number - line_.x));
  }

  const Line line_;
};

class Round final : public Numeric {
 public:
  Round(Next next, double scale) : Numeric(std::move(next)), scale_(scale) {}

 private:
  void take(const Reading& reading, double number) override {
    const double scaled = std::round(number * scale_);
    // Integers have no decimals, and what is too large to be scaled has none either.
    if (std::holds_alternative<std::int64_t>(reading.value) || !std::isfinite(scaled)) return pass(reading);
    pass(reading, scaled / scale_);
  }

  const double scale_;
};

}  // namespace

Filters::Recipe read_clamp(const Block& filter) {
  const Block arguments = filter.table("clamp");
  if (filter.kind("clamp") == Kind::table && !arguments.has("min") && !arguments.has("max")) {
    arguments.complain({}, "has neither min nor max; write { min = 0, max = 100 }");
  }
  const double least = arguments.number("min", -largest, -largest, largest);
  const double most = arguments.number("max", largest, -largest, largest);
  const bool ignore = arguments.boolean("ignore_out_of_range", false);
  if (least > most) {
    arguments.complain("min", fmt::format("{} is more than max, which is {}; exchange them", least, most));
  }
  return {[=](Next next, Loop&, const Clock&) {
    return std::make_unique<Clamp>(std::move(next), std::min(least, most), std::max(least, most), ignore);
  }};
}

Filters::Recipe read_calibrate_linear(const Block& filter) {
  const auto points = filter.pairs("calibrate_linear", 2);
  const auto count = static_cast<double>(points.size());
  Line line{0, 0, 0};
  for (const auto& [x, y] : points) {
    line.x += x / count;
    line.y += y / count;
  }
  double both = 0;
  double square = 0;
  for (const auto& [x, y] : points) {
    both += (x - line.x) * (y - line.y);
    square += (x - line.x) * (x - line.x);
  }
  line.slope = both / square;
  const bool differ =
      std::ranges::any_of(points, [&](const auto& point) { return point.first != points.front().first; });
  if (!differ || !std::isfinite(line.slope) || !std::isfinite(line.x) || !std::isfinite(line.y)) {
    // pairs() has said what is wrong with a list that it gives as none.
    if (!points.empty()) {
      filter.complain("calibrate_linear",
                      "needs at least two points with different measured values, [[measured, true], [measured, true]]");
    }
    line = {};
  }
  return {[=](Next next, Loop&, const Clock&) { return std::make_unique<CalibrateLinear>(std::move(next), line); }};
}

Filters::Recipe read_round(const Block& filter) {
  const double scale = std::pow(10.0, static_cast<double>(filter.integer("round", 0, 0, 15)));
  return {[=](Next next, Loop&, const Clock&) { return std::make_unique<Round>(std::move(next), scale); }};
}

}  // namespace tidegate::filter
