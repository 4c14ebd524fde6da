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
#include "spool/budget.hpp"
#include "spool/cursor.hpp"
#include "spool/epoch.hpp"
#include "spool/lane.hpp"
#include "spool/latest.hpp"
#include "spool/recent.hpp"
#include "spool/segment.hpp"
#include "spool/settled.hpp"
#include "spool/walk.hpp"

namespace tidegate::spool {

/// A lane as a segmented, append-only log on disk; format.md says how. The sync thread of the spool calls tend(),
/// give_way() and flush(); everything else is Lane's. Lock order: read_mutex_, then mutex_; fates_mutex_, then mutex_.
/// Only the sync thread syncs, and no lock is held over it.
class Log final : public Lane {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Opens or makes the folder; what is damaged is stepped over. nudge asks for a tend() soon; it may be called under
  /// the log's lock, on any thread. Throws SystemError when the disk refuses to be read or written at all.
  Log(Disk& disk, std::filesystem::path folder, std::string upstream, std::string name, LaneOptions options, Age& age,
      const Clock& clock, Budget& budget, std::function<void()> nudge);
  ~Log() override;

  std::optional<std::uint64_t> append(const Message& message) override;
  [[nodiscard]] std::uint64_t durable() const noexcept override { return durable_.load(std::memory_order_acquire); }
  bool wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) override;
  void want_durable(std::uint64_t sequence) override;
  void on_durable(std::function<void(std::uint64_t)> callback) override;
  void on_readable(std::function<void()> callback) override;
  std::vector<Record> read(std::size_t count, std::size_t bytes, Part part = Part::history) override;
  std::optional<std::vector<Record>> read_memory(std::size_t count, std::size_t bytes,
                                                 Part part = Part::history) override;
  void cut() override;
  void rewind() override;
  using Lane::acknowledge;
  void acknowledge(std::span<const std::uint64_t> sequences) override;
  void discard(std::uint64_t sequence, Discard reason, const std::string& why = {}) override;
  [[nodiscard]] Nanoseconds age() const noexcept override { return age_.now(); }
  [[nodiscard]] std::pair<WallTime, ClockQuality> accepted_at(const Record& record) const override;
  [[nodiscard]] std::vector<Fate> fates() const override;
  [[nodiscard]] LaneStatus status() const override;

  /// Does what is due, syncs among it, and returns when to come back; what is due about once a second is done when it
  /// is called. Thread: the spool's sync thread.
  Time tend(Time now);
  /// Gives a segment back to the disk: a spare one, or else its oldest. False when it has none to give. Thread: the
  /// sync thread.
  bool give_way();
  [[nodiscard]] LaneOptions options() const;
  /// From now on these count, but for what a lane is opened with: sync, keep_latest, and what it takes of disk and
  /// memory at a time.
  void change(const LaneOptions& options);
  /// Makes everything durable now, with the cursor. Thread: the sync thread, or any once that has ended.
  void flush();
  /// Has the sync thread do that, and waits. False when the timeout ran out or a sync failed.
  bool wait_flushed(std::chrono::milliseconds timeout);

 private:
  using SegmentPtr = std::shared_ptr<Segment>;
  /// A record that has been read and is not settled.
  struct InFlight {
    Place begin;
    Nanoseconds age;
  };
  /// Where reading is, in one of the parts. Guarded by mutex_; the walk by read_mutex_.
  struct Reader {
    std::uint64_t next = 1;  ///< sequence
    Place place;             ///< where it stands, or before that
    bool hinted = true;      ///< place comes from the cursor and has not been looked at
    bool waits = true;       ///< it was at its end
    Walk walk;
    std::uint64_t failed = 0;  ///< number of the segment that the disk could not read; 0: none, …
    Nanoseconds failed_since{};
  };

  void open();
  void open_cursor();
  void open_segments(const std::vector<std::string>& names);
  void rebuild_latest();
  void put_aside(const std::string& name, const std::exception& error);
  void quarantine(const std::filesystem::path& path);
  void notice(const std::string& what);

  [[nodiscard]] bool fits(std::size_t size) const noexcept;
  [[nodiscard]] bool make_room(std::size_t size);
  [[nodiscard]] bool roll(std::size_t needed, bool disk_full);
  void begin_segment(const std::filesystem::path& path);
  enum class Evict : std::uint8_t { none, all_but_last, all };
  [[nodiscard]] SegmentPtr take_done(Evict which);
  [[nodiscard]] bool recycle_into(const std::filesystem::path& path, Evict which);
  [[nodiscard]] bool free_one();
  [[nodiscard]] std::uint64_t freeable() const noexcept;
  void store(const Record& record, const Message& message);
  bool evict(bool last_too);
  void drop_oldest();
  void expire();
  void leave_apart_from_flying(std::uint64_t first, std::uint64_t last, Discard reason);
  void finish(std::size_t index);
  void finish_settled();
  [[nodiscard]] bool compactable(std::size_t index) const;
  [[nodiscard]] std::optional<std::size_t> sparsest(std::size_t needed) const;
  bool move_forward(std::size_t index, std::size_t most);
  bool compact();
  [[nodiscard]] std::uint64_t segment_last(std::size_t index) const noexcept;
  [[nodiscard]] std::size_t segment_of(std::uint64_t sequence) const noexcept;
  [[nodiscard]] std::uint64_t most_bytes() const noexcept;
  std::shared_ptr<File> file_of(Segment& segment);
  void publish();

