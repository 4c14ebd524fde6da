// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::plugins::gpio {

/// What an RGB LED shows. 0 to 255 each.
struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

/// A colour name of CSS ("green", "DarkOrange"), "#rrggbb", "#rgb" or "r,g,b"; upper and lower case alike. Nothing for
/// anything else.
[[nodiscard]] std::optional<Colour> parse_colour(std::string_view text);

/// "#rrggbb".
[[nodiscard]] std::string to_string(const Colour& colour);

}  // namespace tidegate::plugins::gpio
