// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "gateway/cli/command.hpp"
#include "gateway/cli/remote.hpp"

namespace tidegate::cli {
namespace {

void print(const Json& answer, const char* what) {
  for (const Json& one : answer.value(what, Json::array())) fmt::print("{:<8} {}\n", what, one.get<std::string>());
}

Exit tell(const Json& answer) {
  if (!answer.value("applied", false)) {
    if (answer.contains("complaints")) fmt::print(stderr, "{}\n", answer["complaints"].get<std::string>());
    for (const Json& one : answer.value("restart", Json::array()))
      fmt::print(stderr, "needs a restart: {}\n", one.get<std::string>());
    fmt::print(stderr, "nothing was changed\n");
    return static_cast<Exit>(answer.value("exit", 1));
  }
  for (const Json& warning : answer.value("warnings", Json::array()))
    fmt::print(stderr, "warning: {}\n", warning.get<std::string>());
  for (const auto* what : {"added", "changed", "removed", "kept"}) print(answer, what);
  for (const Json& one : answer.value("connections", Json::array()))
    fmt::print("connects to upstream {}\n", one.get<std::string>());
  return Exit::ok;
}

/// The supervisor of automations too, if one runs. It is told after the gateway, which has been told all there is to
/// complain about.
Exit reload(const Remote& gateway) {
  const Json answer = gateway.ask("reload");
  if (gateway.json) {
    fmt::print("{}\n", answer.dump());
  } else if (const auto exit = tell(answer); exit != Exit::ok) {
    return exit;
  }
  if (!answer.value("applied", false)) return static_cast<Exit>(answer.value("exit", 1));
  Remote apps = gateway;
  apps.door = "apps.sock";
  apps.program = "tidegate-apps";
  if (apps.socket) apps.socket = apps.socket->parent_path() / apps.door;
  try {
    const Json theirs = apps.ask("reload");
    if (!theirs.value("applied", false)) {
      fmt::print(stderr, "tidegate-apps: {}\n", theirs.value("why", "it has not taken the new configuration"));
      return Exit::failure;
    }
  } catch (const Quit& quit) {
    if (quit.exit() == Exit::permission) {  // as within the gateway's own unit
      fmt::print(stderr, "the automations are not told: {}\n", quit.what());
    } else if (quit.exit() != Exit::unavailable) {  // there is none
      throw;
    }
  }
  return Exit::ok;
}

}  // namespace

void add_reload(CLI::App& program, Run& run) {
  const auto gateway = std::make_shared<Remote>();
  CLI::App* command = program.add_subcommand(
      "reload", "Have the running gateway read its configuration again, and print what that changed");
  gateway->add_options(*command);
  command->callback([gateway, &run] { run = [gateway] { return reload(*gateway); }; });
}

}  // namespace tidegate::cli
