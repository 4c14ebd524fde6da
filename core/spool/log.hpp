// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "spool/age.hpp"
#include "spool/cursor.hpp"
#include "spool/epoch.hpp"
#include "spool/lane.hpp"
#include "spool/segment.hpp"
#include "spool/settled.hpp"

namespace tidegate::spool {

/// A lane as a segmented, append-only log on disk; format.md says how. The sync thread of the spool calls tend() and
/// flush(); everything else is Lane's. Lock order: read_mutex_, then mutex_. No lock is held over a sync.
class Log final : public Lane {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Opens or makes the folder; what is damaged is stepped over. nudge asks for a tend() soon; it may be called under
  /// the log's lock, on any thread. Throws SystemError when the disk refuses to be read or written at all.
  Log(Disk& disk, std::filesystem::path folder, std::string upstream, std::string name, LaneOptions options, Age& age,
      const Clock& clock, std::function<void()> nudge);

  std::optional<std::uint64_t> append(const Message& message) override;
  [[nodiscard]] std::uint64_t durable() const noexcept override { return durable_.load(std::memory_order_acquire); }
  bool wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) override;
  void want_durable(std::uint64_t sequence) override;
  void on_durable(std::function<void(std::uint64_t)> callback) override;
  void on_readable(std::function<void()> callback) override;
  std::vector<Record> read(std::size_t count, std::size_t bytes) override;
  void rewind() override;
  void acknowledge(std::uint64_t sequence) override;
  void discard(std::uint64_t sequence, Discard reason) override;
  [[nodiscard]] Nanoseconds age() const noexcept override { return age_.now(); }
  [[nodiscard]] LaneStatus status() const override;

  /// Does what is due, syncs among it, and returns when to come back. Thread: the spool's sync thread.
  Time tend(Time now);
  /// Makes everything durable now, with the cursor. Thread: the sync thread, or any once that has ended.
  void flush();
  /// Has the sync thread do that, and waits. False when the timeout ran out or a sync failed.
  bool wait_flushed(std::chrono::milliseconds timeout);

 private:
  using SegmentPtr = std::shared_ptr<Segment>;
  /// A record that has been read and is not settled.
  struct InFlight {
    Place end;  ///< after it
    Nanoseconds age;
  };
  struct Remembered {
    Record record;
    Place end;
    std::size_t bytes;
  };
  /// Where the reader is. Guarded by mutex_; the buffer by read_mutex_.
  struct Reader {
    std::uint64_t next = 1;  ///< sequence
    Place place;
    bool hinted = true;  ///< place comes from the cursor and has not been looked at
    std::vector<std::byte> buffer;
    Place buffered;  ///< where the buffer begins
  };

  void open();
  void open_segments(const std::vector<std::string>& names);
  void quarantine(const std::filesystem::path& path);

  [[nodiscard]] bool roll(std::size_t needed);
  void evict();
  [[nodiscard]] std::uint64_t segment_last(std::size_t index) const noexcept;
  std::shared_ptr<File> file_of(Segment& segment);
  void settle(std::uint64_t first, std::uint64_t last);
  void settled_moved();
  void count_discard(Discard reason, std::uint64_t count);
  bool write_cursor();
  void read_remembered(std::size_t count, std::size_t& bytes, std::vector<Record>& into);
  void read_disk(std::size_t count, std::size_t& bytes, std::vector<Record>& into);
  [[nodiscard]] bool expired(const Record& record) const noexcept;
  [[nodiscard]] bool deliver(Record&& record, Place end, std::vector<Record>& into);

  bool sync_segments(bool forced);
  void doubt(Segment& segment);
  [[nodiscard]] std::function<void(std::uint64_t)> advance_durable();
  void sync_cursor();
  void retire(const std::deque<SegmentPtr>& done);
  [[nodiscard]] bool wants_spare(Time now) const noexcept;
  [[nodiscard]] bool wants_cursor() const noexcept;
  void prepare_spare(Time now);
  void trouble(const std::string& what);

  // Constant after construction.
  Disk& disk_;
  const std::filesystem::path folder_;
  const std::string upstream_;
  const std::string name_;
  const LaneOptions options_;
  Age& age_;
  const Clock& clock_;
  const std::function<void()> nudge_;
  std::uint32_t epoch_ = 0;
  std::uint32_t salt_ = 0;

  std::atomic<std::uint64_t> durable_{0};

  std::mutex read_mutex_;  ///< one reader at a time

  mutable std::mutex mutex_;
  std::condition_variable durable_moved_;
  // Guarded by mutex_.
  std::deque<SegmentPtr> segments_;  ///< by number; the last is appended to
  std::deque<SegmentPtr> done_;      ///< left the log, still on disk
  std::deque<SegmentPtr> unsynced_;  ///< written to since their last sync, oldest first
  std::uint64_t next_number_ = 1;
  std::uint64_t next_sequence_ = 1;
  std::optional<Settled> settled_;
  std::unique_ptr<Cursor> cursor_;
  Place settled_place_;  ///< of the first record that is not settled
  std::map<std::uint64_t, InFlight> in_flight_;
  std::deque<Remembered> memory_;  ///< the newest records, without gaps in sequence
  std::size_t memory_bytes_ = 0;
  Reader reader_;
  bool reader_waits_ = true;  ///< it was at the end
  std::vector<std::byte> scratch_;
  std::optional<std::filesystem::path> spare_;
  bool names_changed_ = false;
  bool cursor_moved_ = false;
  std::uint64_t unsynced_bytes_ = 0;
  std::optional<Time> sync_due_;
  std::uint64_t wanted_ = 0;          ///< somebody waits for this sequence to be durable, …
  std::uint64_t urgent_ = 0;          ///< … and for this one now
  std::uint64_t cursor_durable_ = 0;  ///< settled up to here, says the cursor on the medium
  std::uint64_t flushes_wanted_ = 0;
  std::uint64_t flushes_done_ = 0;
  std::uint64_t failures_ = 0;       ///< of syncs
  std::uint64_t synced_ = 0;         ///< highest sequence that has been synced, what is in doubt apart
  std::uint64_t suspect_up_to_ = 0;  ///< nothing above durable_ is durable before this is settled; 0: no doubt
  std::uint64_t delivered_ = 0;
  std::map<Discard, std::uint64_t> discarded_;
  std::string trouble_;
  std::string notice_;  ///< trouble that lasts as long as this opening
  std::function<void(std::uint64_t)> on_durable_;
  std::function<void()> on_readable_;

  Time retry_due_{};  ///< after a failed sync

  // Thread: the sync thread.
  Time cursor_due_{};
  Time spare_due_{};
  std::shared_ptr<File> spare_file_;  ///< being written through
  std::filesystem::path spare_path_;
  std::uint64_t spare_written_ = 0;
};

}  // namespace tidegate::spool
