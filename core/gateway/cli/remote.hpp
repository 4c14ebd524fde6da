// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace tidegate::cli {

using Json = nlohmann::ordered_json;

/// A program of ours that runs, through its control socket; and the options that say where that is.
struct Remote {
  std::string door = "control.sock";  ///< in the runtime folder
  std::string program = "tidegated";
  std::optional<std::filesystem::path> socket;
  std::optional<std::filesystem::path> runtime;
  bool json = false;

  /// Adds --socket, --runtime and --json to a subcommand; this must live until it has been parsed.
  void add_options(CLI::App& command);
  /// Asks for one verb and returns its result. arguments: an object. Waits at most 10 s.
  /// Throws Quit: unavailable when no gateway runs, permission when it may not be asked, failure when it says no.
  [[nodiscard]] Json ask(const std::string& verb, const Json& arguments = Json::object()) const;

 private:
  [[nodiscard]] std::filesystem::path path() const;
};

}  // namespace tidegate::cli
