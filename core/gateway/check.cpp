// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/check.hpp"

#include <fmt/format.h>

#include "gateway/plugins.hpp"

namespace tidegate::gateway {

config::Config load_configuration(const std::optional<std::filesystem::path>& file) {
  return config::load(file ? file : config::default_file(), plugin_names(), read_plugin_blocks);
}

Exit check_configuration(const std::optional<std::filesystem::path>& file) {
  try {
    const auto config = load_configuration(file);
    for (const auto& warning : config.warnings) fmt::print(stderr, "{}: warning: {}\n", warning.where, warning.what);
    if (config.files.empty()) {
      fmt::print("no configuration file; the built-in configuration is valid\n");
    }
    for (const auto& read : config.files) fmt::print("{}: valid\n", read.string());
    return Exit::ok;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_status(error);
  }
}

}  // namespace tidegate::gateway