  [[nodiscard]] const Settled& told() const noexcept { return latest_ ? latest_->told() : *settled_; }
  [[nodiscard]] bool nothing_waits() const noexcept { return settled_->up_to() + 1 == next_sequence_; }
  [[nodiscard]] std::uint64_t waiting() const noexcept;
  void settle(std::uint64_t first, std::uint64_t last);
  std::uint64_t leave(std::uint64_t first, std::uint64_t last, Discard reason, const std::string& why = {});
  void supersede(std::uint64_t sequence, std::uint64_t by);
  void settled_moved();
  void note(std::uint64_t first, std::uint64_t last, std::optional<Discard> discard, WallTime when,
            const std::string& why);
  void take_notes() const;
  void save_fates() noexcept;
  [[nodiscard]] Place first_place() const;
  bool write_cursor();

  [[nodiscard]] std::uint64_t end_of(Part part) const noexcept;
  void read_recent(Reader& reader, std::uint64_t end, std::size_t count, std::size_t& bytes, std::vector<Record>& into);
  void read_disk(Reader& reader, Part part, std::size_t count, std::size_t& bytes, std::vector<Record>& into);
  [[nodiscard]] bool expired(const Record& record) const noexcept;
  [[nodiscard]] bool deliver(Record&& record, Place begin, std::vector<Record>& into);
  [[nodiscard]] bool wake() noexcept;

  bool sync_segments(bool forced);
  void doubt(Segment& segment);
  [[nodiscard]] std::function<void(std::uint64_t)> advance_durable();
  void must_be_durable(std::uint64_t sequence);
  void sync_cursor();
  [[nodiscard]] bool may_go(const Segment& segment) const noexcept;
  void retire(const std::deque<SegmentPtr>& done);
  [[nodiscard]] bool wants_spare(Time now) const noexcept;
  [[nodiscard]] bool wants_cursor() const noexcept;
  void prepare_spare(Time now);
  [[nodiscard]] bool exchange_growing();
  void trouble(const std::string& what);

  // Constant after construction.
  Disk& disk_;
  const std::filesystem::path folder_;
  const std::string upstream_;
  const std::string name_;
  LaneOptions options_;  ///< what change() changes is guarded by mutex_
  Age& age_;
  const Clock& clock_;
  Budget& budget_;
  const std::function<void()> nudge_;
  std::uint32_t epoch_ = 0;
  std::uint32_t salt_ = 0;

  std::atomic<std::uint64_t> durable_{0};
  std::atomic<std::uint64_t> bytes_written_{0};

  std::mutex read_mutex_;  ///< one reader at a time

  mutable std::mutex fates_mutex_;
  mutable Fates fates_;  ///< guarded by fates_mutex_

  mutable std::mutex mutex_;
  std::condition_variable durable_moved_;
  // Guarded by mutex_.
  std::deque<SegmentPtr> segments_;  ///< by number; the last is appended to
  std::deque<SegmentPtr> done_;      ///< left the log, still on disk
  std::deque<SegmentPtr> unsynced_;  ///< written to since their last sync, oldest first
  std::vector<SegmentPtr> in_sync_;  ///< being synced now
  std::uint64_t next_number_ = 1;
  std::uint64_t next_sequence_ = 1;
  std::optional<Settled> settled_;
  std::optional<Latest> latest_;  ///< with keep_latest
  std::unique_ptr<Cursor> cursor_;
  mutable Place settled_place_;  ///< of the first record that is not settled, or before it
  std::map<std::uint64_t, InFlight> in_flight_;
  std::uint64_t droppable_ = 1;  ///< no lower sequence waits without being in flight
  Recent recent_;
  Reader history_;  ///< reads everything while there is no cut
  Reader live_;
  std::uint64_t cut_ = 0;  ///< first sequence of the live part; 0: no cut
  std::vector<std::byte> scratch_;
  std::optional<std::filesystem::path> spare_;
  bool names_changed_ = false;
  bool cursor_moved_ = false;  ///< since it was synced
  bool cursor_stale_ = false;  ///< since it was written
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
  Nanoseconds newest_age_{};         ///< of the newest record in the last segment; 0: not known
  std::uint64_t delivered_ = 0;
  std::map<Discard, std::uint64_t> discarded_;
  mutable std::deque<Fate> notes_;  ///< fates on their way to fates_
  WallTime newest_begun_{};         ///< of the newest note: when the first of them left
  Budget::Share share_;             ///< as the budget knows it
  std::string trouble_;             ///< of syncs
  std::string refusal_;             ///< of the last append
  std::string unreadable_;          ///< of the last read
  std::string notice_;              ///< trouble that lasts as long as this opening
  std::function<void(std::uint64_t)> on_durable_;
  std::function<void()> on_readable_;

  Time retry_due_{};  ///< after a failed sync

  // Thread: the sync thread.
  Time look_due_{};
  Time fates_due_{};
  Time cursor_due_{};
  Time spare_due_{};
  std::shared_ptr<File> spare_file_;  ///< being written through
  std::filesystem::path spare_path_;
  std::uint64_t spare_written_ = 0;
};

}  // namespace tidegate::spool
