// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/server.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <tidegate/error.hpp>

namespace tidegate::config {
namespace {

constexpr std::string_view mend = "write mqtt://host:port, or mqtts://host:port for TLS";

bool plain(std::string_view host, std::string_view also) {
  return std::all_of(host.begin(), host.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || also.find(c) != also.npos;
  });
}

}  // namespace

std::string Server::url() const {
  const bool six = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", tls ? "mqtts" : "mqtt", six ? "[" : "", host, six ? "]" : "", port);
}

bool Server::loopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Server parse_server(std::string_view url) {
  Server server;
  auto rest = url;
  if (rest.find('@') != rest.npos) {
    throw ConfigError("the address holds a user name or password; write them as username and password of this table");
  }
  if (rest.starts_with("mqtts://")) {
    server.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("mqtt://")) {
    rest.remove_prefix(7);
  } else {
    const auto scheme = rest.substr(0, rest.find("://"));
    const auto* meant = scheme == "tcp"                                              ? "mqtt"
                        : scheme == "ssl" || scheme == "tls" || scheme == "mqtt+ssl" ? "mqtts"
                                                                                     : nullptr;
    throw ConfigError(rest.find("://") == rest.npos ? fmt::format("\"{}\" has no mqtt:// in front; {}", rest, mend)
                      : meant != nullptr ? fmt::format("\"{}\" is not understood; did you mean {}://?", rest, meant)
                                         : fmt::format("\"{}\" is not understood; {}", rest, mend));
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);

  auto port = std::string_view{};
  bool has_port = false;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == rest.npos) throw ConfigError(fmt::format("\"{}\" has no ] after the IPv6 address", url));
    server.host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port) throw ConfigError(fmt::format("\"{}\" is not understood; {}", url, mend));
    if (has_port) port = rest.substr(1);
    if (server.host.find(':') == std::string::npos || !plain(server.host, ":.%")) {
      throw ConfigError(fmt::format("\"{}\" has no IPv6 address between [ and ]", url));
    }
  } else {
    const auto colon = rest.find(':');
    has_port = colon != rest.npos;
    server.host = rest.substr(0, colon);
    if (has_port) port = rest.substr(colon + 1);
    if (port.find(':') != port.npos) {
      throw ConfigError(fmt::format("\"{}\" has more than one colon; an IPv6 address stands in brackets, [::1]", url));
    }
    if (server.host.empty()) throw ConfigError(fmt::format("\"{}\" has no host; {}", url, mend));
    if (server.host.size() > 253 || !plain(server.host, "-._")) {
      throw ConfigError(fmt::format("\"{}\" has no valid host name (and takes no path); {}", url, mend));
    }
  }

  server.port = server.tls ? 8883 : 1883;
  if (has_port) {
    unsigned number = 0;
    const auto read = std::from_chars(port.data(), port.data() + port.size(), number);
    if (port.empty() || read.ec != std::errc{} || read.ptr != port.data() + port.size() || number < 1 ||
        number > 65535) {
      throw ConfigError(fmt::format("\"{}\" has no valid port; it goes from 1 to 65535", url));
    }
    server.port = static_cast<std::uint16_t>(number);
  }
  return server;
}

}  // namespace tidegate::config
