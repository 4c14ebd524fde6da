// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/message.hpp>

namespace tidegate {

const std::string* Properties::find_user(std::string_view name) const noexcept {
  const auto found = std::ranges::find(user, name, &std::pair<std::string, std::string>::first);
  return found == user.end() ? nullptr : &found->second;
}

void check_payload(const Message& message, std::size_t cap) {
  if (message.payload.size() > cap) {
    throw PayloadError(
        fmt::format("the payload for topic '{}' has {} bytes, more than the {} allowed; send less, or raise "
                    "payload_cap in [gateway]",
                    message.topic, message.payload.size(), cap));
  }
}

}  // namespace tidegate
