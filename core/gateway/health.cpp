// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/health.hpp"

#include <tidegate/log.hpp>

namespace tidegate::gateway {

void Health::set(std::string_view what, std::string_view why, bool logged) {
  const auto found = problems_.find(what);
  if (why.empty()) {
    if (found == problems_.end()) return;
    problems_.erase(found);
    if (!logged) log::notice("{}: works again", what);
  } else {
    if (found != problems_.end() && found->second == why) return;
    problems_.insert_or_assign(std::string(what), std::string(why));
    if (!logged) log::warning("{}: {}", what, why);
  }
  changed_();
}

nlohmann::ordered_json Health::json() const {
  nlohmann::ordered_json problems = nlohmann::ordered_json::array();
  for (const auto& [what, why] : problems_) problems.push_back({{"what", what}, {"why", why}});
  return {{"ok", ok()}, {"problems", problems}};
}

}  // namespace tidegate::gateway
