// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// The 40-pin header J8 of a Raspberry Pi: its places, 1 to 40, and the lines that lead there, GPIO0 to GPIO27. Those
/// are the first lines of the chip on every model. Pure.
namespace tidegate::gpio {

constexpr unsigned header_places = 40;

/// Whether a chip of this label has the lines of the header: pinctrl-bcm2835 (Zero to 3), pinctrl-bcm2711 (4),
/// pinctrl-rp1 (5).
[[nodiscard]] bool leads_to_header(std::string_view chip_label) noexcept;
/// "17" of GPIO17 for place 11; nothing for one of power or ground, or one that there is not.
[[nodiscard]] std::optional<unsigned> header_gpio(unsigned place) noexcept;
/// 11 for GPIO17; nothing above GPIO27.
[[nodiscard]] std::optional<unsigned> header_place(unsigned gpio) noexcept;
/// "3.3 V", "5 V", "ground"; empty for a place of a line, or one that there is not.
[[nodiscard]] std::string_view header_power(unsigned place) noexcept;
/// One spelling of a line of the header, however it is named, for comparing: "GPIO17" for "J8:11" and "BOARD11".
[[nodiscard]] std::string one_spelling(const std::string& line);

}  // namespace tidegate::gpio
