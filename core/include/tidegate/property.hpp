// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace tidegate {

/// One property of an MQTT 5 packet, as the specification numbers it (section 2.2.2.2): a number, a text or bytes, or a
/// pair of texts (User Property, 38, which alone may come more than once in what a client sends).
struct Property {
  std::uint8_t identifier = 0;
  std::variant<std::uint32_t, std::string, std::pair<std::string, std::string>> value;

  bool operator==(const Property&) const = default;
};

}  // namespace tidegate
