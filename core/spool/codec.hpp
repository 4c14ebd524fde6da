// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spool/record.hpp"

namespace tidegate::spool {

/// Bytes of a record without topic, properties and payload.
inline constexpr std::size_t record_header = 60;

/// Bytes that a record of this message takes.
[[nodiscard]] std::size_t encoded_size(const Message& message) noexcept;
/// Puts the encoded record into the buffer, in place of what is there. message: in place of the record's own.
void encode(const Record& record, const Message& message, std::uint32_t salt, std::vector<std::byte>& buffer);
inline void encode(const Record& record, std::uint32_t salt, std::vector<std::byte>& buffer) {
  encode(record, record.message, salt, buffer);
}

/// What stands at some place of a segment.
struct Decoded {
  enum class Kind : std::uint8_t {
    record,
    other,    ///< valid, of a type that this program does not know; length says how far it goes
    cut_off,  ///< may be valid, but more bytes are needed: length says how many
    invalid,
  };
  Kind kind = Kind::invalid;
  std::size_t length = 0;
  Record record;
};

/// Never throws for what the bytes hold. Other records have their sequence and epoch filled in.
[[nodiscard]] Decoded decode(std::span<const std::byte> bytes, std::uint32_t salt);

/// Offset of the next place, after the first byte, where a record may begin; bytes.size() when there is none.
[[nodiscard]] std::size_t next_mark(std::span<const std::byte> bytes) noexcept;

}  // namespace tidegate::spool
