// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/age.hpp"

#include <sstream>

#include <fmt/format.h>

namespace tidegate::spool {

Age::Age(Disk& disk, std::filesystem::path folder, const Clock& clock, std::string boot_id)
    : disk_(disk), folder_(std::move(folder)), clock_(clock), boot_id_(std::move(boot_id)) {
  const auto file = disk_.open(folder_ / "age", Disk::Open::existing);
  if (!file) return;
  std::string text(200, '\0');
  text.resize(file->read(0, std::as_writable_bytes(std::span(text))));
  std::istringstream words(text);
  std::string boot;
  std::int64_t then = 0;
  std::int64_t age = 0;
  constexpr auto most = Nanoseconds{std::chrono::years{100}}.count();
  if (!(words >> boot >> then >> age) || age < 0 || age > most || then < 0 || then > most) return;
  const auto boottime = clock_.boot().count();
  base_ = boot == boot_id_ && then <= boottime ? age - then : age - boottime;
}

Nanoseconds Age::now() const noexcept {
  return clock_.boot() + Nanoseconds{base_.load(std::memory_order_relaxed)};
}

void Age::at_least(Nanoseconds age) noexcept {
  const auto wanted = (age - clock_.boot()).count();
  if (base_.load(std::memory_order_relaxed) < wanted) base_.store(wanted, std::memory_order_relaxed);
}

void Age::save() {
  const auto boottime = clock_.boot();
  const auto text = fmt::format("{} {} {}\n", boot_id_, boottime.count(), now().count());
  const auto fresh = folder_ / "age.new";
  const auto file = disk_.open(fresh, Disk::Open::create);
  file->truncate(0);
  file->write(0, std::as_bytes(std::span(text)));
  file->sync();
  disk_.rename(fresh, folder_ / "age");
}

}  // namespace tidegate::spool
