// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "gateway/cli/remote.hpp"
#include "spool/inspector.hpp"

namespace tidegate::cli {

/// Which spool, and whether a gateway has it: the options that the spool commands share, and what came of them.
class SpoolPlace {
 public:
  /// Adds --state, --socket, --runtime and --json to a subcommand; this must live until it has been parsed.
  void add_options(CLI::App& command);
  [[nodiscard]] bool json() const noexcept { return remote_.json; }
  /// Whether --state names a folder.
  [[nodiscard]] bool named() const noexcept { return state_.has_value(); }
  [[nodiscard]] const Remote& remote() const noexcept { return remote_; }

  /// Finds the spool: in the folder that was named; else that of the running gateway; else, when none runs, the one
  /// that the configuration names. Throws Quit when there is none.
  void find();
  /// The gateway that has it answers. Its status as it was at find().
  [[nodiscard]] bool live() const noexcept { return status_.has_value(); }
  [[nodiscard]] const Json& status() const { return *status_; }
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  /// Of that spool. Throws Quit when it may not be read.
  [[nodiscard]] const spool::Inspector& inspector();
  /// "upstream/lane" of a lane that is there. Throws Quit, naming those that are, when it is not.
  [[nodiscard]] spool::LaneName lane(const std::string& text);

 private:
  [[nodiscard]] std::optional<Json> ask_status() const;

  Remote remote_;
  std::optional<std::filesystem::path> state_;
  std::optional<Json> status_;
  std::filesystem::path folder_;
  std::unique_ptr<spool::Inspector> inspector_;
};

}  // namespace tidegate::cli
