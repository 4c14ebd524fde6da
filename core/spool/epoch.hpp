// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "spool/file.hpp"

namespace tidegate::spool {

/// The epoch file of a lane: what makes (epoch, sequence) unique over power cuts, and the salt of its checksums.
struct Epoch {
  std::uint32_t epoch = 0;
  std::uint32_t salt = 0;
  bool known = false;  ///< whether a valid slot was found
};

/// Reads the newest valid slot; known is false when there is none. Throws SystemError when the disk refuses.
[[nodiscard]] Epoch read_epoch(Disk& disk, const std::filesystem::path& folder);
/// Writes it into the other slot and makes it durable, with the folder. Throws SystemError when the disk refuses.
void write_epoch(Disk& disk, const std::filesystem::path& folder, const Epoch& epoch);

}  // namespace tidegate::spool
