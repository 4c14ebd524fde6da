// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/config.hpp"
#include "config/redaction.hpp"
#include "gateway/cli/remote.hpp"

namespace tidegate::cli {

/// A unit file of ours that is installed.
struct Unit {
  std::string name;  ///< "tidegated.service"
  std::filesystem::path file;
  std::string user;                 ///< of User=
  std::vector<std::string> groups;  ///< of SupplementaryGroups=
};

/// What `tidegate doctor` and `tidegate diag` look at: a gateway, whether it runs or not, and the machine around it.
/// Nothing of it is ever changed.
struct Patient {
  std::filesystem::path root = "/";           ///< of the file system: another machine's disk, or this one's
  std::optional<std::filesystem::path> file;  ///< the configuration; nothing: there is none
  std::optional<config::Config> config;       ///< nothing: it cannot be read, or is wrong; complaint says so
  std::string complaint;                      ///< one a line
  std::vector<std::filesystem::path> files;   ///< all files of the configuration
  std::vector<config::Redaction> redactions;  ///< of each, as far as it can be read
  std::optional<Json> status;                 ///< of the gateway that runs; nothing: silence says why
  std::string silence;
  std::filesystem::path state, runtime;
  std::vector<Unit> units;

  /// Whether it is this machine, whose programs and kernel can be asked.
  [[nodiscard]] bool here() const { return root == "/"; }
  /// A place of that file system.
  [[nodiscard]] std::filesystem::path in(const std::filesystem::path& place) const {
    return root / place.relative_path();
  }
  /// The text of a small file there; nothing when it cannot be read.
  [[nodiscard]] std::optional<std::string> read(const std::filesystem::path& place) const;
  [[nodiscard]] const Unit* unit(const std::string& name) const;
};

/// The options by which a patient is named, and what comes of them.
struct Admission {
  Remote remote;
  std::optional<std::filesystem::path> config;
  std::filesystem::path root = "/";

  /// Adds --config, --root, --socket, --runtime and --json to a subcommand; this must live until it has been parsed.
  void add_options(CLI::App& command);
  [[nodiscard]] Patient admit() const;
};

/// The text of a file without the blanks at its end; nothing when it cannot be read.
[[nodiscard]] std::optional<std::string> read_small(const std::filesystem::path& file);

}  // namespace tidegate::cli
