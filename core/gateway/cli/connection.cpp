// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/connection.hpp"

#include <fmt/format.h>

#include <tidegate/paths.hpp>

#include "gateway/cli/command.hpp"

namespace tidegate::cli {

void Connection::add_options(CLI::App& command) {
  const char* const group = "Broker (default: the local one of the running gateway)";
  CLI::Option* address = command.add_option("--url", url, "As mqtt://host:port")->group(group);
  command.add_option("-h,--host", host, "Host (default 127.0.0.1)")->group(group)->excludes(address);
  command.add_option("-p,--port", port, "Port (default 1883)")
      ->group(group)
      ->check(CLI::Range(1, 65535))
      ->excludes(address);
  CLI::Option* user = command.add_option("-u,--username", username, "User name")->group(group);
  command.add_option("-P,--pw", password, "Password")->group(group)->needs(user);
}

ClientOptions Connection::client_options() const {
  ClientOptions options;
  if (url) {
    options.url = *url;
  } else if (host || port) {
    const std::string name = host.value_or("127.0.0.1");
    const bool bare_ipv6 = name.find(':') != std::string::npos && !name.starts_with('[');
    options.url = fmt::format("mqtt://{}:{}", bare_ipv6 ? '[' + name + ']' : name, port.value_or(1883));
  } else {
    // The client looks it up itself, again and again; here only to complain at once.
    static_cast<void>(local_broker_url());
  }
  options.username = username;
  options.password = password;
  return options;
}

void give_up(const Event& disconnected) {
  throw Quit(disconnected.authentication ? Exit::permission : Exit::unavailable, disconnected.reason);
}

}  // namespace tidegate::cli
