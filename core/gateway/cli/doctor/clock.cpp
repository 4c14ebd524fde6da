// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <fmt/format.h>
#include <sys/stat.h>

#include <tidegate/clock.hpp>

#include "gateway/cli/doctor/checks.hpp"

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto slack = 2min;  ///< between clocks of one machine

/// When a file was last changed; nothing when it is not there.
std::optional<WallTime> changed(const std::filesystem::path& file) {
  struct stat about{};
  if (stat(file.c_str(), &about) < 0) return std::nullopt;
  return WallTime{std::chrono::seconds{about.st_mtim.tv_sec} + Nanoseconds{about.st_mtim.tv_nsec}};
}

}  // namespace

Findings check_clock(const Patient& patient) {
  const char* const what = "clock";
  const char* const mend = "sudo timedatectl set-ntp true   (and see: timedatectl timesync-status)";
  const auto now = machine_clock().wall();
  struct Known {
    std::optional<WallTime> time;
    const char* what;
  };
  const Known before[] = {
      {patient.here() ? changed("/proc/self/exe") : std::nullopt, "before this program was built"},
      {changed(patient.in("var/lib/systemd/timesync/clock")), "before the clock was last synchronized"},
      {changed(patient.in("etc/fake-hwclock.data")), "before this machine was last stopped"}};
  for (const auto& [time, is] : before) {
    if (time && now + slack < *time)
      return {{Verdict::fail, what,
               fmt::format("it is {}, {}: certificates are refused, and messages dated wrong", iso8601(now), is),
               mend}};
  }
  const bool told = patient.read("run/systemd/timesync/synchronized").has_value();
  const auto quality = patient.here() ? machine_clock().quality() : told ? ClockQuality::ntp : ClockQuality::unsynced;
  switch (quality) {
    case ClockQuality::ntp:
      return {{Verdict::ok, what, "synchronized", {}}};
    case ClockQuality::rtc:
      return {
          {Verdict::warn, what, "set from the battery-backed clock at boot, and synchronized with nobody since", mend}};
    case ClockQuality::unsynced:
      break;
  }
  return {{Verdict::warn, what, "nobody has set it since boot, as far as the kernel knows: messages may be dated wrong",
           mend}};
}

}  // namespace tidegate::cli
