// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/iio/channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include <tidegate/error.hpp>

#include "plugins/common/sysfs.hpp"

namespace tidegate::plugins::iio {
namespace {

constexpr auto none = std::nullopt;

// The units of the kernel's ABI (Documentation/ABI/testing/sysfs-bus-iio), and what becomes of them.
constexpr std::array<Type, 28> types = {{
    {"accel", "m/s²", 1, 1, none, none},
    {"activity", "%", 1, 1, 0.0, 100.0},
    {"altvoltage", "V", 1, 1e3, none, none},
    {"angl", "rad", 1, 1, none, none},
    {"anglvel", "rad/s", 1, 1, none, none},
    {"capacitance", "nF", 1, 1, none, none},
    {"colortemp", "K", 1, 1, 0.0, none},
    {"concentration", "%", 1, 1, 0.0, 100.0},
    {"current", "A", 1, 1e3, none, none},
    {"deltaangl", "rad", 1, 1, none, none},
    {"deltavelocity", "m/s", 1, 1, none, none},
    {"distance", "m", 1, 1, 0.0, none},
    {"electricalconductivity", "S/m", 1, 1, 0.0, none},
    {"energy", "J", 1, 1, none, none},
    {"gravity", "m/s²", 1, 1, none, none},
    {"humidityrelative", "%", 1, 1e3, 0.0, 100.0},
    {"illuminance", "lx", 1, 1, 0.0, none},
    {"incli", "°", 1, 1, none, none},
    {"magn", "G", 1, 1, none, none},
    {"massconcentration", "µg/m³", 1, 1, 0.0, none},
    {"ph", "pH", 1, 1, none, none},
    {"phase", "rad", 1, 1, none, none},
    {"positionrelative", "%", 1, 1e3, none, none},
    {"power", "W", 1, 1e3, none, none},
    {"pressure", "hPa", 10, 1, 0.0, none},
    {"resistance", "Ω", 1, 1, 0.0, none},
    {"temp", "°C", 1, 1e3, -273.15, none},
    {"voltage", "V", 1, 1e3, none, none},
}};
// Also m/s for the one channel whose name is a formula.
constexpr Type velocity = {"velocity", "m/s", 1, 1, none, none};

std::string_view type_name(std::string_view channel) noexcept {
  std::size_t end = 0;
  while (end < channel.size() && channel[end] >= 'a' && channel[end] <= 'z') ++end;
  return channel.substr(0, end);
}

/// "voltage0-voltage1" is "voltage-voltage".
std::string without_numbers(std::string_view text) {
  std::string kept;
  std::ranges::copy_if(text, std::back_inserter(kept), [](char c) { return c < '0' || c > '9'; });
  return kept;
}

/// Twelve digits: more than any converter has, and few enough to hide that 3.3 is no binary fraction.
double rounded(double value) noexcept {
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 12).ptr;
  double result = value;
  std::from_chars(text.data(), end, result);
  return result;
}

/// The number in the nearest file that has the attribute.
double nearest(const std::filesystem::path& device, std::string_view channel, std::string_view attribute,
               double fallback, Doing& doing) {
  for (const auto& name : attribute_names(channel, attribute)) {
    const auto path = device / name;
    doing.now("reading " + path.string());
    const auto text = sysfs::read_if_there(path);
    if (!text) continue;
    // A scale in decibels, "1.5 dB", is a gain and not a factor.
    if (const auto number = sysfs::to_number(*text)) return *number;
    throw Error(fmt::format("{} has no number in it, but {:?}", path.string(), text->substr(0, 40)));
  }
  return fallback;
}

/// What drivers say that have no value now.
bool has_none(int code) noexcept {
  return code == ENODATA || code == EOPNOTSUPP || code == ENXIO;
}

struct Source {
  std::string channel;  // "voltage0"
  std::string file;     // "in_voltage0_raw"
  bool raw = false;
};

/// The channels that a device has; what is processed already comes before what is raw.
std::vector<Source> sources_of(const std::vector<std::string>& files) {
  constexpr std::string_view front = "in_";
  std::vector<Source> sources;
  for (const auto& file : files) {
    if (!file.starts_with(front) || file.find("quaternion") != file.npos) continue;  // four numbers in one
    const auto end = file.rfind('_');
    const std::string_view what = std::string_view(file).substr(end + 1);
    if ((what != "raw" && what != "input") || end <= front.size()) continue;
    Source source{file.substr(front.size(), end - front.size()), file, what == "raw"};
    const auto same = std::ranges::find(sources, source.channel, &Source::channel);
    if (same == sources.end()) {
      sources.push_back(std::move(source));
    } else if (same->raw) {
      *same = std::move(source);
    }
  }
  return sources;
}

}  // namespace

