// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <tidegate/clock.hpp>

namespace tidegate::spool {

/// The text with its checksum behind it.
[[nodiscard]] std::string checked(const std::string& line);
/// The text of such a line; nothing when it is damaged, or has no checksum.
[[nodiscard]] std::optional<std::string> unchecked(std::string_view line);

/// The last boots of this machine: from which gateway age on each ran, and how far its wall clock was from the age once
/// somebody had set it. So a time that was taken too early can be put right later. Thread-safe.
class Boots {
 public:
  static constexpr std::size_t most = 64;  ///< then the oldest is forgotten

  /// What the wall clock would have said at that age, had it been set by then; nothing when it was not set in that
  /// boot, or the boot is not remembered.
  [[nodiscard]] std::optional<WallTime> wall_at(Nanoseconds age) const;
  /// How far that may be believed: ntp or rtc; unsynced when wall_at() knows nothing.
  [[nodiscard]] ClockQuality quality_at(Nanoseconds age) const;

  /// A boot begins at that age. What was said to run beyond it is forgotten: the age went back.
  void begin(Nanoseconds age);
  /// What the clock says now, in the boot that began last. An unset clock says nothing; ntp wins over rtc; of the same
  /// quality the newest counts. True when that boot's clock was not known to be as good before.
  bool look(Nanoseconds age, WallTime wall, ClockQuality quality);
  /// The age at which the newest one began; nothing when there is none.
  [[nodiscard]] std::optional<Nanoseconds> newest() const;

  /// One line for each, oldest first.
  [[nodiscard]] std::string text() const;
  /// Takes the lines of a text that are sound and in order, in place of what there was. False when there were others:
  /// where the boot before such a line ended is not known, so nothing is said of it.
  bool load(std::string_view text);

 private:
  struct Boot {
    Nanoseconds from{};
    ClockQuality quality = ClockQuality::unsynced;
    Nanoseconds ahead{};  ///< wall minus age; meaningless while unsynced
  };
  /// With the mutex held; nullptr when none is known.
  [[nodiscard]] const Boot* find(Nanoseconds age) const;
  void add(const Boot& boot);

  mutable std::mutex mutex_;
  std::deque<Boot> all_;  ///< by from, ascending
};

}  // namespace tidegate::spool
