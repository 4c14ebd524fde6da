// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include <tidegate/client.hpp>

namespace tidegate::cli {

/// Which broker, and as whom: the options that pub and sub share, with the letters of Mosquitto's clients.
struct Connection {
  std::optional<std::string> url;
  std::optional<std::string> host;
  std::optional<std::uint16_t> port;
  std::optional<std::string> username;
  std::optional<std::string> password;

  /// Adds the options to a subcommand; this must live until it has been parsed.
  void add_options(CLI::App& command);
  /// Throws UnavailableError when no broker is named and no local one is known.
  [[nodiscard]] ClientOptions client_options() const;
};

/// Throws the Quit that fits a connection that was not made, or not again.
[[noreturn]] void give_up(const Event& disconnected);

}  // namespace tidegate::cli
