// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/onewire/sensor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include <tidegate/error.hpp>

#include "plugins/common/sysfs.hpp"

namespace tidegate::plugins::onewire {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> families = {"10-", "22-", "28-", "3b-", "42-"};
constexpr double power_on = 85;  // what a sensor holds before it has measured
constexpr double least = -55;
constexpr double most = 125;
constexpr int attempts = 2;

/// One transfer: a temperature, or nothing when it was garbled. Throws SystemError, Error.
std::optional<double> transfer(const fs::path& folder, Doing& doing) {
  if (const auto file = folder / "temperature"; fs::exists(file)) {
    doing.now("reading " + file.string());
    std::string text;
    try {
      text = sysfs::read(file);
    } catch (const SystemError& error) {
      if (error.code() == EIO)
        return std::nullopt;  // so the kernel calls a wrong checksum, and a sensor that is silent
      throw;
    }
    const auto millidegrees = sysfs::to_number(text);
    if (!millidegrees) throw Error(fmt::format("{} has no number in it, but {:?}", file.string(), text.substr(0, 40)));
    return *millidegrees / 1000.0;
  }
  const auto file = folder / "w1_slave";
  doing.now("reading " + file.string());
  const auto text = sysfs::read_if_there(file);
  if (!text)
    throw Error(
        "it is on no 1-Wire bus; is its id right (ls /sys/bus/w1/devices), and dtoverlay=w1-gpio in config.txt?");
  const auto slave = parse_w1_slave(*text);
  if (!slave)
    throw Error(fmt::format("{} is not what the kernel writes there, but {:?}", file.string(), text->substr(0, 40)));
  if (slave->silent) throw Error("it does not answer");
  if (!slave->crc_good) return std::nullopt;
  return slave->celsius;
}

/// Empty when the sensor has the resolution, or the kernel cannot set it.
std::string set_resolution(const fs::path& folder, int resolution, Doing& doing) {
  const auto file = folder / "resolution";
  try {
    if (resolution == 0 || !fs::exists(file)) return {};
    doing.now("writing " + file.string());
    if (sysfs::number(file) != resolution) sysfs::write(file, fmt::format("{}\n", resolution));
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

bool is_thermometer(std::string_view id) noexcept {
  constexpr std::size_t length = 15;
  return id.size() == length &&
         std::ranges::any_of(families, [&](std::string_view family) { return id.starts_with(family); }) &&
         id.substr(3).find_first_not_of("0123456789abcdef") == id.npos;
}

std::optional<W1Slave> parse_w1_slave(std::string_view text) {
  constexpr std::size_t scratchpad = 27;  // nine bytes, "a3 01 …"
  const auto verdict = text.find(" : crc=");
  const auto second = text.find('\n');
  const auto temperature = text.rfind("t=");
  if (verdict < scratchpad - 1 || verdict == text.npos || second == text.npos || temperature == text.npos ||
      temperature < second || verdict > second) {
    return std::nullopt;
  }
  const auto first = sysfs::trimmed(text.substr(0, second));
  const auto millidegrees = sysfs::to_number(sysfs::trimmed(text.substr(temperature + 2)));
  if (!millidegrees || (!first.ends_with("YES") && !first.ends_with("NO"))) return std::nullopt;
  return W1Slave{.crc_good = first.ends_with("YES"),
                 .silent = text.substr(0, verdict).find_first_not_of("0 ") == text.npos,
                 .celsius = *millidegrees / 1000.0};
}

Measured measure(const fs::path& folder, int resolution, Doing& doing) {
  Measured measured;
  measured.why = set_resolution(folder, resolution, doing);
  while (!measured.celsius && measured.crc_errors < attempts) {
    measured.celsius = transfer(folder, doing);
    if (!measured.celsius) ++measured.crc_errors;
  }
  if (!measured.celsius) {
    measured.why = "its answer was garbled twice (CRC)";
  } else if (*measured.celsius == power_on) {
    measured.why = "85 °C is what a sensor says that has not measured yet, or has too little power to";
    measured.uncertain = true;
  } else if (*measured.celsius < least || *measured.celsius > most) {
    measured.why = fmt::format("{} °C is outside what such a sensor can measure", *measured.celsius);
    measured.uncertain = true;
  }
  return measured;
}

}  // namespace tidegate::plugins::onewire
