// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "vm/promise.hpp"

#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tidegate/error.hpp>

namespace tidegate::vm {

bool Promise::keeps(std::uint64_t sequence) const {
  if (sequence > durable) return false;
  if (sequence <= acking) return held.contains(sequence);
  const auto after = gone.upper_bound(sequence);
  return after == gone.begin() || std::prev(after)->second < sequence;
}

std::string Promise::line() const {
  std::string ranges;
  for (const auto& [from, to] : gone) ranges += fmt::format("{}{}-{}", ranges.empty() ? "" : ",", from, to);
  return fmt::format("state {} {} {} {} {} {} held {} gone {}", epoch, first, accepted, durable, acking, settled,
                     held.empty() ? "-" : fmt::format("{}", fmt::join(held, ",")), ranges.empty() ? "-" : ranges);
}

Promise Promise::parse(const std::string& line) {
  Promise promise;
  std::istringstream in(line);
  std::string state, held_word, held_list, gone_word, gone_list;
  in >> state >> promise.epoch >> promise.first >> promise.accepted >> promise.durable >> promise.acking >>
      promise.settled >> held_word >> held_list >> gone_word >> gone_list;
  if (!in || state != "state" || held_word != "held" || gone_word != "gone") {
    throw PayloadError(fmt::format("this is no promise: {}", line));
  }
  char sign = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::istringstream held(held_list == "-" ? "" : held_list);
  while (held >> from) {
    promise.held.insert(from);
    held >> sign;
  }
  std::istringstream gone(gone_list == "-" ? "" : gone_list);
  while (gone >> from >> sign >> to) {
    promise.gone.emplace(from, to);
    gone >> sign;
  }
  return promise;
}

}  // namespace tidegate::vm
