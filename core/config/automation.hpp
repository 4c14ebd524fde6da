// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/block.hpp>

namespace tidegate::config {

/// When an automation that has ended is started again.
enum class Restart : std::uint8_t { always, on_failure, never };

/// How an automation is run, as far as somebody says: [automations], the header of its script, its [[automation]].
struct AutomationOptions {
  std::optional<bool> run;
  std::optional<std::filesystem::path> python;  ///< an interpreter, or the folder of a virtual environment
  std::optional<std::uint64_t> memory;          ///< bytes
  std::optional<double> cpu;                    ///< 1 is all of one processor
  std::optional<std::uint64_t> files;           ///< open at a time
  std::optional<Restart> restart;
  std::optional<std::chrono::milliseconds> backoff_first;
  std::optional<std::chrono::milliseconds> backoff_most;
  std::optional<std::chrono::milliseconds> stop_timeout;
  std::optional<std::vector<std::string>> publish;    ///< filters of the topics that it may publish on; absent: all
  std::optional<std::vector<std::string>> subscribe;  ///< and of those that it is sent

  bool operator==(const AutomationOptions&) const = default;

  /// Whether the local broker has to know it from others, for its rights.
  [[nodiscard]] bool has_rights() const noexcept { return publish || subscribe; }

  /// What they say goes before what is said here.
  void lay_over(const AutomationOptions& they);
  /// Takes one option as a text, as the header of a script has it; relative paths are taken from folder.
  /// Throws ConfigError that says how to mend it.
  void set(std::string_view key, std::string_view text, const std::filesystem::path& folder);
};

/// [[automation]]: what is said about the script <folder>/<name>.py.
struct Automation {
  std::string name;
  AutomationOptions options;
  std::string where;
};

/// [automations].
struct Automations {
  std::filesystem::path folder;  ///< of the scripts
  std::optional<bool> run;       ///< absent: tidegated runs them when nobody else does and the folder is there
  AutomationOptions usual;       ///< for all of them; load() always gives restart and the times
  std::vector<Automation> scripts;
  bool configured = false;  ///< there is such a table, or an [[automation]]
};

/// folder: where the scripts are unless the table says.
[[nodiscard]] Automations read_automations(const Block& table, const std::vector<Block>& scripts,
                                           const std::filesystem::path& folder);

}  // namespace tidegate::config
