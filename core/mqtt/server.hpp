// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::mqtt {

/// Where an MQTT server listens, as written in a configuration.
struct Server {
  std::string host;  ///< name or address, without brackets
  std::uint16_t port = 1883;
  bool tls = false;
  std::string path = {};  ///< of a unix socket; the host is "localhost" then

  /// "mqtts://broker.example.com:8883"; an IPv6 address in brackets; "unix:/run/broker.sock".
  [[nodiscard]] std::string uri() const;
  bool operator==(const Server&) const = default;
};

/// Reads mqtt://host[:port] (1883), mqtts://host[:port] (8883, TLS) or unix:path. An IPv6 address stands in brackets.
/// Throws ConfigError that says how to mend it.
[[nodiscard]] Server parse_server(std::string_view text);

}  // namespace tidegate::mqtt
