// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include <tidegate/descriptor.hpp>

namespace tidegate::plugins::gpio {

/// A count on disk that never goes back: two slots, written in turn, each with a checksum, so that a write that a power
/// cut tears leaves the one before. set() survives the death of the process at once; sync() also a power cut. Thread:
/// one at a time; sync() may run beside set().
class TotalFile final {
 public:
  /// Opens or makes it. Throws SystemError.
  explicit TotalFile(const std::filesystem::path& path);

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  /// Throws SystemError; total() is the new one all the same.
  void set(std::uint64_t total);
  /// Waits for the disk. Throws SystemError.
  void sync() const;

 private:
  Descriptor fd_;
  std::filesystem::path path_;
  std::uint64_t total_ = 0;
  std::uint64_t turn_ = 0;  ///< how often it was written: the slot with the higher one is the newer
};

}  // namespace tidegate::plugins::gpio
