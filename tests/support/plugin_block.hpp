// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <tidegate/plugin.hpp>

#include "config/config.hpp"
#include "plugins/table.hpp"

namespace tidegate::test {

/// The plugin of that name, or nullptr.
inline const PluginInfo* plugin(std::string_view name) {
  for (const PluginInfo* info : plugins::table()) {
    if (name == info->name) return info;
  }
  return nullptr;
}

/// The configuration of one plugin, from TOML that has its table.
class PluginBlock {
 public:
  PluginBlock(const std::string& name, std::string_view text, const std::string& file = "test.toml")
      : config_(config::parse(text, file, {name})) {}

  [[nodiscard]] const Block& block() const { return config_.plugins.at(0).block; }
  /// Every complaint about the block, once a maker has read it; empty when there is none.
  [[nodiscard]] std::string complaints() const {
    try {
      config::check_plugins(config_);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }

 private:
  config::Config config_;
};

}  // namespace tidegate::test
