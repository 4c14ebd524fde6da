// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>

#include <tidegate/clock.hpp>

#include "spool/boots.hpp"
#include "spool/file.hpp"

namespace tidegate::spool {

/// The gateway's age: CLOCK_BOOTTIME summed over boots, as far as it was seen; and the boots it is summed over.
/// Thread-safe.
class Age {
 public:
  Age(Disk& disk, std::filesystem::path folder, const Clock& clock, std::string boot_id);

  [[nodiscard]] Nanoseconds now() const noexcept;
  /// Records of that age have been seen, so it is at least that.
  void at_least(Nanoseconds age) noexcept;
  /// Notes whether the wall clock is set by now; cheap, for about once a second. True when something was learned that
  /// should not wait for the next minute: save() soon. Thread: as save().
  bool look();
  /// Keeps it, after a look. Returns the bytes written. Throws SystemError. One thread at a time.
  std::uint64_t save();

  /// The boots that were seen, this one among them.
  [[nodiscard]] Boots& boots() noexcept { return boots_; }
  [[nodiscard]] const Boots& boots() const noexcept { return boots_; }

 private:
  Disk& disk_;
  const std::filesystem::path folder_;
  const Clock& clock_;
  const std::string boot_id_;
  std::mutex mutex_;                   ///< whoever changes base_, or relates boots_ to it
  std::atomic<std::int64_t> base_{0};  ///< age minus CLOCK_BOOTTIME, ns
  bool news_ = true;                   ///< guarded by mutex_
  Boots boots_;
};

}  // namespace tidegate::spool
