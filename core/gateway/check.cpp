// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/check.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/clock.hpp>

#include "automation/folder.hpp"
#include "automation/header.hpp"
#include "broker/door.hpp"
#include "gateway/plugins.hpp"

namespace tidegate::gateway {
namespace {

/// What the scripts say themselves about how they are run. False when something of it is wrong.
bool check_scripts(const config::Automations& automations) {
  const auto files = automation::scripts_in(automations.folder);
  for (const auto& [name, options, where] : automations.scripts) {
    if (files.contains(name + ".py")) continue;
    fmt::print(stderr, "{}: warning: there is no {}; is it the name of a file in {}, without .py?\n", where,
               (automations.folder / (name + ".py")).string(), automations.folder.string());
  }
  bool valid = true;
  for (const auto& file : files) {
    for (const auto& [where, what] : automation::read_header(automations.folder / file).complaints) {
      fmt::print(stderr, "{}: {}\n", where, what);
      valid = false;
    }
  }
  return valid;
}

/// What would keep the local broker's door to the network closed, or is odd about it. Its files are for the eyes of who
/// keeps the broker.
void check_door(const config::Config& config, config::Reader reader) {
  if (!config.broker.listener) return;
  const auto& door = *config.broker.listener;
  const auto warn = [&](const std::string& what) {
    fmt::print(stderr, "{}: [broker.listener]: warning: {}\n", config.files.front().string(), what);
  };
  for (const auto* file : {&door.users, &door.psk_file, &door.cert_file, &door.key_file, &door.client_ca_file}) {
    if (file->empty() || access(file->c_str(), R_OK) == 0 || errno != EACCES) continue;
    if (reader == config::Reader::gateway)
      warn(
          fmt::format("this user may not read {}, so the door was not looked at: sudo tidegate check", file->string()));
    return;
  }
  if (const auto why = broker::read_door(door).problem; !why.empty()) warn("the door stays closed: " + why);
  for (const auto& oddity : broker::door_oddities(door, machine_clock().wall(), "systemctl reload tidegate-broker"))
    warn(oddity);
}

}  // namespace

config::Config load_configuration(const std::optional<std::filesystem::path>& file, config::Reader reader) {
  return config::load(file ? file : config::default_file(), plugin_names(), read_plugin_blocks, reader);
}

Exit check_configuration(const std::optional<std::filesystem::path>& file, config::Reader reader) {
  try {
    const auto config = load_configuration(file, reader);
    for (const auto& warning : config.warnings) fmt::print(stderr, "{}: warning: {}\n", warning.where, warning.what);
    if (config.files.empty()) {
      fmt::print("no configuration file; the built-in configuration is valid\n");
    }
    for (const auto& read : config.files) fmt::print("{}: valid\n", read.string());
    check_door(config, reader);
    return check_scripts(config.automations) ? Exit::ok : Exit::config;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_status(error);
  }
}

}  // namespace tidegate::gateway
