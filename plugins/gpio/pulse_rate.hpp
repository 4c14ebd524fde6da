// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <tidegate/clock.hpp>

namespace tidegate::plugins::gpio {

/// The frequency of pulses, from the times of their edges: exact for many a second and for one a minute alike. A state
/// machine over the times that it is given.
class PulseRate final {
 public:
  /// stopped: no pulse for so long is a frequency of 0.
  explicit PulseRate(Nanoseconds stopped) noexcept : stopped_(stopped) {}

  /// A pulse, and so many more before it whose times were lost.
  void pulse(Nanoseconds at, std::uint64_t lost = 0) noexcept;
  /// Pulses a second since the last call. While none comes it is what one now would make it, so it falls towards 0.
  [[nodiscard]] double take(Nanoseconds now) noexcept;

 private:
  const Nanoseconds stopped_;
  std::optional<Nanoseconds> reference_;  ///< the last pulse before those that are counted
  Nanoseconds last_{};
  std::uint64_t count_ = 0;
  double hertz_ = 0;
};

}  // namespace tidegate::plugins::gpio
