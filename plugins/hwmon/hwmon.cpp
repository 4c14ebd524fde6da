// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string_view>
#include <utility>

#include <tidegate/plugin.hpp>

#include "hwmon_sample.hpp"
#include "plugins/common/roster.hpp"
#include "plugins/common/rounds.hpp"
#include "plugins/common/selection.hpp"
#include "plugins/hwmon/chip.hpp"

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;

/// Reads every hardware monitoring chip each interval. Thread: loop.
class Hwmon final : public Plugin {
 public:
  Hwmon(Context& context, const Block& block)
      : roster_(context, reading_options(block)),
        rounds_(context, block.duration("interval", 10s, 10ms), roster_, find(block), read(block)) {}

  void start() override {
    roster_.begin();
    rounds_.start();
  }
  void stop() noexcept override {
    rounds_.stop();
    roster_.end();
  }

 private:
  static Rounds::Find find(const Block& block) {
    return [root = block.path("root", "/")] {
      return find_devices(root, "sys/class/hwmon", "hwmon", {"name", "device/name"});
    };
  }
  static Rounds::Read read(const Block& block) {
    hwmon::Options options{read_selection(block), block.boolean("alarms", false)};
    return [options = std::move(options)](const Device& chip, Doing& doing) {
      return hwmon::read_chip(chip, options, doing);
    };
  }

  Roster roster_;
  Rounds rounds_;
};

}  // namespace

extern const PluginInfo hwmon_plugin;
const PluginInfo hwmon_plugin = {
    .name = "hwmon",
    .sample = hwmon_sample,
    .make = [](Context& context, const Block& block) -> std::unique_ptr<Plugin> {
      return std::make_unique<Hwmon>(context, block);
    },
};

}  // namespace tidegate::plugins
