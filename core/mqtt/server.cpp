// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/server.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <tidegate/error.hpp>

namespace tidegate::mqtt {
namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw ConfigError(fmt::format(
      "server address '{}' {}; write mqtt://host:port, mqtts://host:port for TLS, an IPv6 address in brackets, or "
      "unix:/path for a socket of this machine",
      text, why));
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

}  // namespace

std::string Server::uri() const {
  if (!path.empty()) return fmt::format("unix:{}", path);
  const bool ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", tls ? "mqtts" : "mqtt", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);
}

Server parse_server(std::string_view text) {
  Server server;
  std::string_view rest = text;
  if (rest.starts_with("unix:")) {
    server.host = "localhost";
    server.path = rest.substr(5);
    if (server.path.empty()) refuse(text, "has no path");
    if (server.path.size() >= sizeof(sockaddr_un::sun_path))
      refuse(text, fmt::format("has a path of more than {} bytes", sizeof(sockaddr_un::sun_path) - 1));
    return server;
  }
  if (rest.starts_with("mqtt://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("mqtts://")) {
    rest.remove_prefix(8);
    server.tls = true;
    server.port = 8883;
  } else if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    refuse(text, fmt::format("has the unknown scheme '{}'", rest.substr(0, scheme)));
  } else {
    refuse(text, "does not start with mqtt:// or mqtts://");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != std::string_view::npos) refuse(text, "has a path, which MQTT does not");
  if (rest.find('@') != std::string_view::npos)
    refuse(text, "carries a user name; that belongs in username and password");

  std::string_view port;
  bool has_port = false;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) refuse(text, "has no closing bracket");
    server.host = rest.substr(1, end - 1);
    in6_addr address{};
    if (inet_pton(AF_INET6, server.host.c_str(), &address) != 1) refuse(text, "has no IPv6 address in its brackets");
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ':') refuse(text, "goes on after the closing bracket");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = rest.find(':');
    if (colon != std::string_view::npos && rest.find(':', colon + 1) != std::string_view::npos)
      refuse(text, "has more than one colon");
    has_port = colon != std::string_view::npos;
    server.host = rest.substr(0, colon);
    if (has_port) port = rest.substr(colon + 1);
    if (server.host.empty()) refuse(text, "has no host");
    if (server.host.size() > 253 || !std::ranges::all_of(server.host, is_host_character))
      refuse(text, fmt::format("has '{}', which is no host name", server.host));
  }
  if (has_port) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535)
      refuse(text, fmt::format("has the port '{}', which is not 1 to 65535", port));
    server.port = static_cast<std::uint16_t>(number);
  }
  return server;
}

}  // namespace tidegate::mqtt
