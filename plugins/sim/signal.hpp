// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include <tidegate/clock.hpp>

namespace tidegate::plugins::sim {

/// What a simulated sensor shows so long after its start. Asked with times that never go back. Two that were made alike
/// show the same.
using Signal = std::function<double(Nanoseconds since)>;

struct Range {
  double least, most;
};

/// From the middle up to most, down to least, and back to the middle, once each period.
[[nodiscard]] Signal sine(Range range, Nanoseconds period);
/// From least towards most, then from least again.
[[nodiscard]] Signal ramp(Range range, Nanoseconds period);
/// most for the first half of each period, least for the second.
[[nodiscard]] Signal square(Range range, Nanoseconds period);
/// Another number of the range each interval, each as likely as any.
[[nodiscard]] Signal noise(Range range, Nanoseconds interval, std::uint64_t seed);
/// From the middle each interval up or down by at most step, and back from the ends of the range.
[[nodiscard]] Signal walk(Range range, double step, Nanoseconds interval, std::uint64_t seed);

}  // namespace tidegate::plugins::sim
