// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "gateway/cli/remote.hpp"
#include "spool/inspector.hpp"

namespace tidegate::cli {

/// A lane of the spool, or of what stands in for it in memory while the disk refuses.
struct SpoolLane {
  spool::LaneName name;
  bool stand_in = false;
  const spool::Inspector* inspector = nullptr;  ///< of the spool that it is in
  /// "cloud/default", with a mark when it stands in.
  [[nodiscard]] std::string text() const { return name.text() + (stand_in ? " (in memory)" : ""); }
};

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
  [[nodiscard]] const std::filesystem::path& folder(bool stand_in = false) const noexcept {
    return stand_in ? stand_in_folder_ : folder_;
  }
  /// Of that spool. Throws Quit when it may not be read.
  [[nodiscard]] const spool::Inspector& inspector();
  /// All that are there, those that stand in behind the others, as far as they hold anything. Throws as inspector().
  [[nodiscard]] std::vector<SpoolLane> lanes();
  /// The lane of that name and, if there is one, that which stands in for it. Throws Quit, naming the lanes there are,
  /// when there is neither.
  [[nodiscard]] std::vector<SpoolLane> lane(const std::string& text);
  /// One of these two; throws Quit when it is not there.
  [[nodiscard]] SpoolLane lane(const std::string& text, bool stand_in);

 private:
  [[nodiscard]] std::optional<Json> ask_status() const;
  void add_stand_ins(std::vector<SpoolLane>& lanes);

  Remote remote_;
  std::optional<std::filesystem::path> state_;
  std::optional<Json> status_;
  std::filesystem::path folder_;
  std::filesystem::path stand_in_folder_;  ///< empty: not known
  std::unique_ptr<spool::Inspector> inspector_;
  std::unique_ptr<spool::Inspector> stand_in_;
};

}  // namespace tidegate::cli