Type type_of(std::string_view channel) noexcept {
  const auto name = type_name(channel);
  if (name == velocity.name) return velocity;
  const auto type = std::ranges::find(types, name, &Type::name);
  return type == types.end() ? Type{name, "", 1, 1, none, none} : *type;
}

std::vector<std::string> attribute_names(std::string_view channel, std::string_view attribute) {
  std::vector<std::string> words;
  for (std::string_view rest = channel;;) {
    const auto end = rest.find('_');
    words.emplace_back(rest.substr(0, end));
    if (end == rest.npos) break;
    rest.remove_prefix(end + 1);
  }
  std::vector<std::string> names;
  const auto add = [&](const std::string& stem) {
    std::string name = stem.empty() ? std::string(attribute) : fmt::format("{}_{}", stem, attribute);
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  };
  for (const auto& first : {words.front(), without_numbers(words.front())}) {
    for (std::size_t count = words.size(); count > 0; --count) {
      std::string stem = "in_" + first;
      for (std::size_t n = 1; n < count; ++n) stem += '_' + words[n];
      add(stem);
      if (count == words.size() && count > 2) add("in_" + first + '_' + words.back());  // in_accel_peak_scale
    }
  }
  add("in");
  add("");
  return names;
}

double Conversion::operator()(double raw) const noexcept {
  return rounded((raw + offset) * scale * type.factor / type.divisor);
}

Outcome Conversion::outcome(std::string name, double raw) const {
  const double value = (*this)(raw);
  Outcome outcome{.name = std::move(name), .value = value, .unit = std::string(type.unit)};
  if ((type.least && value < *type.least) || (type.most && value > *type.most)) {
    outcome.quality = Quality::uncertain;
    outcome.why = fmt::format("{} {} cannot be", value, type.unit);
  }
  return outcome;
}

Conversion read_conversion(const std::filesystem::path& device, std::string_view channel, Doing& doing) {
  return {type_of(channel), nearest(device, channel, "offset", 0, doing), nearest(device, channel, "scale", 1, doing)};
}

std::string ChannelNames::of(std::string_view channel, Doing& doing) {
  std::string name = sysfs::level(channel);
  const auto path = device_ / fmt::format("in_{}_label", channel);
  doing.now("reading " + path.string());
  try {
    std::string label = sysfs::level(sysfs::read_if_there(path).value_or(""));
    if (!label.empty()) return labels_.insert(label).second ? label : label + '_' + name;
  } catch (const SystemError&) {
    // without a label, then
  }
  return name;
}

std::vector<Outcome> read_device(const Device& device, const Selection& wanted, Doing& doing) {
  const auto files = files_of(device);
  const auto path = [&](const std::string& file) {
    doing.now("reading " + (device.folder / file).string());
    return device.folder / file;
  };
  std::vector<Outcome> outcomes;
  ChannelNames names(device.folder);
  for (const auto& source : sources_of(files)) {
    const std::string name = names.of(source.channel, doing);
    if (!wanted(device.name + '/' + name)) continue;
    Outcome failed{.name = name, .value = none};
    try {
      const Conversion conversion = source.raw ? read_conversion(device.folder, source.channel, doing)
                                               : Conversion{.type = type_of(source.channel)};
      outcomes.push_back(conversion.outcome(name, sysfs::number(path(source.file))));
      continue;
    } catch (const SystemError& error) {
      if (!has_none(error.code())) failed.why = error.what();
    } catch (const Error& error) {
      failed.why = error.what();
    }
    outcomes.push_back(std::move(failed));
  }
  return outcomes;
}

}  // namespace tidegate::plugins::iio
