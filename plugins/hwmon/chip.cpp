// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/hwmon/chip.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <tidegate/error.hpp>

#include "plugins/common/sysfs.hpp"

namespace tidegate::plugins::hwmon {
namespace {

constexpr double kelvin_zero = -273.15;

/// One kind of channel: "temp" in temp1_input.
struct Kind {
  std::string_view name;
  std::string_view unit;
  double divisor;  // of what stands in the file; a division of integers is exact where a factor is not
  std::optional<double> least;
  std::optional<double> most;
};
constexpr std::array<Kind, 9> kinds = {{
    {"in", "V", 1e3, std::nullopt, std::nullopt},
    {"temp", "°C", 1e3, kelvin_zero, std::nullopt},
    {"curr", "A", 1e3, std::nullopt, std::nullopt},
    {"power", "W", 1e6, std::nullopt, std::nullopt},
    {"energy", "J", 1e6, 0.0, std::nullopt},
    {"humidity", "%", 1e3, 0.0, 100.0},
    {"fan", "1/min", 1.0, 0.0, std::nullopt},
    {"freq", "Hz", 1.0, 0.0, std::nullopt},
    {"pwm", "%", 2.55, 0.0, 100.0},
}};

/// The files of one channel.
struct Channel {
  const Kind* kind = nullptr;
  std::string name;   // "temp1"
  std::string value;  // "temp1_input"; empty: there is none
  std::vector<std::string> alarms;
  bool labelled = false;
  bool fault = false;
};

/// "temp1_crit_alarm" is channel "temp1" and "crit_alarm".
std::optional<std::pair<const Kind*, std::size_t>> parse(std::string_view file) noexcept {
  for (const auto& kind : kinds) {
    if (!file.starts_with(kind.name)) continue;
    std::size_t end = kind.name.size();
    while (end < file.size() && file[end] >= '0' && file[end] <= '9') ++end;
    if (end == kind.name.size() || (end < file.size() && file[end] != '_')) continue;
    return std::pair(&kind, end);
  }
  return std::nullopt;
}

std::vector<Channel> channels_of(const std::vector<std::string>& files) {
  std::vector<Channel> channels;
  std::map<std::string, std::size_t, std::less<>> places;
  for (const auto& file : files) {
    const auto parsed = parse(file);
    if (!parsed) continue;
    const auto [kind, end] = *parsed;
    const std::string name = file.substr(0, end);
    const auto [place, added] = places.emplace(name, channels.size());
    if (added) channels.push_back({.kind = kind, .name = name, .value = {}, .alarms = {}});
    Channel& channel = channels[place->second];
    const std::string_view attribute = std::string_view(file).substr(std::min(end + 1, file.size()));
    if (attribute.empty() ? kind->name == "pwm" : attribute == "input") {
      channel.value = file;
    } else if (attribute == "average" && kind->name == "power") {
      if (channel.value.empty()) channel.value = file;
    } else if (attribute == "label") {
      channel.labelled = true;
    } else if (attribute == "fault") {
      channel.fault = true;
    } else if (attribute == "alarm" || attribute.ends_with("_alarm")) {
      channel.alarms.push_back(file);
    }
  }
  return channels;
}

/// A driver's way of saying that there is no value now: a radio that is off, a slot that is empty.
bool has_none(int code) noexcept {
  return code == ENODATA || code == EOPNOTSUPP || code == ENXIO;
}

/// Reads into an outcome, or says why not.
template <class Fill>
Outcome outcome_of(std::string name, Fill fill) {
  Outcome outcome{.name = std::move(name), .value = std::nullopt};
  try {
    fill(outcome);
  } catch (const SystemError& error) {
    outcome.value.reset();
    if (!has_none(error.code())) outcome.why = error.what();
  } catch (const Error& error) {
    outcome.value.reset();
    outcome.why = error.what();
  }
  return outcome;
}

}  // namespace

std::vector<Outcome> read_chip(const Device& chip, const Options& options, Doing& doing) {
  const auto files = files_of(chip);
  const auto path = [&](const std::string& file) {
    doing.now("reading " + (chip.folder / file).string());
    return chip.folder / file;
  };
  std::vector<Outcome> outcomes;
  std::set<std::string> labels;
  for (const auto& channel : channels_of(files)) {
    std::string name = channel.name;
    if (channel.labelled) {
      try {
        std::string label = sysfs::level(sysfs::read(path(channel.name + "_label")));
        if (!label.empty()) name = labels.insert(label).second ? label : label + '_' + channel.name;
      } catch (const SystemError&) {
        // without a label, then
      }
    }
    if (!channel.value.empty() && options.wanted(chip.name + '/' + name)) {
      outcomes.push_back(outcome_of(name, [&](Outcome& outcome) {
        const Kind& kind = *channel.kind;
        if (channel.fault && sysfs::number(path(channel.name + "_fault")) != 0.0) {
          outcome.why = "the chip says that this sensor is faulty";
          return;
        }
        double value = sysfs::number(path(channel.value)) / kind.divisor;
        if (kind.name == "pwm") value = std::round(value * 10.0) / 10.0;
        outcome.value = value;
        outcome.unit = kind.unit;
        if ((kind.least && value < *kind.least) || (kind.most && value > *kind.most)) {
          outcome.quality = Quality::uncertain;
          outcome.why = fmt::format("{} {} cannot be", value, kind.unit);
        }
      }));
    }
    if (!channel.value.empty() && !options.alarms) continue;
    for (const auto& alarm : channel.alarms) {
      if (!options.wanted(chip.name + '/' + alarm)) continue;
      outcomes.push_back(
          outcome_of(alarm, [&](Outcome& outcome) { outcome.value = sysfs::number(path(alarm)) != 0.0; }));
    }
  }
  return outcomes;
}

}  // namespace tidegate::plugins::hwmon
