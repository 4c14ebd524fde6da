// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/plugin.hpp>
#include <tidegate/topic.hpp>

#include "onewire_sample.hpp"
#include "plugins/common/roster.hpp"
#include "plugins/common/rounds.hpp"
#include "plugins/common/sysfs.hpp"
#include "plugins/onewire/sensor.hpp"

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Sensor {
  std::string id;
  std::string name;
  ChannelOptions options;
};

struct Options {
  Nanoseconds interval{};
  bool discover = true;
  int resolution = 0;
  fs::path root;
  Roster::OptionsOf of;  ///< readings without an own block
  std::vector<Sensor> sensors;
};

void check_sensor(const Block& table, const Sensor& sensor, const std::vector<Sensor>& others) {
  if (!sensor.id.empty() && !onewire::is_thermometer(sensor.id)) {
    table.complain("id",
                   fmt::format("\"{}\" is no thermometer's id; one looks like \"28-0316a4f1c2ff\": family 10, 22, 28, "
                               "3b or 42, and twelve digits 0-9 a-f. \"ls /sys/bus/w1/devices\" shows those that "
                               "are there",
                               sensor.id));
  }
  try {
    if (!sensor.name.empty()) check_topic(sensor.name);
  } catch (const TopicError& error) {
    table.complain("name", error.what());
  }
  for (const auto& other : others) {
    if (other.id == sensor.id)
      table.complain("id", fmt::format("\"{}\" is named \"{}\" already", sensor.id, other.name));
    if (other.name == sensor.name) table.complain("name", fmt::format("\"{}\" is {} already", sensor.name, other.id));
  }
}

Options read_options(const Block& block) {
  Options options;
  options.interval = block.duration("interval", 10s, 10ms);
  options.discover = block.boolean("discover", true);
  if (block.has("resolution")) options.resolution = static_cast<int>(block.integer("resolution", 12, 9, 12));
  options.root = block.path("root", "/");
  options.of = reading_options(block);
  ChannelOptions usual;
  usual.json = block.boolean("json", false);
  for (const Block& table : block.tables("sensor")) {
    Sensor sensor{table.required_text("id"), table.required_text("name"), channel_options(table, usual)};
    check_sensor(table, sensor, options.sensors);
    options.sensors.push_back(std::move(sensor));
  }
  return options;
}

/// Garbled answers of each sensor since the gateway started. Thread-safe.
class CrcErrors final {
 public:
  std::int64_t add(const std::string& id, int more) {
    const std::lock_guard lock(mutex_);
    return counts_[id] += more;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::int64_t> counts_;
};

/// Measures with every thermometer each interval. Thread: loop.
class Onewire final : public Plugin {
 public:
  Onewire(Context& context, Options options)
      : options_(std::move(options)),
        roster_(context, [this](std::string_view name) { return options_of(name); }),
        rounds_(
            context, options_.interval, roster_,
            [folder = options_.root / "sys/bus/w1/devices", sensors = options_.sensors, discover = options_.discover] {
              return find(folder, sensors, discover);
            },
            [resolution = options_.resolution, crc_errors = std::make_shared<CrcErrors>()](
                const Device& sensor, Doing& doing) { return read(sensor, resolution, *crc_errors, doing); }) {}

  void start() override {
    roster_.begin();
    rounds_.start();
  }
  void stop() noexcept override {
    rounds_.stop();
    roster_.end();
  }

 private:
  [[nodiscard]] ChannelOptions options_of(std::string_view name) const {
    const auto sensor = std::ranges::find(options_.sensors, name, &Sensor::name);
    return sensor == options_.sensors.end() ? options_.of(name) : sensor->options;
  }

  static std::vector<Device> find(const fs::path& folder, const std::vector<Sensor>& sensors, bool discover) {
    std::vector<Device> found;
    const auto add = [&](const std::string& id, const std::string& name) {
      const fs::path path = folder / id;
      std::error_code error;
      const fs::path real = fs::canonical(path, error);
      found.push_back({path, id, name, error ? "" : real.parent_path().filename().string()});
    };
    for (const auto& sensor : sensors) add(sensor.id, sensor.name);
    if (!discover) return found;
    for (const auto& id : sysfs::list(folder)) {
      if (onewire::is_thermometer(id) && std::ranges::find(sensors, id, &Sensor::id) == sensors.end()) add(id, id);
    }
    return found;
  }

  static std::vector<Outcome> read(const Device& sensor, int resolution, CrcErrors& crc_errors, Doing& doing) {
    const auto measured = onewire::measure(sensor.folder, resolution, doing);
    std::vector<Outcome> outcomes(1);
    outcomes[0].why = measured.why;
    if (measured.celsius) {
      outcomes[0].value = *measured.celsius;
      outcomes[0].unit = "°C";
      outcomes[0].quality = measured.uncertain ? Quality::uncertain : Quality::good;
    }
    if (const auto count = crc_errors.add(sensor.path, measured.crc_errors); count > 0) {
      outcomes.push_back({.name = "crc_errors", .value = count});
    }
    return outcomes;
  }

  const Options options_;
  Roster roster_;
  Rounds rounds_;
};

}  // namespace

extern const PluginInfo onewire_plugin;
const PluginInfo onewire_plugin = {
    .name = "onewire",
    .sample = onewire_sample,
    .make = [](Context& context, const Block& block) -> std::unique_ptr<Plugin> {
      return std::make_unique<Onewire>(context, read_options(block));
    },
};

}  // namespace tidegate::plugins
