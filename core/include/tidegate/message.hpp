// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidegate {

enum class Qos : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

/// What MQTT 5 lets a PUBLISH carry beside its payload, as far as a gateway passes it on.
/// A 3.1.1 session neither sends nor receives any of it.
struct Properties {
  std::optional<std::chrono::seconds> expiry;  ///< message expiry interval, 0 to 4294967295 s
  std::string content_type;
  bool utf8 = false;  ///< payload format indicator
  std::string response_topic;
  std::string correlation_data;  ///< bytes
  std::vector<std::pair<std::string, std::string>> user;

  bool operator==(const Properties&) const = default;
  /// The first user property with this name, or nullptr.
  [[nodiscard]] const std::string* find_user(std::string_view name) const noexcept;
};

/// One application message. A value; owns its bytes.
struct Message {
  std::string topic;
  std::string payload;  ///< bytes; empty and retained means: remove the retained message
  Qos qos = Qos::at_least_once;
  bool retain = false;
  Properties properties;

  bool operator==(const Message&) const = default;
};

/// The largest payload accepted at any door, in bytes, unless the configuration says otherwise.
inline constexpr std::size_t default_payload_cap = std::size_t{1} << 20;

/// Throws PayloadError when the payload has more than cap bytes.
void check_payload(const Message& message, std::size_t cap = default_payload_cap);

}  // namespace tidegate
