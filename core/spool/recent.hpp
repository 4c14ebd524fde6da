// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "spool/cursor.hpp"

namespace tidegate::spool {

/// The newest records of a lane as they stand in its log, without gaps in sequence, in a ring of bytes. Not
/// thread-safe.
class Recent {
 public:
  explicit Recent(std::size_t size) : size_(size) {}

  /// Sequences are added one after the other; the oldest make room.
  void add(std::uint64_t sequence, Place begin, std::span<const std::byte> encoded);
  [[nodiscard]] bool holds(std::uint64_t sequence) const noexcept {
    return sequence >= first_ && sequence - first_ < entries_.size();
  }
  /// Of one that it holds.
  [[nodiscard]] std::span<const std::byte> encoded(std::uint64_t sequence) const noexcept;
  [[nodiscard]] Place begin(std::uint64_t sequence) const noexcept { return entries_[sequence - first_].begin; }

 private:
  struct Entry {
    Place begin;  ///< in the log
    std::size_t offset;
    std::size_t length;
  };
  void forget_oldest() noexcept;

  const std::size_t size_;
  std::unique_ptr<std::byte[]> ring_;  ///< of size_ bytes from the first record on
  std::size_t head_ = 0;               ///< where the next one goes
  std::deque<Entry> entries_;
  std::uint64_t first_ = 0;  ///< sequence of the first entry
};

}  // namespace tidegate::spool
