// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The GPIO chips and lines of this machine, as the kernel shows them; library tidegate::gpio. Nothing is kept between
/// calls, and no line is requested. Thread-safe.
namespace tidegate::gpio {

/// What is known of a line without holding it.
struct LineInfo {
  std::filesystem::path chip;  ///< "/dev/gpiochip0"; changes from boot to boot, so nothing is named by it
  std::string label;           ///< of the chip: "pinctrl-bcm2711"
  unsigned offset = 0;
  std::string name;    ///< "GPIO17"; empty when the device tree gives none
  std::string header;  ///< its place on a Raspberry Pi's header: "J8:11"; empty when it has none
  bool output = false;
  bool active_low = false;
  bool used = false;     ///< somebody holds it: a process, or the kernel
  std::string consumer;  ///< who, if it is said
  std::string bias;      ///< "pull-up", "pull-down", "disabled"; empty: unknown
};

struct ChipInfo {
  std::filesystem::path path;
  std::string name;    ///< "gpiochip0"
  std::string label;   ///< "pinctrl-bcm2711"
  std::string device;  ///< that it belongs to, "fe200000.gpio", "1-0020"; tells two chips with one label apart
  std::vector<LineInfo> lines;
};

/// Every chip that this user may open, by path; those that it may not are in refused. Throws SystemError when /dev
/// cannot be read.
struct Chips {
  std::vector<ChipInfo> chips;
  std::vector<std::filesystem::path> refused;
};
[[nodiscard]] Chips chips();

/// What lets this user open a chip: commands to type, fit for who owns it now.
[[nodiscard]] std::string how_to_open(const std::filesystem::path& chip);

/// How people name a line: "GPIO17" (its name; GPIO0 to GPIO27 of a Raspberry Pi whatever the kernel calls them),
/// "pinctrl-bcm2711:17" (label or device of the chip, and offset), "J8:11" or "BOARD11" (place on a Raspberry Pi's
/// 40-pin header). Throws ConfigError, with what is meant instead, for anything else: a number alone, "gpiochip0:17".
void check_line_name(std::string_view line);

/// Looks a line up. Throws ConfigError when check_line_name() does; UnavailableError when there is no such line, with
/// names that are near, when two chips have it, or when its chip may not be opened, with how to mend that.
[[nodiscard]] LineInfo find_line(std::string_view line);
/// The same among chips that were looked at before.
[[nodiscard]] LineInfo find_line(std::string_view line, const Chips& all);

}  // namespace tidegate::gpio
