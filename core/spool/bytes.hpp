// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace tidegate::spool {

static_assert(std::endian::native == std::endian::little, "the spool's format is little-endian");

/// Puts an integer at an offset. The caller has seen to the room.
template <class T>
void put(std::span<std::byte> into, std::size_t offset, T value) noexcept {
  std::memcpy(into.data() + offset, &value, sizeof value);
}
template <class T>
[[nodiscard]] T get(std::span<const std::byte> from, std::size_t offset) noexcept {
  T value;
  std::memcpy(&value, from.data() + offset, sizeof value);
  return value;
}
inline void put_text(std::span<std::byte> into, std::size_t offset, std::string_view text) noexcept {
  if (!text.empty()) std::memcpy(into.data() + offset, text.data(), text.size());
}
[[nodiscard]] inline std::string_view get_text(std::span<const std::byte> from, std::size_t offset,
                                               std::size_t length) noexcept {
  return {reinterpret_cast<const char*>(from.data()) + offset, length};
}

}  // namespace tidegate::spool
