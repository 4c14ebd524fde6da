// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <cstddef>

#include <fmt/format.h>

namespace tidegate {
namespace {

/// Control characters, and those that turn the direction of a text.
bool is_hidden(std::uint32_t point) noexcept {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x2028 || point == 0x2029 ||
         (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

}  // namespace

std::optional<std::uint32_t> take_character(std::string_view& text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  std::uint32_t point = length < 2 ? first : first & (0x7FU >> length);
  bool sound = length != 0 && length <= text.size();
  for (std::size_t n = 1; sound && n < length; ++n) {
    const auto byte = static_cast<unsigned char>(text[n]);
    sound = (byte & 0xC0) == 0x80;
    point = point << 6 | (byte & 0x3FU);
  }
  // Longer than it need be, half a pair, or beyond the last.
  if (length == 3) sound = sound && point >= 0x800 && (point < 0xD800 || point > 0xDFFF);
  if (length == 4) sound = sound && point >= 0x10000 && point <= 0x10FFFF;
  text.remove_prefix(sound ? length : 1);
  if (!sound) return std::nullopt;
  return point;
}

bool is_text(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    if (!take_character(bytes)) return false;
  }
  return true;
}

std::string harmless(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto from = text;
    const auto point = take_character(text);
    const auto bytes = from.substr(0, from.size() - text.size());
    if (!point) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes.front()));
    } else if (*point == '\n') {
      result += "\\n";
    } else if (*point == '\t') {
      result += "\\t";
    } else if (is_hidden(*point)) {
      result += fmt::format("\\u{:04x}", *point);
    } else {
      result += bytes;
    }
  }
  return result;
}

}  // namespace tidegate
