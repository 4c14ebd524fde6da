// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include "gateway/cli/command.hpp"
#include "gateway/cli/lanes.hpp"
#include "gateway/cli/remote.hpp"

namespace tidegate::cli {

void add_spool(CLI::App& program, Run& run) {
  const auto remote = std::make_shared<Remote>();
  CLI::App* spool = program.add_subcommand("spool", "Look into the spool of the running gateway");
  spool->require_subcommand(1);
  CLI::App* list = spool->add_subcommand("ls", "List its lanes");
  remote->add_options(*list);
  list->callback([remote, &run] {
    run = [remote] {
      const Json answer = remote->ask("spool.ls");
      const std::string lanes = show_lanes(answer.value("lanes", Json::array()));
      fmt::print("{}", remote->json ? answer.dump() + '\n' : lanes.empty() ? "The spool has no lanes.\n" : lanes);
      return Exit::ok;
    };
  });
}

}  // namespace tidegate::cli
