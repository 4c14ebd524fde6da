// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include <tidegate/client.hpp>
#include <tidegate/gpio.hpp>

#include "config/config.hpp"
#include "gateway/named_line.hpp"

namespace tidegate::cli {

using OurLine = gateway::NamedLine;

/// What the configuration says of GPIO lines, taken as far as it can be understood: looking at lines has to work when
/// the configuration does not.
class OurLines {
 public:
  /// Adds --config to a subcommand; this must live until it has been parsed.
  void add_options(CLI::App& command);
  /// Reads the configuration; one that cannot be used gives a note on standard error, and no names.
  void load();

  [[nodiscard]] const std::vector<OurLine>& all() const noexcept { return all_; }
  /// By our name; nullptr: we have no such name.
  [[nodiscard]] const OurLine* named(std::string_view name) const;
  /// Of a line of the machine; nullptr: we have no name for it.
  [[nodiscard]] const OurLine* of(const gpio::LineInfo& line, const gpio::Chips& chips) const;

  /// A session with the local broker of the running gateway. Throws UnavailableError when none is known.
  [[nodiscard]] ClientOptions client_options() const;

 private:
  std::optional<std::filesystem::path> file_;
  std::optional<config::Config> config_;
  std::vector<OurLine> all_;
};

}  // namespace tidegate::cli
