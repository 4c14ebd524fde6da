// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate {

/// Takes the first character off a text, which is not empty; nothing, and one byte less, when it is no UTF-8.
std::optional<std::uint32_t> take_character(std::string_view& text) noexcept;
/// Whether all of it is UTF-8.
[[nodiscard]] bool is_text(std::string_view bytes) noexcept;
/// A text on one line, with control characters, and bytes that are no UTF-8, escaped: it cannot play with a terminal.
[[nodiscard]] std::string harmless(std::string_view text);

}  // namespace tidegate
