// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::config {

/// The address of a broker.
struct Server {
  bool tls = false;
  std::string host;  ///< a name or an address; IPv6 without its brackets
  std::uint16_t port = 0;

  /// "mqtts://host:8883", always with the port.
  [[nodiscard]] std::string url() const;
  /// Whether it is an address of this machine's own.
  [[nodiscard]] bool loopback() const;
  bool operator==(const Server&) const = default;
};

/// Reads mqtt://host[:port] (default 1883) or mqtts://host[:port] (8883). Throws ConfigError, with a mend, when it is
/// neither. A user name or password inside is refused, and not repeated in the message.
[[nodiscard]] Server parse_server(std::string_view url);

}  // namespace tidegate::config
