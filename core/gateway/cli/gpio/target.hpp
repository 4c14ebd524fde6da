// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include <tidegate/gpio_line.hpp>

#include "gateway/cli/gpio/our_lines.hpp"

namespace tidegate::cli {

/// What a word on the command line stands for: a line of the machine, one that has our name, or both.
struct Target {
  std::string word;  ///< as it was given
  const OurLine* ours = nullptr;
  std::optional<gpio::LineInfo> line;  ///< always there, unless the gateway has it
  bool gateway_has_it = false;         ///< held by the running gateway: ask that
};

/// Throws Quit(usage) for a word that names nothing, UnavailableError for a line that is not there.
[[nodiscard]] Target find_target(const std::string& word, const OurLines& ours, const gpio::Chips& chips);

/// The options that get, set and mon share, and what they make of a line.
struct LineSettings {
  std::string bias;  ///< empty: as configured, or as it is
  bool active_low = false;

  /// Adds --bias and --active-low; this must live until it has been parsed.
  void add_options(CLI::App& command);
  /// For a target: what the command line says, else what the configuration says.
  [[nodiscard]] gpio::LineOptions of(const Target& target) const;
};

/// So that a gateway's lines can be told from those of this program.
constexpr const char* gpio_consumer = "tidegate gpio";

/// SIGINT and SIGTERM set interrupted() instead of ending the program; a second one ends it.
void catch_interrupts();
[[nodiscard]] bool interrupted() noexcept;

}  // namespace tidegate::cli
