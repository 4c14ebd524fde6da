// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/header.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tidegate::gpio {
namespace {

constexpr int v3 = -1;
constexpr int v5 = -2;
constexpr int gd = -3;

/// By place, odd ones left.
constexpr std::array<int, header_places> header = {
    v3, v5, 2,  v5, 3,  gd, 4, 14, gd, 15, 17, 18, 27, gd, 22, 23, v3, 24, 10, gd,
    9,  25, 11, 8,  gd, 7,  0, 1,  5,  gd, 6,  12, 13, gd, 19, 16, 26, 20, gd, 21,
};

}  // namespace

bool leads_to_header(std::string_view chip_label) noexcept {
  return chip_label == "pinctrl-bcm2835" || chip_label == "pinctrl-bcm2711" || chip_label == "pinctrl-rp1";
}

std::optional<unsigned> header_gpio(unsigned place) noexcept {
  if (place < 1 || place > header_places || header[place - 1] < 0) return std::nullopt;
  return static_cast<unsigned>(header[place - 1]);
}

std::optional<unsigned> header_place(unsigned gpio) noexcept {
  const auto at = std::find(header.begin(), header.end(), static_cast<int>(gpio));
  if (at == header.end() || gpio > 27) return std::nullopt;
  return static_cast<unsigned>(at - header.begin()) + 1;
}

std::string_view header_power(unsigned place) noexcept {
  if (place < 1 || place > header_places) return {};
  const int what = header[place - 1];
  return what == v3 ? "3.3 V" : what == v5 ? "5 V" : what == gd ? "ground" : "";
}

std::string one_spelling(const std::string& line) {
  for (const std::string_view prefix : {"J8:", "BOARD"}) {
    if (!line.starts_with(prefix)) continue;
    const auto place = line.substr(prefix.size());
    if (place.empty() || place.size() > 2 || place.find_first_not_of("0123456789") != place.npos) break;
    if (const auto number = header_gpio(static_cast<unsigned>(std::stoul(place))))
      return fmt::format("GPIO{}", *number);
  }
  return line;
}

}  // namespace tidegate::gpio
