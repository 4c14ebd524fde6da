// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/named_line.hpp"

#include <array>

namespace tidegate::gateway {
namespace {

constexpr std::array<const char*, 6> kinds = {"input", "output", "counter", "pwm", "rgb", "servo"};
constexpr double most_hertz = 1'000'000;

}  // namespace

std::vector<NamedLine> named_lines(const config::Config& config) {
  std::vector<NamedLine> all;
  for (const config::PluginBlock& plugin : config.plugins) {
    if (plugin.plugin != "gpio") continue;
    for (const char* kind : kinds) {
      for (const Block& block : plugin.block.tables(kind)) {
        NamedLine one;
        one.kind = kind;
        one.name = block.text("name", "");
        one.active_low = block.has("active_low") && block.boolean("active_low", false);
        one.bias = block.text("bias", "");
        one.topic = block.text("topic", "");
        if (one.topic.empty()) one.topic = config.gateway.topic("gpio/" + one.name);
        if (one.kind == "counter") one.topic += "/total";
        if (one.kind == "pwm") one.frequency = block.number("frequency", 0, 0, most_hertz);
        for (const char* key : {"line", "red", "green", "blue"}) {
          one.line = block.text(key, "");
          if (!one.name.empty() && !one.line.empty()) all.push_back(one);
        }
      }
    }
  }
  return all;
}

}  // namespace tidegate::gateway
