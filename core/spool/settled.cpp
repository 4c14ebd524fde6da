// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/settled.hpp"

#include <algorithm>

namespace tidegate::spool {

std::uint64_t Settled::add(std::uint64_t first, std::uint64_t last) {
  first = std::max(first, up_to_ + 1);
  if (last < first) return 0;
  const auto before = up_to_ + beyond_;
  // Join with every range that overlaps or touches.
  auto from = ranges_.upper_bound(first);
  if (from != ranges_.begin() && std::prev(from)->second + 1 >= first) --from;
  while (from != ranges_.end() && from->first <= last + 1) {
    first = std::min(first, from->first);
    last = std::max(last, from->second);
    beyond_ -= from->second - from->first + 1;
    from = ranges_.erase(from);
  }
  if (first == up_to_ + 1) {
    up_to_ = last;
  } else {
    ranges_.emplace(first, last);
    beyond_ += last - first + 1;
  }
  return up_to_ + beyond_ - before;
}

bool Settled::contains(std::uint64_t sequence) const noexcept {
  return open_from(sequence) != sequence;
}

std::uint64_t Settled::open_from(std::uint64_t sequence) const noexcept {
  if (sequence <= up_to_) return up_to_ + 1;
  const auto after = ranges_.upper_bound(sequence);
  if (after == ranges_.begin()) return sequence;
  return std::max(sequence, std::prev(after)->second + 1);
}

std::uint64_t Settled::open_until(std::uint64_t sequence, std::uint64_t most) const noexcept {
  const auto after = ranges_.upper_bound(sequence);
  return after == ranges_.end() ? most : std::min(most, after->first - 1);
}

std::uint64_t Settled::count(std::uint64_t first, std::uint64_t last) const noexcept {
  if (last < first) return 0;
  std::uint64_t result = 0;
  if (first <= up_to_) result = std::min(last, up_to_) - first + 1;
  auto range = ranges_.upper_bound(first);
  if (range != ranges_.begin()) --range;
  for (; range != ranges_.end() && range->first <= last; ++range) {
    const auto from = std::max(first, range->first);
    const auto to = std::min(last, range->second);
    if (from <= to) result += to - from + 1;
  }
  return result;
}

}  // namespace tidegate::spool
