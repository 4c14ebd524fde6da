// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/sim/signal.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tidegate::plugins::sim {
namespace {

/// A walk that missed more turns than this, because the machine slept, goes on from where it was.
constexpr std::int64_t most_steps = 100'000;

/// How much of its period has passed: 0 and more, less than 1.
double phase(Nanoseconds since, Nanoseconds period) {
  return static_cast<double>((since % period).count()) / static_cast<double>(period.count());
}

double between(Range range, double share) {
  return std::lerp(range.least, range.most, share);
}

/// The n-th number of a seed, 0 and more, less than 1 (SplitMix64). The standard library's distributions differ between
/// implementations; this does not.
double uniform(std::uint64_t seed, std::int64_t n) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15U * (static_cast<std::uint64_t>(n) + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

}  // namespace

Signal sine(Range range, Nanoseconds period) {
  return [=](Nanoseconds since) {
    return between(range, 0.5 + 0.5 * std::sin(2 * std::numbers::pi * phase(since, period)));
  };
}

Signal ramp(Range range, Nanoseconds period) {
  return [=](Nanoseconds since) { return between(range, phase(since, period)); };
}

Signal square(Range range, Nanoseconds period) {
  return [=](Nanoseconds since) { return phase(since, period) < 0.5 ? range.most : range.least; };
}

Signal noise(Range range, Nanoseconds interval, std::uint64_t seed) {
  return [=](Nanoseconds since) { return between(range, uniform(seed, since / interval)); };
}

Signal walk(Range range, double step, Nanoseconds interval, std::uint64_t seed) {
  return [=, at = between(range, 0.5), taken = std::int64_t{0}](Nanoseconds since) mutable {
    const std::int64_t due = since / interval;
    for (taken = std::max(taken, due - most_steps); taken < due; ++taken) {
      at += step * (2 * uniform(seed, taken) - 1);
      if (at > range.most) at = 2 * range.most - at;
      if (at < range.least) at = 2 * range.least - at;
      at = std::clamp(at, range.least, range.most);  // for a step that is longer than the range
    }
    return at;
  };
}

}  // namespace tidegate::plugins::sim
