// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/check.hpp"

#include <fmt/format.h>

#include "automation/folder.hpp"
#include "automation/header.hpp"
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
    return check_scripts(config.automations) ? Exit::ok : Exit::config;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_status(error);
  }
}

}  // namespace tidegate::gateway
