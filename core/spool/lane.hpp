// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spool/fate.hpp"
#include "spool/record.hpp"

namespace tidegate::spool {

/// keep_latest: of each topic only the newest waiting message is kept, at any time; what it replaces is counted as
/// superseded. What is under way is never replaced. So that what rarely changes does not hold up the space of what
/// often does, such messages move to the end of the log at times: with a new sequence, the old one counts as
/// superseded. As long as the latest of all topics take less than three quarters of the capacity, none is evicted. Of
/// topics beyond Latest::most_topics (65,536) it does not keep the latest, but drops the oldest.
enum class WhenFull : std::uint8_t { drop_oldest, reject, keep_latest };

/// grouped: synced in groups, sync_interval after the first of them at the latest. each: append() returns when the
/// record is durable, or throws. off: never synced, and durable() never moves; a power cut can take all of it, the
/// death of the process nothing.
enum class Sync : std::uint8_t { grouped, each, off };

/// Which lane gives way first when the budget of the spool, or the disk, is short.
enum class Priority : std::uint8_t { low, normal, high };

struct LaneOptions {
  std::uint64_t capacity = 512ULL << 20;  ///< bytes of segments on disk, at least three segments
  std::uint64_t capacity_messages = 0;    ///< most that wait; 0: as many as the bytes allow
  std::chrono::seconds expiry{std::chrono::hours{24 * 31}};
  WhenFull when_full = WhenFull::drop_oldest;
  Priority priority = Priority::normal;
  Sync sync = Sync::grouped;
  std::chrono::milliseconds sync_interval{50};  ///< group commit
  std::uint64_t sync_bytes = 64U << 10;         ///< or so many bytes, whichever comes first
  std::uint64_t segment_size = 8ULL << 20;
  std::uint64_t memory = 1U << 20;  ///< bytes of the newest records that are also kept in memory
};

/// The two parts of a lane that has been cut; see Lane::cut().
enum class Part : std::uint8_t { history, live };

struct LaneStatus {
  std::string upstream;
  std::string name;
  std::uint64_t waiting = 0;                   ///< messages accepted and neither delivered nor discarded
  std::uint64_t waiting_bytes = 0;             ///< their bytes in the log
  std::uint64_t disk_bytes = 0;                ///< bytes of segment files, spare ones included
  std::uint64_t accepted = 0;                  ///< since the lane was made; survives restarts (it is the last sequence)
  std::uint64_t delivered = 0;                 ///< since this process started
  std::map<Discard, std::uint64_t> discarded;  ///< since this process started
  std::uint64_t durable = 0;                   ///< highest sequence that is on the medium
  std::optional<std::chrono::nanoseconds> oldest_age;  ///< age of the oldest waiting record
  std::uint32_t epoch = 0;
  Priority priority = Priority::normal;
  WhenFull when_full = WhenFull::drop_oldest;
  Sync sync = Sync::grouped;
  std::chrono::milliseconds
      loss_window{};                ///< what a power cut can take: the sync interval; meaningless with Sync::off
  std::uint64_t bytes_written = 0;  ///< by this process into the lane's folder, all of its files
  std::uint64_t capacity = 0;       ///< bytes, as configured
  std::chrono::seconds expiry{};
  std::string trouble;  ///< empty, or what is wrong with the disk ("fdatasync failed: …")
};

/// One durable queue towards one upstream: the log of one [[upstream.forward]] block. A record is accepted when
/// append() returned (it survives the death of the process), durable when it is on the medium (it survives a power
/// cut), and it stays until acknowledged, expired, evicted or dead-lettered. Thread-safe, all of it; append() takes one
/// lock and at most one write, so it may be called from Paho's arrival callback.
class Lane {
 public:
  virtual ~Lane() = default;

  /// Appends and returns the sequence; nothing when the lane is full and told to reject. Throws SystemError when the
  /// disk refuses; nothing was accepted then. With Sync::each it throws, too, when the record is accepted but cannot be
  /// made durable: it may be delivered all the same, and whoever appends it again may have it delivered twice.
  [[nodiscard]] virtual std::optional<std::uint64_t> append(const Message& message) = 0;

  /// Highest sequence that is durable; durable is a prefix of accepted.
  [[nodiscard]] virtual std::uint64_t durable() const noexcept = 0;
  /// Asks for a sync now and waits. False when the timeout ran out or the sync failed.
  [[nodiscard]] virtual bool wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) = 0;
  /// Somebody waits, elsewhere, for this sequence to be durable: it is synced even if it is delivered before. Cheap.
  virtual void want_durable(std::uint64_t sequence) = 0;
  /// Called on the sync thread after durable() moved, with its new value. Set before the first append.
  virtual void on_durable(std::function<void(std::uint64_t)> callback) = 0;
  /// Called by append() when a reader that was at the end has something to read again: the one of the live part when
  /// the lane is cut, since nothing is added to its history. Short: it runs under no lock of the lane, but on the
  /// appender's thread, or on the sync thread when a message has moved (keep_latest). Set before the first append.
  virtual void on_readable(std::function<void()> callback) = 0;

  /// The next records in order of acceptance, at most count and about bytes; empty at the end. Each is read once per
  /// opening; the reader starts after what was acknowledged. Expired records are skipped and counted. Throws
  /// SystemError when the disk cannot be read: try again some time later; what cannot be read then either counts as
  /// damaged, at once when only parts of a segment cannot, after a minute when nothing can. One reader at a time.
  [[nodiscard]] virtual std::vector<Record> read(std::size_t count, std::size_t bytes, Part part = Part::history) = 0;
  /// The same without waiting for the disk: nothing when what comes next would have to be read from it.
  [[nodiscard]] virtual std::optional<std::vector<Record>> read_memory(std::size_t count, std::size_t bytes,
                                                                       Part part = Part::history) = 0;
  /// What waits now becomes history, what is accepted from now on is live: each is read on its own, in order of
  /// acceptance. Without a cut all is history. A second cut joins what is left of the parts and cuts anew; what has
  /// been read and not settled is not read again. When the history has been read to its end, it stays empty until the
  /// next cut.
  virtual void cut() = 0;
  /// Lets the reader start again after what was acknowledged: a new reader has what the last one left under way. Undoes
  /// the cut.
  virtual void rewind() = 0;
  /// These records have been delivered. Any order among what was read; a second time is ignored. The cursor is written
  /// once for all of them.
  virtual void acknowledge(std::span<const std::uint64_t> sequences) = 0;
  void acknowledge(std::uint64_t sequence) { acknowledge(std::span(&sequence, 1)); }
  /// The record leaves the lane for the given reason, counted. Any order among what was read. why: for people.
  virtual void discard(std::uint64_t sequence, Discard reason, const std::string& why = {}) = 0;

  /// Gateway age now; a record's remaining expiry is reckoned against it.
  [[nodiscard]] virtual Nanoseconds age() const noexcept = 0;
  /// When the record was accepted, by the best that is known now: a wall time that was taken before the clock was set
  /// is put right if the clock was set later in the same boot.
  [[nodiscard]] virtual std::pair<WallTime, ClockQuality> accepted_at(const Record& record) const = 0;
  [[nodiscard]] virtual LaneStatus status() const = 0;
  /// What became of the newest records that have left the lane, oldest first.
  [[nodiscard]] virtual std::vector<Fate> fates() const = 0;
};

}  // namespace tidegate::spool
