// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/budget.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <tidegate/log.hpp>

namespace tidegate::spool {
namespace {

constexpr std::uint64_t most_floor = 1ULL << 30;
constexpr auto relaxed = std::memory_order_relaxed;

}  // namespace

Budget::Budget(const Disk& disk, std::filesystem::path folder, SpoolOptions options)
    : disk_(disk), folder_(std::move(folder)), options_(options) {
  look();
}

void Budget::change(Priority priority, const Share& from, const Share& to) noexcept {
  taken_.fetch_add(to.taken - from.taken, relaxed);
  can_give_[static_cast<std::size_t>(priority)].fetch_add(to.can_give - from.can_give, relaxed);
}

void Budget::look() noexcept {
  try {
    const auto space = disk_.space(folder_);
    free_.store(space.free, relaxed);
    floor_.store(options_.floor.value_or(std::min(space.total / 10, most_floor)), relaxed);
  } catch (const std::exception& error) {
    log::debug("spool: {}", error.what());
  }
}

bool Budget::over(std::uint64_t more) const noexcept {
  if (options_.capacity != 0 && taken_.load(relaxed) + more > options_.capacity) return true;
  const auto floor = floor_.load(relaxed);
  return floor != 0 && free_.load(relaxed) < floor + more;
}

bool Budget::short_for(Priority priority, std::uint64_t more) const noexcept {
  if (!over(more)) return false;
  for (std::size_t lower = 0; lower < static_cast<std::size_t>(priority); ++lower) {
    if (can_give_[lower].load(relaxed) != 0) return false;
  }
  return true;
}

std::string Budget::trouble() const {
  if (options_.capacity != 0 && taken_.load(relaxed) > options_.capacity) {
    return fmt::format("the lanes take more than the {} bytes that the spool may have", options_.capacity);
  }
  const auto floor = floor_.load(relaxed);
  if (floor != 0 && free_.load(relaxed) < floor) {
    return fmt::format("only {} bytes are free on the disk of {}; {} are to stay free", free_.load(relaxed),
                       folder_.string(), floor);
  }
  return {};
}

}  // namespace tidegate::spool
