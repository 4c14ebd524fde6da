// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include <tidegate/clock.hpp>

#include "spool/file.hpp"

namespace tidegate::spool {

/// The gateway's age: CLOCK_BOOTTIME summed over boots, as far as it was seen. Thread-safe.
class Age {
 public:
  Age(Disk& disk, std::filesystem::path folder, const Clock& clock, std::string boot_id);

  [[nodiscard]] Nanoseconds now() const noexcept;
  /// Records of that age have been seen, so it is at least that.
  void at_least(Nanoseconds age) noexcept;
  /// Keeps it. Throws SystemError.
  void save();

 private:
  Disk& disk_;
  const std::filesystem::path folder_;
  const Clock& clock_;
  const std::string boot_id_;
  std::atomic<std::int64_t> base_{0};  ///< age minus CLOCK_BOOTTIME, ns
};

}  // namespace tidegate::spool
