// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/check.hpp"

#include <memory>
#include <optional>

#include "gateway/cli/command.hpp"

namespace tidegate::cli {

void add_check(CLI::App& program, Run& run) {
  const auto file = std::make_shared<std::optional<std::filesystem::path>>();
  CLI::App* command = program.add_subcommand("check", "Check a configuration, and name every mistake with its place");
  command->add_option("file", *file, "Configuration file (default: the one that tidegated would read)");
  command->callback([file, &run] { run = [file] { return gateway::check_configuration(*file); }; });
}

}  // namespace tidegate::cli
