// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "gateway/cli/command.hpp"
#include "gateway/cli/lanes.hpp"
#include "gateway/cli/remote.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_interval{100};

struct Asked {
  Remote remote;
  std::string name;
  double timeout = 60;
};

Exit hold(const Asked& asked, const std::string& verb) {
  const Json answer = asked.remote.ask("upstream." + verb, {{"name", asked.name}});
  fmt::print("{}\n", asked.remote.json ? answer.dump()
                     : show(answer, "paused") == "true"
                         ? fmt::format("{} is paused: its messages wait on disk until it is resumed, or the gateway "
                                       "starts again",
                                       asked.name)
                         : fmt::format("{} goes on", asked.name));
  return Exit::ok;
}

Exit drain(const Asked& asked) {
  const auto end =
      Steady::now() + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(asked.timeout));
  Json answer = asked.remote.ask("drain");
  while (number(answer, "waiting") > 0 && Steady::now() < end) {
    std::this_thread::sleep_for(look_interval);
    answer = asked.remote.ask("drain", {{"hurry", false}});
  }
  if (asked.remote.json) fmt::print("{}\n", answer.dump());
  if (number(answer, "waiting") > 0) {
    throw Quit(Exit::timeout, fmt::format("{} messages still wait; tidegate status says why", show(answer, "waiting")));
  }
  if (!asked.remote.json) fmt::print("Nothing waits any more.\n");
  return Exit::ok;
}

}  // namespace

void add_upstream(CLI::App& program, Run& run) {
  CLI::App* upstream = program.add_subcommand("upstream", "Hold an upstream back, and let it go on");
  upstream->require_subcommand(1);
  for (const auto& [verb, help] : {std::pair{"pause", "Disconnect; what is meant for it waits on disk"},
                                   std::pair{"resume", "Connect again, and deliver what waits"}}) {
    const auto asked = std::make_shared<Asked>();
    CLI::App* command = upstream->add_subcommand(verb, help);
    asked->remote.add_options(*command);
    command->add_option("name", asked->name, "Its name in the configuration")->required();
    command->callback([asked, name = std::string(verb), &run] { run = [=] { return hold(*asked, name); }; });
  }
}

void add_drain(CLI::App& program, Run& run) {
  const auto asked = std::make_shared<Asked>();
  CLI::App* command = program.add_subcommand(
      "drain", "Connect to all upstreams at once, and wait until no message waits for one (paused ones apart)");
  asked->remote.add_options(*command);
  command->add_option("-W", asked->timeout, "Give up after so many seconds, with exit status 27 (default 60)")
      ->check(CLI::PositiveNumber);
  command->callback([asked, &run] { run = [=] { return drain(*asked); }; });
}

}  // namespace tidegate::cli
