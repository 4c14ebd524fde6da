// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <ctime>
#include <fstream>

#include <fmt/format.h>
#include <sys/timex.h>

#include <tidegate/clock.hpp>

namespace tidegate {
namespace {

Nanoseconds read_clock(clockid_t id) noexcept {
  timespec now{};
  clock_gettime(id, &now);
  return std::chrono::seconds{now.tv_sec} + Nanoseconds{now.tv_nsec};
}

/// Whether the kernel set the clock from a battery-backed one at boot.
bool set_from_rtc() noexcept {
  try {
    std::ifstream file("/sys/class/rtc/rtc0/hctosys");
    char flag = '0';
    return (file >> flag) && flag == '1';
  } catch (...) {
    return false;
  }
}

class MachineClock final : public Clock {
 public:
  [[nodiscard]] Nanoseconds boot() const noexcept override { return read_clock(CLOCK_BOOTTIME); }
  [[nodiscard]] WallTime wall() const noexcept override { return WallTime{read_clock(CLOCK_REALTIME)}; }
  [[nodiscard]] ClockQuality quality() const noexcept override {
    const auto now = boot().count();
    if (now >= next_look_.load(std::memory_order_relaxed)) {
      next_look_.store(now + Nanoseconds{std::chrono::seconds{1}}.count(), std::memory_order_relaxed);
      timex state{};
      const int answer = adjtimex(&state);
      const bool disciplined = answer != -1 && answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
      static const bool rtc = set_from_rtc();
      quality_.store(disciplined ? ClockQuality::ntp
                     : rtc       ? ClockQuality::rtc
                                 : ClockQuality::unsynced,
                     std::memory_order_relaxed);
    }
    return quality_.load(std::memory_order_relaxed);
  }

 private:
  mutable std::atomic<std::int64_t> next_look_{0};
  mutable std::atomic<ClockQuality> quality_{ClockQuality::unsynced};
};

}  // namespace

const char* to_string(ClockQuality quality) noexcept {
  switch (quality) {
    case ClockQuality::ntp:
      return "ntp";
    case ClockQuality::rtc:
      return "rtc";
    case ClockQuality::unsynced:
      break;
  }
  return "none";
}

const Clock& machine_clock() noexcept {
  static const MachineClock clock;
  return clock;
}

std::string iso8601(WallTime time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
  const std::time_t count = seconds.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&count, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (milliseconds - seconds).count());
}

}  // namespace tidegate
