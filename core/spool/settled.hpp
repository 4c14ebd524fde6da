// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

namespace tidegate::spool {

/// The sequences that have left a lane: all up to one, and ranges beyond it. Not thread-safe.
class Settled {
 public:
  explicit Settled(std::uint64_t up_to = 0) : up_to_(up_to) {}

  /// Everything up to and with this one is settled.
  [[nodiscard]] std::uint64_t up_to() const noexcept { return up_to_; }
  /// What is settled beyond, first to last, ascending, with holes between.
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& ranges() const noexcept { return ranges_; }
  /// Adds first to last; returns how many of them were not settled before.
  std::uint64_t add(std::uint64_t first, std::uint64_t last);
  [[nodiscard]] bool contains(std::uint64_t sequence) const noexcept;
  /// The first from this one on that is not settled, …
  [[nodiscard]] std::uint64_t open_from(std::uint64_t sequence) const noexcept;
  /// … and how far it goes on like this: the last one that is not settled, at most that.
  [[nodiscard]] std::uint64_t open_until(std::uint64_t sequence, std::uint64_t most) const noexcept;
  /// How many of first to last are settled.
  [[nodiscard]] std::uint64_t count(std::uint64_t first, std::uint64_t last) const noexcept;
  /// How many are settled beyond up_to().
  [[nodiscard]] std::uint64_t beyond() const noexcept { return beyond_; }

 private:
  std::uint64_t up_to_;
  std::map<std::uint64_t, std::uint64_t> ranges_;
  std::uint64_t beyond_ = 0;
};

}  // namespace tidegate::spool
