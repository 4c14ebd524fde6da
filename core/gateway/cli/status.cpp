// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include "gateway/cli/command.hpp"
#include "gateway/cli/lanes.hpp"
#include "gateway/cli/remote.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

Json part(const Json& object, const char* key) {
  return object.value(key, Json::object());
}

/// "connected", or "waiting: connection refused".
std::string state(const Json& object) {
  const std::string failure = show(object, "failure");
  return failure.empty() || failure == "-" ? show(object, "state") : show(object, "state") + ": " + failure;
}

std::string broker(const Json& status) {
  const std::string url = show(status, "url");
  std::string text = state(status);
  // One that runs without us is never said to be up: the session says whether it answers.
  if (text == "up" && number(status, "pid") == 0) text = "yours,";
  if (!url.empty() && url != "-") text += " at " + url;
  if (number(status, "pid") > 0) text += ", process " + show(status, "pid");
  if (show(status, "adopted") == "true") text += " (adopted)";
  return text;
}

/// The door to the network; empty when none was asked for.
std::string listener(const Json& status) {
  if (status.empty()) return {};
  const auto open = status.value("open", Json());
  const std::string address = show(status, "address");
  return fmt::format("listener: port {} of {}: {}\n", show(status, "port"),
                     address == "-" || address.empty() ? "all addresses" : address,
                     open.is_null()     ? "tidegate-broker keeps it (systemctl status tidegate-broker)"
                     : open.get<bool>() ? "open"
                                        : "closed");
}

std::string health(const Json& status) {
  if (show(status, "ok") == "true") return "ok";
  std::string text = "not ok";
  for (const Json& problem : part(status, "problems")) {
    text += fmt::format("\n  {}: {}", show(problem, "what"), show(problem, "why"));
  }
  return text;
}

std::string joined(const Json& texts) {
  std::string all;
  for (const Json& text : texts)
    all += (all.empty() ? "" : ", ") + (text.is_string() ? text.get<std::string>() : text.dump());
  return all;
}

std::string upstreams(const Json& status, Json& lanes) {
  Table table({"UPSTREAM", "STATE", ">UNDER WAY", ">DELIVERED", "SERVERS"});
  std::string notes;
  for (const Json& upstream : status) {
    const std::string name = show(upstream, "name");
    const std::string failure = show(upstream, "failure");
    table.add({name, show(upstream, "state"), show(upstream, "in_flight") + " of " + show(upstream, "window"),
               show(upstream, "delivered"), joined(part(upstream, "servers"))});
    if (!failure.empty() && failure != "-") notes += fmt::format("{}: {}\n", name, failure);
    if (const auto until = upstream.find("certificate_until"); until != upstream.end() && until->is_string())
      notes += fmt::format("{}: the server's certificate is good until {}\n", name, until->get<std::string>());
    for (Json lane : part(upstream, "lanes")) {
      lane["upstream"] = name;
      lanes.push_back(std::move(lane));
    }
    for (Json received : upstream.value("received", Json::array())) {
      received["upstream"] = "from " + name;
      lanes.push_back(std::move(received));
    }
  }
  return table.empty() ? "No upstream is configured: nothing is forwarded.\n" : table.text() + notes;
}

std::string plugins(const Json& status) {
  Table table({"SOURCE", "STATE", ">READINGS"});
  for (const Json& plugin : status) table.add({show(plugin, "name"), show(plugin, "state"), show(plugin, "readings")});
  return table.empty() ? "" : '\n' + table.text();
}

std::string counters(const Json& status) {
  std::string all;
  for (const auto& [name, count] : status.items())
    all += fmt::format("{}{} {}", all.empty() ? "" : ", ", name, count.dump());
  return all.empty() ? "" : "\nMessages taken in: " + all + '\n';
}

std::string pretty(const Json& status) {
  const Json gateway = part(status, "gateway");
  std::string text = fmt::format("{}, tidegate {}, up {}\n", show(gateway, "id"), show(gateway, "version"),
                                 show_duration(number(gateway, "uptime_s")));
  text += fmt::format("health: {}\n", health(part(status, "health")));
  text += fmt::format("broker: {}\n", broker(part(status, "broker")));
  text += listener(part(part(status, "broker"), "listener"));
  text += fmt::format("session: {}\n\n", state(part(status, "local")));
  Json lanes = Json::array();
  text += upstreams(part(status, "upstreams"), lanes);
  if (const std::string table = show_lanes(lanes); !table.empty()) text += '\n' + table;
  return text + plugins(part(status, "plugins")) + counters(part(status, "counters"));
}

}  // namespace

void add_status(CLI::App& program, Run& run) {
  const auto remote = std::make_shared<Remote>();
  CLI::App* command = program.add_subcommand("status", "Show what the running gateway does");
  remote->add_options(*command);
  command->callback([remote, &run] {
    run = [remote] {
      const Json status = remote->ask("status");
      fmt::print("{}", remote->json ? status.dump() + '\n' : pretty(status));
      return Exit::ok;
    };
  });
}

}  // namespace tidegate::cli
