// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tidegate {

using Nanoseconds = std::chrono::nanoseconds;
using WallTime = std::chrono::sys_time<Nanoseconds>;  ///< CLOCK_REALTIME; may jump either way

/// How far a wall time may be believed.
enum class ClockQuality : std::uint8_t {
  unsynced = 0,  ///< nobody has set the clock since boot
  ntp = 1,       ///< the kernel says that the clock is disciplined
  rtc = 2,       ///< set from a battery-backed clock at boot, not yet disciplined
};

/// The three letters that stand for a quality in keys and JSON: "none", "ntp", "rtc".
[[nodiscard]] const char* to_string(ClockQuality quality) noexcept;

/// Where time comes from. Intervals use boot(), stamps use wall(). Thread-safe. Tests put a fake behind it.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Since this boot, suspend included (CLOCK_BOOTTIME). Never goes back.
  [[nodiscard]] virtual Nanoseconds boot() const noexcept = 0;
  [[nodiscard]] virtual WallTime wall() const noexcept = 0;
  [[nodiscard]] virtual ClockQuality quality() const noexcept = 0;
};

/// The machine's clock; lives as long as the process. quality() asks the kernel at most once a second.
[[nodiscard]] const Clock& machine_clock() noexcept;

/// "2026-11-20T18:38:58.123Z".
[[nodiscard]] std::string iso8601(WallTime time);

}  // namespace tidegate
