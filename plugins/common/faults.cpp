// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/common/faults.hpp"

namespace tidegate::plugins {

void Faults::tell(std::string_view what, std::string_view why) {
  const auto known = known_.find(what);
  if (why.empty()) {
    if (known == known_.end()) return;
    known_.erase(known);
  } else if (known == known_.end()) {
    known_.emplace(what, why);
  } else if (known->second != why) {
    known->second = why;
  } else {
    return;
  }
  context_.degraded(what, why);
}

void Faults::clear() {
  while (!known_.empty()) tell(std::string(known_.begin()->first), {});
}

void Faults::clear_below(const std::string& prefix, const std::function<bool(const std::string&)>& which) {
  for (auto at = known_.lower_bound(prefix); at != known_.end() && at->first.starts_with(prefix);) {
    const std::string what = (at++)->first;
    if (which(what.substr(prefix.size()))) tell(what, {});
  }
}

}  // namespace tidegate::plugins
