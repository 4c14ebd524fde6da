// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/age.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace tidegate::spool {
namespace {

constexpr std::size_t most_bytes = 16U << 10;

}  // namespace

Age::Age(Disk& disk, std::filesystem::path folder, const Clock& clock, std::string boot_id)
    : disk_(disk), folder_(std::move(folder)), clock_(clock), boot_id_(std::move(boot_id)) {
  std::string text;
  if (const auto file = disk_.open(folder_ / "age", Disk::Open::existing)) {
    text.resize(most_bytes);
    text.resize(file->read(0, std::as_writable_bytes(std::span(text))));
  }
  const auto line = text.substr(0, text.find('\n'));
  const bool whole = boots_.load(std::string_view(text).substr(std::min(text.size(), line.size() + 1)));
  std::istringstream words(line);
  std::string boot;
  std::int64_t then = 0;
  std::int64_t age = 0;
  constexpr auto most = Nanoseconds{std::chrono::years{100}}.count();
  std::string sum;
  bool known = (words >> boot >> then >> age) && age >= 0 && age <= most && then >= 0 && then <= most;
  if (words >> sum) known = known && unchecked(line).has_value();  // older versions had none
  const auto boottime = clock_.boot().count();
  const auto newest = boots_.newest();
  if (known && boot == boot_id_ && then <= boottime) {
    base_ = age - then;
    if (!whole) {
      boots_.begin(now());
    } else if (!newest || *newest > now()) {
      boots_.begin(Nanoseconds{std::max<std::int64_t>(0, base_)});
    }
  } else if (known || newest) {
    // When the age is lost, nothing that is remembered may come to stand in the future.
    const auto start = known ? Nanoseconds{age} : *newest + Nanoseconds{1};
    base_ = start.count() - boottime;
    boots_.begin(start);
  } else {
    boots_.begin(Nanoseconds{0});
  }
  static_cast<void>(look());
  news_ = true;
}

Nanoseconds Age::now() const noexcept {
  return clock_.boot() + Nanoseconds{base_.load(std::memory_order_relaxed)};
}

void Age::at_least(Nanoseconds age) noexcept {
  const std::lock_guard lock(mutex_);
  const auto wanted = (age - clock_.boot()).count();
  if (base_.load(std::memory_order_relaxed) >= wanted) return;
  base_.store(wanted, std::memory_order_relaxed);
  // What came before belongs to another boot, or to another reckoning of this one.
  boots_.begin(age);
  boots_.look(age, clock_.wall(), clock_.quality());
  news_ = true;
}

bool Age::look() {
  const std::lock_guard lock(mutex_);
  news_ |= boots_.look(now(), clock_.wall(), clock_.quality());
  return news_;
}

std::uint64_t Age::save() {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    boots_.look(now(), clock_.wall(), clock_.quality());
    const auto boottime = clock_.boot().count();
    text = checked(fmt::format("{} {} {}", boot_id_, boottime, boottime + base_.load())) + '\n' + boots_.text();
    news_ = false;
  }
  const auto fresh = folder_ / "age.new";
  const auto file = disk_.open(fresh, Disk::Open::create);
  file->truncate(0);
  file->write(0, std::as_bytes(std::span(text)));
  file->sync();
  disk_.rename(fresh, folder_ / "age");
  return text.size();
}

}  // namespace tidegate::spool
