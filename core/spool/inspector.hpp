// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spool/cursor.hpp"
#include "spool/fate.hpp"
#include "spool/lane_name.hpp"
#include "spool/record.hpp"

namespace tidegate::spool {

class Age;

/// A record in its place on disk.
struct Seen {
  Record record;
  Place place;
  std::uint64_t bytes = 0;
  bool waiting = false;  ///< it has not left the lane
};

struct LaneSummary {
  LaneName name;
  std::uint32_t epoch = 0;       ///< of its last opening; 0: not known
  std::uint64_t settled = 0;     ///< all sequences up to this one have left
  std::uint64_t highest = 0;     ///< sequence that was ever accepted, as far as the disk shows
  std::uint64_t segments = 0;    ///< files
  std::uint64_t disk_bytes = 0;  ///< of segments and spare ones
  std::uint64_t waiting = 0;
  std::uint64_t waiting_bytes = 0;
  struct End {
    std::uint64_t sequence = 0;
    Nanoseconds age{};  ///< since it was accepted
    WallTime wall{};    ///< when that was, by the best that is known
    ClockQuality clock = ClockQuality::unsynced;
  };
  std::optional<End> oldest;  ///< of what waits
  std::optional<End> newest;
};

/// Something that is not as it should be, or worth a word.
struct Finding {
  std::string file;          ///< below the spool's folder
  std::uint64_t offset = 0;  ///< where it begins, …
  std::uint64_t bytes = 0;   ///< … and how far it goes; 0: no matter of bytes
  std::uint64_t first = 0;   ///< sequences that are missing, first to last; 0: none
  std::uint64_t last = 0;
  std::uint64_t lost = 0;  ///< how many of these had not left the lane
  std::string what;
  bool damage = true;  ///< or only worth a word
};

/// Looks into a spool's folder, whether a gateway has it or not: takes no lock and changes not one byte. What a gateway
/// does meanwhile is seen or not, and is never mistaken for damage. Memory does not depend on how much there is. Not
/// thread-safe. Every function throws SystemError when the disk refuses to be read.
class Inspector {
 public:
  /// boot_id: of this boot; empty: as the kernel says. Throws SystemError (ENOENT) when there is no spool.
  Inspector(std::filesystem::path folder, Disk& disk, const Clock& clock, std::string boot_id = {});
  ~Inspector();
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;

  /// Whether a process has the spool now.
  [[nodiscard]] bool live() const;
  /// Every lane on disk, sorted, dead letters and those that no configuration names among them.
  [[nodiscard]] std::vector<LaneName> lanes() const;
  [[nodiscard]] LaneSummary summary(const LaneName& lane) const;

  enum class Which { all, waiting };
  /// Tells every sound record, or every one that waits, in order, until told to stop by false.
  void walk(const LaneName& lane, Which which, const std::function<bool(const Seen&)>& tell) const;
  /// What became of the newest that left, oldest first; of a live lane as it was up to a minute ago.
  [[nodiscard]] std::deque<Fate> fates(const LaneName& lane) const;

  /// Reads everything.
  [[nodiscard]] std::vector<Finding> verify(const LaneName& lane) const;
  /// What belongs to no lane.
  [[nodiscard]] std::vector<Finding> verify() const;

  /// When a record was accepted, by the best that is known.
  [[nodiscard]] std::pair<WallTime, ClockQuality> accepted_at(const Record& record) const;
  /// How long ago that was, time without power apart.
  [[nodiscard]] Nanoseconds since(const Record& record) const;

 private:
  struct View;
  struct Part;
  struct Told {
    std::function<void(const Part& part)> part;
    /// gap_from: where the record before it ended. False: enough.
    std::function<bool(Seen&& seen, std::uint64_t gap_from)> record;
    /// from: after the last record. torn: what stands there looks like this next one, not whole. unreadable: pages.
    std::function<void(const Part& part, std::uint64_t from, std::uint64_t torn, std::size_t unreadable)> end;
  };
  [[nodiscard]] View look(const LaneName& lane) const;
  void walk(const View& view, Which which, const Told& told) const;
  [[nodiscard]] bool cursor_is_blank(const View& view) const;
  [[nodiscard]] std::vector<Finding> read_through(const LaneName& lane) const;
  [[nodiscard]] LaneSummary::End end_of(const Record& record) const;

  const std::filesystem::path folder_;
  const std::unique_ptr<Disk> disk_;  ///< one that changes nothing
  std::unique_ptr<Age> age_;
};

}  // namespace tidegate::spool
