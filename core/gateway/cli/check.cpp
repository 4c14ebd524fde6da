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
  const auto reader = std::make_shared<config::Reader>(config::Reader::gateway);
  command->add_flag_callback(
      "--no-secrets", [reader] { *reader = config::Reader::other; },
      "Leave out secrets and certificates that this user may not read, as those of the gateway's unit");
  command->callback([=, &run] { run = [=] { return gateway::check_configuration(*file, *reader); }; });
}

}  // namespace tidegate::cli
