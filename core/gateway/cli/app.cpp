// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "gateway/cli/command.hpp"
#include "gateway/cli/lanes.hpp"
#include "gateway/cli/remote.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

constexpr std::chrono::milliseconds follow_interval{500};

/// What all subcommands of app have.
struct Asked {
  Asked() {
    remote.door = "apps.sock";
    remote.program = "tidegate-apps";
  }
  Remote remote;
  std::string name;
  std::uint64_t lines = 50;
  bool follow = false;
};

/// "12:30:05" of "2026-11-20T12:30:05.123Z".
std::string time_of_day(const Json& line) {
  const auto time = show(line, "time");
  return time.size() > 19 ? time.substr(11, 8) : time;
}

Exit list(const Asked& asked) {
  const Json answer = asked.remote.ask("app.list");
  if (asked.remote.json) {
    fmt::print("{}\n", answer.dump());
    return Exit::ok;
  }
  Table table({"NAME", "STATE", ">PID", ">MEMORY", ">RESTARTS", "SINCE", "LIMITS"});
  std::string reasons;
  const auto apps = answer.value("apps", Json::array());
  for (const Json& app : apps) {
    const auto memory = number(app, "memory");
    table.add({show(app, "name"), show(app, "state"), show(app, "pid"), memory > 0 ? show_bytes(memory) : "-",
               show(app, "restarts"), show(app, "since"), show(app, "limits")});
    if (const auto why = show(app, "why"); !why.empty() && why != "-") {
      reasons += fmt::format("{}: {}\n", show(app, "name"), why);
    }
  }
  fmt::print("{}{}", apps.empty() ? "There are no automations.\n" : table.text(), reasons);
  return Exit::ok;
}

Exit logs(const Asked& asked) {
  std::uint64_t after = 0;
  std::uint64_t most = asked.lines;
  do {
    const Json answer = asked.remote.ask("app.logs", {{"name", asked.name}, {"after", after}, {"most", most}});
    if (asked.remote.json) {
      fmt::print("{}\n", answer.dump());
      return Exit::ok;
    }
    for (const Json& line : answer.value("lines", Json::array())) {
      after = static_cast<std::uint64_t>(number(line, "number"));
      if (fmt::print("{} {}\n", time_of_day(line), show(line, "text")); std::ferror(stdout) != 0) return Exit::os_error;
    }
    most = 1000;
    if (std::fflush(stdout) != 0) return Exit::ok;  // the reader is gone
    if (asked.follow) std::this_thread::sleep_for(follow_interval);
  } while (asked.follow);
  return Exit::ok;
}

Exit act(const Asked& asked, const std::string& verb) {
  const Json answer = asked.remote.ask("app." + verb, {{"name", asked.name}});
  const auto why = show(answer, "why");
  fmt::print("{}\n", asked.remote.json ? answer.dump()
                                       : fmt::format("{} is {}{}", asked.name, show(answer, "state"),
                                                     why.empty() || why == "-" ? "" : ": " + why));
  return Exit::ok;
}

}  // namespace

void add_app(CLI::App& program, Run& run) {
  CLI::App* app =
      program.add_subcommand("app", "See the automations that run, what they write, and stop or start them");
  app->require_subcommand(1);
  const auto add = [&](const char* verb, const char* help, Exit (*action)(const Asked&, const std::string&)) {
    const auto asked = std::make_shared<Asked>();
    CLI::App* command = app->add_subcommand(verb, help);
    asked->remote.add_options(*command);
    command->callback([=, &run] { run = [=] { return action(*asked, verb); }; });
    return std::pair(command, asked);
  };
  add("list", "List the automations and their states",
      [](const Asked& asked, const std::string&) { return list(asked); });
  const auto [logs_command, logs_asked] = add("logs", "Print the last lines that one has written",
                                              [](const Asked& asked, const std::string&) { return logs(asked); });
  logs_command->add_option("name", logs_asked->name, "Its name: the file's, without .py")->required();
  logs_command->add_option("-n,--lines", logs_asked->lines, "How many lines at most (default 50)");
  logs_command->add_flag("-f,--follow", logs_asked->follow, "Go on with what comes");
  for (const auto& [verb, help] : {std::pair{"restart", "Start one again, with its file as it is now"},
                                   std::pair{"stop", "Stop one, until it is started or the supervisor is"},
                                   std::pair{"start", "Start one that was stopped, has failed or has finished"}}) {
    const auto [command, asked] = add(verb, help, act);
    command->add_option("name", asked->name, "Its name: the file's, without .py")->required();
  }
}

}  // namespace tidegate::cli
