// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tidegate::spool {

/// CRC-32C of the bytes, started with salt and not inverted at the end (format.md).
[[nodiscard]] std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t salt) noexcept;

}  // namespace tidegate::spool
