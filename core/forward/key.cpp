// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/key.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::forward {

std::string dedupe_key(std::string_view gateway, std::string_view lane, const spool::Record& record) {
  return fmt::format("{}/{}/{}/{}/{}/{}", gateway, lane, record.epoch, record.sequence, iso8601(record.wall),
                     to_string(record.clock));
}

void set_key(Properties& properties, std::string key) {
  const auto found = std::ranges::find(properties.user, key_property, &std::pair<std::string, std::string>::first);
  if (found != properties.user.end()) {
    found->second = std::move(key);
  } else {
    properties.user.emplace_back(key_property, std::move(key));
  }
}

bool is_own(const Properties& properties, std::string_view gateway) noexcept {
  const auto* key = properties.find_user(key_property);
  return key != nullptr && key->starts_with(gateway);
}

}  // namespace tidegate::forward
