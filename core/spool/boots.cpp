// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/boots.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "spool/checksum.hpp"

namespace tidegate::spool {
namespace {

constexpr std::int64_t most_age = Nanoseconds{std::chrono::years{100}}.count();
constexpr std::int64_t most_ahead = Nanoseconds{std::chrono::years{150}}.count();

std::optional<ClockQuality> quality_of(std::string_view text) noexcept {
  for (const auto quality : {ClockQuality::unsynced, ClockQuality::ntp, ClockQuality::rtc}) {
    if (text == to_string(quality)) return quality;
  }
  return std::nullopt;
}

int rank(ClockQuality quality) noexcept {
  return quality == ClockQuality::ntp ? 2 : quality == ClockQuality::rtc ? 1 : 0;
}

}  // namespace

std::string checked(const std::string& line) {
  return fmt::format("{} {:08x}", line, checksum(std::as_bytes(std::span(line)), 0xFFFFFFFF));
}

std::optional<std::string> unchecked(std::string_view line) {
  std::string text(line.substr(0, line.rfind(' ')));
  if (checked(text) != line) return std::nullopt;
  return text;
}

std::optional<WallTime> Boots::wall_at(Nanoseconds age) const {
  const std::lock_guard lock(mutex_);
  const auto* boot = find(age);
  if (boot == nullptr || boot->quality == ClockQuality::unsynced) return std::nullopt;
  return WallTime{age + boot->ahead};
}

ClockQuality Boots::quality_at(Nanoseconds age) const {
  const std::lock_guard lock(mutex_);
  const auto* boot = find(age);
  return boot == nullptr ? ClockQuality::unsynced : boot->quality;
}

const Boots::Boot* Boots::find(Nanoseconds age) const {
  // Mostly the newest is asked for.
  const auto found = std::find_if(all_.rbegin(), all_.rend(), [&](const Boot& boot) { return boot.from <= age; });
  return found == all_.rend() ? nullptr : &*found;
}

void Boots::add(const Boot& boot) {
  all_.push_back(boot);
  if (all_.size() > most) all_.pop_front();
}

void Boots::begin(Nanoseconds age) {
  const std::lock_guard lock(mutex_);
  while (!all_.empty() && all_.back().from >= age) all_.pop_back();
  add({age, ClockQuality::unsynced, {}});
}

bool Boots::look(Nanoseconds age, WallTime wall, ClockQuality quality) {
  const std::lock_guard lock(mutex_);
  if (all_.empty() || quality == ClockQuality::unsynced || rank(quality) < rank(all_.back().quality)) return false;
  const bool better = rank(quality) > rank(all_.back().quality);
  all_.back().quality = quality;
  all_.back().ahead = wall.time_since_epoch() - age;
  return better;
}

std::optional<Nanoseconds> Boots::newest() const {
  const std::lock_guard lock(mutex_);
  if (all_.empty()) return std::nullopt;
  return all_.back().from;
}

std::string Boots::text() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& boot : all_) {
    text +=
        checked(fmt::format("boot {} {} {}", boot.from.count(), to_string(boot.quality), boot.ahead.count())) + '\n';
  }
  return text;
}

bool Boots::load(std::string_view text) {
  const std::lock_guard lock(mutex_);
  all_.clear();
  const auto take = [&](std::string_view line) {
    const auto sound = unchecked(line);
    if (!sound) return false;
    std::istringstream words(*sound);
    std::string boot, name;
    std::int64_t from = 0, ahead = 0;
    if (!(words >> boot >> from >> name >> ahead) || boot != "boot") return false;
    const auto quality = quality_of(name);
    if (!quality || from < 0 || from > most_age || ahead > most_ahead || ahead < -most_ahead) return false;
    if (!all_.empty() && Nanoseconds{from} <= all_.back().from) return false;
    add({Nanoseconds{from}, *quality, Nanoseconds{ahead}});
    return true;
  };
  bool whole = true;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (take(line)) continue;
    whole = false;
    if (!all_.empty()) all_.back().quality = ClockQuality::unsynced;
  }
  return whole;
}

}  // namespace tidegate::spool
