// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "event/repeats.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace tidegate::event {

std::optional<std::uint64_t> Repeats::pass(std::string_view line, Time now) {
  const auto [at, fresh] = entries_.try_emplace(std::hash<std::string_view>{}(line), Entry{now});
  auto& entry = at->second;
  std::uint64_t held = 0;
  if (now - entry.began >= within) held = std::exchange(entry, Entry{now}).held;
  if (entry.passed == most) {
    ++entry.held;
    return {};
  }
  ++entry.passed;
  if (fresh && entries_.size() > known) {
    entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& one) { return one.second.began; }));
  }
  return held;
}

}  // namespace tidegate::event
