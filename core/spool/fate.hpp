// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <tidegate/clock.hpp>

#include "spool/file.hpp"

namespace tidegate::spool {

/// Why a record left the lane without having been delivered.
enum class Discard : std::uint8_t {
  expired,        ///< older than the lane's or its own expiry
  evicted,        ///< made room for newer ones
  superseded,     ///< a newer one of the same topic took its place
  refused,        ///< never got in: the lane was full and told to reject, or the disk refused
  corrupt,        ///< damaged or missing on disk
  dead_lettered,  ///< can never be delivered; moved to the dead letters
  dropped,        ///< somebody said so (tidegate spool drop, replay)
};
[[nodiscard]] const char* to_string(Discard discard) noexcept;

/// What became of some records that followed each other.
struct Fate {
  std::uint64_t first = 0;  ///< sequences
  std::uint64_t last = 0;
  std::optional<Discard> discard;  ///< none: delivered
  WallTime when{};                 ///< of the last of them; good to about a second
  std::string why;                 ///< for people; at most 120 bytes
};

/// The newest fates of a lane, in memory, and in its file `fates` when they are saved: so what is known after a crash
/// may be a minute old. Not thread-safe.
class Fates {
 public:
  static constexpr std::size_t most = 2048;  ///< then the oldest is forgotten

  /// Records that were delivered one after the other within about a second become one fate, as do discards of one kind.
  void note(std::uint64_t first, std::uint64_t last, std::optional<Discard> discard, WallTime when,
            const std::string& why = {});
  [[nodiscard]] const std::deque<Fate>& all() const noexcept { return all_; }

  /// What the file holds that is sound; never throws for what it holds, SystemError when it cannot be read. Writes
  /// nothing.
  void load(Disk& disk, const std::filesystem::path& folder);
  /// Adds what is new to the file, without a sync; now and then replaces the file. Does nothing when nothing is new.
  /// Returns the bytes written. Throws SystemError.
  std::uint64_t save(Disk& disk, const std::filesystem::path& folder);

 private:
  std::uint64_t replace(Disk& disk, const std::filesystem::path& folder);
  void add(Fate&& fate, WallTime begun);

  std::deque<Fate> all_;
  std::deque<WallTime> begun_;  ///< of each: the first of them
  std::size_t unsaved_ = 0;     ///< the newest so many are not in the file, or not as they are now
  std::size_t in_file_ = 0;     ///< entries, those that were replaced later included
  std::uint64_t file_end_ = 0;  ///< where the next entry goes; 0: the file has to be replaced
};

}  // namespace tidegate::spool
