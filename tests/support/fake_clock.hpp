// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include <tidegate/clock.hpp>

namespace tidegate::test {

/// A clock that stands still until it is told to move. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Nanoseconds boot = std::chrono::seconds{100},
                     WallTime wall = WallTime{std::chrono::seconds{1'700'000'000}}) noexcept
      : boot_(boot.count()), wall_(wall.time_since_epoch().count()) {}

  [[nodiscard]] Nanoseconds boot() const noexcept override { return Nanoseconds{boot_.load()}; }
  [[nodiscard]] WallTime wall() const noexcept override { return WallTime{Nanoseconds{wall_.load()}}; }
  [[nodiscard]] ClockQuality quality() const noexcept override { return quality_.load(); }

  /// Time passes: both clocks move.
  void advance(Nanoseconds by) noexcept {
    boot_ += by.count();
    wall_ += by.count();
  }
  /// Somebody sets the wall clock.
  void jump(Nanoseconds by) noexcept { wall_ += by.count(); }
  /// The machine starts again: CLOCK_BOOTTIME begins anew.
  void reboot(Nanoseconds boot = std::chrono::seconds{10}) noexcept { boot_ = boot.count(); }
  void set_quality(ClockQuality quality) noexcept { quality_ = quality; }

 private:
  std::atomic<std::int64_t> boot_;
  std::atomic<std::int64_t> wall_;
  std::atomic<ClockQuality> quality_{ClockQuality::ntp};
};

}  // namespace tidegate::test
