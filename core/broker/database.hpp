// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace tidegate::broker {

/// What a look at Mosquitto's database shows.
enum class Database : std::uint8_t {
  absent,
  sound,       ///< as far as its outline tells
  damaged,     ///< begins as a database and does not go on as one: Mosquitto takes what it can, or refuses to start
  unreadable,  ///< empty, all NUL, something else: nothing in it is for Mosquitto
};

/// Reads the outline: the head, and of every chunk its kind and length. A file that cannot be opened is absent.
[[nodiscard]] Database look_at(const std::filesystem::path& file);

/// Moves the file aside, to "<file>.aside.<n>", and forgets all but the newest three of these. Returns the new name.
/// Throws SystemError.
std::filesystem::path set_aside(const std::filesystem::path& file);
/// The same with a second name or a copy, so that the file stays. Does nothing when the newest is that file already.
std::filesystem::path keep_aside(const std::filesystem::path& file);

}  // namespace tidegate::broker
