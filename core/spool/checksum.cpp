// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/checksum.hpp"

#include <isa-l/crc.h>

namespace tidegate::spool {

std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t salt) noexcept {
  // The library reads only; its signature is older than const.
  auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
  return crc32_iscsi(data, static_cast<int>(bytes.size()), salt);
}

}  // namespace tidegate::spool
