// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/app_verbs.hpp"

#include <cstdint>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/clock.hpp>
#include <tidegate/error.hpp>

namespace tidegate::gateway {
namespace {

using automation::Script;
using control::Json;

/// What a process has in memory now, in bytes; 0 when it is gone.
std::uint64_t memory_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

Json to_json(const Script& script) {
  const bool runs = script.pid() != 0;
  return {{"name", script.name()},
          {"state", automation::to_string(script.state())},
          {"why", script.why()},
          {"pid", runs ? Json(script.pid()) : Json(nullptr)},
          {"memory", runs ? Json(memory_of(script.pid())) : Json(nullptr)},
          {"restarts", script.restarts()},
          {"since", iso8601(script.since())},
          {"limits", script.limits()}};
}

std::uint64_t number(const Json& request, const char* key, std::uint64_t fallback) {
  const auto found = request.find(key);
  if (found == request.end()) return fallback;
  if (!found->is_number_unsigned()) throw Error(fmt::format("{} is a whole number", key));
  return found->get<std::uint64_t>();
}

Script& named(const automation::Supervisor& supervisor, const Json& request) {
  const auto name = request.find("name");
  if (name == request.end() || !name->is_string()) {
    throw control::Refusal(control::Refusal::Kind::argument, "name the automation");
  }
  try {
    return supervisor.find(name->get<std::string>());
  } catch (const Error& error) {
    throw control::Refusal(control::Refusal::Kind::unknown, error.what());
  }
}

}  // namespace

void add_app_verbs(control::Control& control, automation::Supervisor& supervisor) {
  control.add("app.list", [&supervisor](const Json&) {
    auto all = Json::array();
    for (const auto& [name, script] : supervisor.scripts()) all.push_back(to_json(*script));
    return Json{{"apps", all}};
  });
  control.add("app.logs", [&supervisor](const Json& request) {
    auto lines = Json::array();
    for (auto& line :
         named(supervisor, request).output().tail(number(request, "after", 0), number(request, "most", 1000))) {
      lines.push_back({{"number", line.number}, {"time", iso8601(line.time)}, {"text", line.text}});
    }
    return Json{{"lines", lines}};
  });
  const auto act = [&](const char* verb, void (Script::*what)()) {
    control.add(verb, [&supervisor, what](const Json& request) {
      auto& script = named(supervisor, request);
      (script.*what)();
      return to_json(script);
    });
  };
  act("app.start", &Script::start);
  act("app.stop", &Script::stop);
  act("app.restart", &Script::restart);
}

}  // namespace tidegate::gateway
