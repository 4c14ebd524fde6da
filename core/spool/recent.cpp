// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/recent.hpp"

#include <cstring>

namespace tidegate::spool {

void Recent::forget_oldest() noexcept {
  entries_.pop_front();
  ++first_;
}

void Recent::add(std::uint64_t sequence, Place begin, std::span<const std::byte> encoded) {
  const auto length = encoded.size();
  if (length > size_ || sequence != first_ + entries_.size()) {
    entries_.clear();
    head_ = 0;
    first_ = sequence;
    if (length > size_) return;
  }
  if (!ring_) ring_ = std::make_unique_for_overwrite<std::byte[]>(size_);  // not touched, and so not resident
  if (head_ + length > size_) {
    while (!entries_.empty() && entries_.front().offset >= head_) forget_oldest();
    head_ = 0;
  }
  while (!entries_.empty() && entries_.front().offset >= head_ && entries_.front().offset < head_ + length) {
    forget_oldest();
  }
  std::memcpy(ring_.get() + head_, encoded.data(), length);
  entries_.push_back({begin, head_, length});
  head_ += length;
}

std::span<const std::byte> Recent::encoded(std::uint64_t sequence) const noexcept {
  const auto& entry = entries_[sequence - first_];
  return {ring_.get() + entry.offset, entry.length};
}

}  // namespace tidegate::spool
