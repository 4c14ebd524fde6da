// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/log.hpp"

#include <algorithm>
#include <cerrno>
#include <random>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "spool/codec.hpp"

namespace tidegate::spool {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t zero_step = 256U << 10;
/// A sync costs about so many bytes more where a file grows: its length goes through the file system's journal.
constexpr std::uint64_t cost_of_growing = 16U << 10;
constexpr std::size_t most_quarantined = 4;
constexpr std::size_t most_aside = 100;
constexpr std::size_t copied_at_once = 64;
constexpr auto look_interval = std::chrono::seconds{1};
constexpr auto cursor_interval = std::chrono::seconds{1};
constexpr auto retry_interval = std::chrono::seconds{1};
constexpr auto fates_interval = std::chrono::minutes{1};
constexpr auto spare_retry_interval = std::chrono::seconds{10};
/// A disk that can read nothing at all may come back: only after so long is what it held given up.
constexpr auto unreadable_patience = std::chrono::seconds{60};
constexpr std::string_view spare_prefix = "spare-";

std::uint32_t random_salt() {
  std::random_device device;
  return device();
}

bool is_no_space(int code) noexcept {
  return code == ENOSPC || code == EDQUOT;
}

/// The trouble is this process's or the whole disk's, not one file's.
bool is_general(int code) noexcept {
  return is_no_space(code) || code == EROFS || code == EMFILE || code == ENFILE || code == ENOMEM;
}

}  // namespace

Log::Log(Disk& disk, std::filesystem::path folder, std::string upstream, std::string name, LaneOptions options,
         Age& age, const Clock& clock, Budget& budget, std::function<void()> nudge)
    : disk_(disk),
      folder_(std::move(folder)),
      upstream_(std::move(upstream)),
      name_(std::move(name)),
      options_(options),
      age_(age),
      clock_(clock),
      budget_(budget),
      nudge_(std::move(nudge)),
      recent_(static_cast<std::size_t>(options.memory)) {
  open();
}

LaneOptions Log::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

void Log::change(const LaneOptions& options) {
  {
    const std::lock_guard lock(mutex_);
    options_.capacity = options.capacity;
    options_.capacity_messages = options.capacity_messages;
    options_.expiry = options.expiry;
    options_.sync_interval = options.sync_interval;
    if (!latest_ && options.when_full != WhenFull::keep_latest) options_.when_full = options.when_full;
    budget_.change(options_.priority, share_, {});
    share_ = {};
    options_.priority = options.priority;
    publish();
    drop_oldest();
  }
  nudge_();
}

Log::~Log() {
  budget_.change(options_.priority, share_, {});
}

// ---------------------------------------------------------------------------------------------------------- opening

void Log::open() {
  disk_.make_folder(folder_);
  const auto names = disk_.list(folder_);
  Epoch epoch;
  try {
    epoch = read_epoch(disk_, folder_);
  } catch (const SystemError& error) {
    if (is_general(error.code())) throw;
    put_aside("epoch", error);
  }
  salt_ = epoch.salt;
  epoch_ = epoch.epoch;
  open_cursor();
  open_segments(names);

  if (!epoch.known) {
    // Nothing says which epochs were used, but for what segments show: stay well above.
    if (!segments_.empty() || std::ranges::find(names, "epoch") != names.end()) epoch_ += 65'536;
    if (salt_ == 0) salt_ = random_salt();
  }
  ++epoch_;
  write_epoch(disk_, folder_, {epoch_, salt_, true});
  bytes_written_ += 20;

  const auto found = segments_.empty() ? 0 : segments_.back()->last;
  settled_ = cursor_->known() ? cursor_->settled() : Settled(segments_.empty() ? 0 : segments_.front()->first - 1);
  std::uint64_t highest = std::max(found, settled_->up_to());
  if (!settled_->ranges().empty()) highest = std::max(highest, settled_->ranges().rbegin()->second);
  next_sequence_ = highest + 1;
  // What stands in no segment is gone: a power cut took it before it was durable, or a segment is missing.
  const auto missing = [&](std::uint64_t first, std::uint64_t last) {
    if (const auto lost = leave(first, last, Discard::corrupt, "missing on disk"); lost != 0) {
      log::warning("spool: lane {}/{}: {} messages are missing from the disk", upstream_, name_, lost);
    }
  };
  if (!segments_.empty() && segments_.front()->first > 1) missing(1, segments_.front()->first - 1);
  if (found < highest) missing(found + 1, highest);
  if (segments_.empty() && highest > 0) missing(1, highest);

  settled_place_ = cursor_->place();
  // After a power cut the cursor may know of more than the log does.
  const auto hint = std::ranges::find(segments_, settled_place_.segment, &Segment::number);
  if (hint == segments_.end() || settled_place_.offset > (*hint)->end) settled_place_ = {};
  history_.next = settled_->up_to() + 1;
  history_.place = settled_place_;
  durable_ = synced_ = cursor_durable_ = settled_->up_to();
  // A process that was killed may have left segments unsynced; nobody knows which.
  for (const auto& segment : segments_) {
    if (segment->last <= settled_->up_to()) continue;
    unsynced_.push_back(segment);
    if (!segment->doubtful) continue;
    // The kernel would say yes now, whatever it said then.
    suspect_up_to_ = segment->last;
    notice(fmt::format("a sync of {} failed before: what waits in it is not called durable",
                       (folder_ / segment_name(segment->number)).string()));
  }
  if (!unsynced_.empty()) sync_due_ = steady_clock::now();
  names_changed_ = !segments_.empty();
  if (options_.when_full == WhenFull::keep_latest) rebuild_latest();
  drop_oldest();
  try {
    fates_.load(disk_, folder_);
  } catch (const std::exception& error) {
    log::warning("spool: {}", error.what());
  }
  publish();
}

void Log::open_cursor() {
  try {
    cursor_ = std::make_unique<Cursor>(disk_, folder_);
  } catch (const SystemError& error) {
    if (is_general(error.code())) throw;
    put_aside("cursor", error);
    cursor_ = std::make_unique<Cursor>(disk_, folder_);
  }
}

/// Something that is not ours, or that cannot be read, has a name that we need.
void Log::put_aside(const std::string& name, const std::exception& error) {
  const auto names = disk_.list(folder_);
  for (std::size_t n = 1; n <= most_aside; ++n) {
    const auto aside = fmt::format("{}.unusable-{}", name, n);
    if (std::ranges::find(names, aside) != names.end()) continue;
    disk_.rename(folder_ / name, folder_ / aside);
    notice(fmt::format("{}; it was put aside as {}", error.what(), aside));
    return;
  }
  throw SystemError(EEXIST, fmt::format("cannot put {} aside: remove the files {}.unusable-… beside it",
                                        (folder_ / name).string(), name));
}

void Log::notice(const std::string& what) {
  log::warning("spool: lane {}/{}: {}", upstream_, name_, what);
  if (!notice_.empty()) notice_ += "; ";
  notice_ += what;
}

void Log::open_segments(const std::vector<std::string>& names) {
  std::uint32_t highest_epoch = 0;
  std::int64_t newest_age = 0;
  // The salt first: without the epoch file a segment has to tell it.
  std::vector<std::pair<SegmentPtr, std::optional<SegmentHeader>>> found;
  for (const auto& name : names) {
    if (name.starts_with(spare_prefix)) {
      // Whether it was written through nobody knows; segments that have done their time make better spares.
      try {
        disk_.remove(folder_ / name);
      } catch (const SystemError& error) {
        notice(error.what());
      }
      continue;
    }
    const auto number = segment_number(name);
    if (!number) continue;
    next_number_ = std::max(next_number_, *number + 1);
    auto segment = std::make_shared<Segment>();
    segment->number = *number;
    std::array<std::byte, segment_header> bytes{};
    std::optional<SegmentHeader> header;
    bool newer = false;
    try {
      segment->file = disk_.open(folder_ / name, Disk::Open::existing);
    } catch (const SystemError& error) {
      if (is_general(error.code())) throw;
      notice(fmt::format("{}; it is left alone, and what it holds is not read", error.what()));
    }
    if (!segment->file) continue;
    try {
      header = decode_segment_header(std::span<const std::byte>(bytes).first(segment->file->read(0, bytes)), newer);
    } catch (const SystemError& error) {
      notice(error.what());
    }
    if (newer) {
      notice(fmt::format("{} was written by a newer version of tidegate, which can read it; it is left alone",
                         (folder_ / name).string()));
      continue;
    }
    if (header && header->number != *number) header.reset();
    if (header && salt_ == 0) salt_ = header->salt;
    if (header) highest_epoch = std::max(highest_epoch, header->epoch);
    found.emplace_back(std::move(segment), header);
  }
  // Only the last segment is read through, and those that have no header to say what is in them. Which one is the last
  // shows from behind: what holds nothing is put aside.
  const auto look_through = [&](Segment& segment, const std::optional<SegmentHeader>& header, std::uint64_t least) {
    const auto seen = scan(segment.file, salt_, header ? header->first : least);
    const bool misplaced = !segments_.empty() && seen.last >= segments_.front()->first;
    if (!header && !seen.unreadable && (seen.first == 0 || misplaced)) {
      try {
        quarantine(folder_ / segment_name(segment.number));
      } catch (const SystemError& error) {
        notice(error.what());
      }
      return false;
    }
    segment.damaged = !header || seen.unreadable;
    segment.first = header ? header->first : std::max(seen.first, least);
    segment.last = std::max(seen.last, segment.first - 1);
    segment.end = seen.end;
    segment.grows = segment.file->size() < options_.segment_size / 2;
    highest_epoch = std::max(highest_epoch, seen.epoch);
    newest_age = std::max(newest_age, seen.age);
    return true;
  };
  for (std::size_t left = found.size(); left > 0; --left) {
    auto& [segment, header] = found[left - 1];
    const bool last = segments_.empty();
    std::uint64_t least = 1;  // remains of former lives have lower sequences than all that lives
    for (std::size_t index = 0; index + 1 < left; ++index) {
      if (found[index].second) least = std::max(least, found[index].second->first);
    }
    if (header && !last && header->first > segments_.front()->first) header.reset();  // it does not belong here
    if (header) {
      segment->begun = header->begun;
      segment->epoch = header->epoch;
      segment->suspect = segment->doubtful = header->doubtful;
    }
    try {
      if (!header || last) {
        if (!look_through(*segment, header, least)) continue;
        if (last) newest_age_ = Nanoseconds{newest_age};
      } else {
        segment->first = header->first;
        segment->last = header->first - 1;
        segment->end = segment->file->size();
      }
    } catch (const SystemError& error) {
      // Cannot be read now; the reader meets it again and says so.
      notice(error.what());
      segment->damaged = true;
      segment->first = header ? header->first : least;
      segment->last = segment->first - 1;
    }
    if (!last) {
      segment->file.reset();
      segment->last = std::max(segment->last, segments_.front()->first - 1);
    }
    segments_.push_front(std::move(segment));
  }
  // Appending goes on in the last segment, unless it cannot be trusted.
  if (!segments_.empty() && (segments_.back()->damaged || segments_.back()->number + 1 != next_number_)) {
    segments_.back()->suspect = true;
  }
  epoch_ = std::max(epoch_, highest_epoch);
  age_.at_least(Nanoseconds{newest_age});
}

/// Goes through the whole log: of each topic only the newest record may wait.
void Log::rebuild_latest() {
  latest_.emplace(*settled_);
  bool crowded = false;
  for (std::size_t index = 0; index < segments_.size(); ++index) {
    auto& segment = *segments_[index];
    const auto last = segment_last(index);
    Walk walk;
    try {
      walk.go(file_of(segment), {.segment = segment.number,
                                 .offset = segment_header,
                                 .limit = segment.end,
                                 .least = segment.first,
                                 .most = last,
                                 .salt = salt_,
                                 .errors = Walk::Errors::step_over});
      auto expected = segment.first;
      const auto lost = [&](std::uint64_t until) {
        if (leave(expected, until, Discard::corrupt, "damaged on disk") != 0) segment.damaged = true;
      };
      while (walk.next()) {
        const auto& record = walk.found().record;
        const auto sequence = record.sequence;
        if (sequence > expected) lost(sequence - 1);
        expected = sequence + 1;
        if (walk.found().kind != Decoded::Kind::record) continue;
        const auto& topic = record.message.topic;
        const auto previous = latest_->newest(topic);
        const bool waits = !settled_->contains(sequence);
        if (waits) {
          crowded |= !latest_->add(topic, sequence, {{segment.number, walk.begin()}, walk.end() - walk.begin()});
          if (previous != 0) supersede(previous, sequence);
        } else if (previous != 0) {
          leave(previous, previous, Discard::superseded);  // by one that was delivered
        }
      }
      // Segments in between that are not there any more held nothing that lived; this one was damaged.
      const bool removed = index + 1 < segments_.size() && segments_[index + 1]->number != segment.number + 1;
      if (removed) {
        settle(expected, last);
      } else if (expected <= last) {
        lost(last);
      }
    } catch (const SystemError& error) {
      notice(error.what());
    }
    if (index + 1 < segments_.size()) segment.file.reset();
  }
  if (crowded) {
    notice(fmt::format("there are more than {} topics: of those beyond, not only the latest is kept",
                       Latest::most_topics));
  }
  if (nothing_waits()) latest_->nothing_waits();
}

void Log::quarantine(const std::filesystem::path& path) {
  const auto folder = folder_ / "quarantine";
  disk_.make_folder(folder);
  auto kept = disk_.list(folder);
  for (; kept.size() >= most_quarantined; kept.erase(kept.begin())) disk_.remove(folder / kept.front());
  disk_.rename(path, folder / path.filename());
  log::warning("spool: the damaged segment {} is kept in {}", path.filename().string(), folder.string());
}

// -------------------------------------------------------------------------------------------------------- appending

std::optional<std::uint64_t> Log::append(const Message& message) {
  std::uint64_t sequence = 0;
  bool due = false;
  bool readable = false;
  {
    const std::lock_guard lock(mutex_);
    const auto size = encoded_size(message);
    Record record;
    record.epoch = epoch_;
    record.age = age_.now();
    record.wall = clock_.wall();
    record.clock = clock_.quality();
    try {
      if (!make_room(size)) {
        ++discarded_[Discard::refused];
        return std::nullopt;
      }
      for (;;) {
        record.sequence = next_sequence_;
        try {
          store(record, message);
          break;
        } catch (const SystemError& error) {
          // A full disk may have something of ours to give up.
          if (!is_no_space(error.code()) || !roll(size, true)) throw;
        }
      }
    } catch (const SystemError& error) {
      ++discarded_[Discard::refused];
      if (refusal_ != error.what()) log::error("spool: lane {}/{}: {}", upstream_, name_, error.what());
      refusal_ = error.what();
      throw;
    }
    refusal_.clear();
    sequence = record.sequence;
    newest_age_ = std::max(newest_age_, record.age);
    drop_oldest();
    if (options_.sync != Sync::off || !done_.empty()) {
      // The cursor may have asked for a sync already, but it is in less of a hurry.
      const bool enough = unsynced_bytes_ >= options_.sync_bytes && unsynced_bytes_ - size < options_.sync_bytes;
      const auto now = steady_clock::now();
      const auto wanted = std::max(retry_due_, enough ? now : now + options_.sync_interval);
      if (!sync_due_ || wanted < *sync_due_) {
        sync_due_ = wanted;
        due = true;
      }
    }
    readable = wake();
  }
  if (due && options_.sync != Sync::each) nudge_();
  if (readable) on_readable_();
  if (options_.sync == Sync::each) must_be_durable(sequence);
  return sequence;
}

/// Whether the reader is to be told that there is something again. With the mutex held.
bool Log::wake() noexcept {
  auto& reader = cut_ == 0 ? history_ : live_;
  return std::exchange(reader.waits, false) && on_readable_ != nullptr;
}

bool Log::fits(std::size_t size) const noexcept {
  if (segments_.empty()) return false;
  const auto& last = *segments_.back();
  return !last.suspect && !last.closed && (last.end <= segment_header || last.end + size <= options_.segment_size);
}

/// Sees to it that the record can be written to the last segment; false when it is to be refused.
bool Log::make_room(std::size_t size) {
  if (options_.when_full == WhenFull::reject && options_.capacity_messages != 0 &&
      waiting() >= options_.capacity_messages) {
    return false;
  }
  // What is copied forward takes its place in a new segment first, so one may not be enough.
  while (!fits(size)) {
    if (!roll(size, false)) return false;
  }
  return true;
}

/// Writes a record, whose sequence is the next one, to the last segment. message: in place of the record's own.
void Log::store(const Record& record, const Message& message) {
  encode(record, message, salt_, scratch_);
  const auto& segment = segments_.back();
  try {
    file_of(*segment)->write(segment->end, scratch_);
  } catch (const SystemError& error) {
    // One place of the disk may be bad; others need not be.
    if (error.code() == EIO && segment->end > segment_header) segment->closed = true;
    throw;
  }
  const Place begin{segment->number, segment->end};
  const auto sequence = record.sequence;
  segment->end += scratch_.size();
  segment->last = next_sequence_++;
  bytes_written_.fetch_add(scratch_.size(), std::memory_order_relaxed);
  if (options_.sync != Sync::off) {
    if (unsynced_.empty() || unsynced_.back() != segment) unsynced_.push_back(segment);
    unsynced_bytes_ += scratch_.size();
  }
  recent_.add(sequence, begin, scratch_);
  if (!latest_) return;
  const auto previous = latest_->newest(message.topic);
  if (!latest_->add(message.topic, sequence, {begin, scratch_.size()})) {
    if (notice_.find("topics") == notice_.npos) {
      notice(fmt::format("there are more than {} topics: of those beyond, not only the latest is kept",
                         Latest::most_topics));
    }
  } else if (previous != 0 && !in_flight_.contains(previous)) {
    supersede(previous, sequence);
  }
}

std::uint64_t Log::most_bytes() const noexcept {
  return std::max<std::uint64_t>(options_.capacity, 3 * options_.segment_size);
}

/// Begins another segment, and makes room for it where there is none; false when the lane is full and told to reject.
/// disk_full: the last one did not get what it needs; false, too, when nothing can be given up for that.
bool Log::roll(std::size_t needed, bool disk_full) {
  // What the segments take, this new one among them.
  const auto size = std::max<std::uint64_t>(options_.segment_size, needed + segment_header);
  const auto full = [&] { return segments_.size() * options_.segment_size + size > most_bytes(); };
  const auto grows = spare_ ? 0 : size;
  const auto before = done_.size();
  std::optional<std::size_t> sparse;
  budget_.look();
  const bool scarce = budget_.short_for(options_.priority, grows);
  if (full() || scarce || disk_full) finish_settled();
  if (options_.when_full == WhenFull::reject) {
    if (full() || (scarce && done_.empty() && !segments_.empty())) return false;
  } else {
    if (full() || scarce) sparse = sparsest(needed);
    while (!sparse && full() && evict(false)) {
    }
    if (!sparse && scarce && segments_.size() > 1 && done_.empty()) evict(false);
  }
  const auto path = folder_ / segment_name(next_number_);
  // One that is empty is not followed by another one, or there would be no end to them.
  if (disk_full && freeable() < needed) return false;
  if (disk_full && segments_.back()->end <= segment_header) return free_one();
  if (disk_full && !spare_ && !recycle_into(path, Evict::all_but_last)) return false;
  // They still take their place on disk until the sync thread has retired them; when that is held up, or there is no
  // place, one of them is the new one at once.
  const bool held_up =
      (segments_.size() + done_.size()) * options_.segment_size + size > most_bytes() + 2 * options_.segment_size;
  if ((scarce || held_up) && !spare_ && !disk_full) static_cast<void>(recycle_into(path, Evict::none));
  try {
    begin_segment(path);
  } catch (const SystemError& error) {
    if (disk_full || !is_no_space(error.code()) || !recycle_into(path, Evict::all)) throw;
    begin_segment(path);
  }
  if (sparse) {
    try {
      move_forward(*sparse, ~std::size_t{0});
    } catch (const SystemError& error) {
      // The lane takes more than it should for a while.
      log::warning("spool: lane {}/{}: {}", upstream_, name_, error.what());
    }
  }
  if (done_.size() != before) {
    sync_due_ = std::max(retry_due_, steady_clock::now());
    nudge_();
  } else if (budget_.over()) {
    nudge_();
  }
  publish();
  return true;
}

/// In the place of the spare one, or in what stands there.
void Log::begin_segment(const std::filesystem::path& path) {
  auto segment = std::make_shared<Segment>();
  segment->number = next_number_;
  segment->first = next_sequence_;
  segment->last = next_sequence_ - 1;
  segment->begun = age_.now().count();
  segment->epoch = epoch_;
  if (spare_) {
    const auto spare = *std::exchange(spare_, std::nullopt);
    disk_.rename(spare, path);
  }
  names_changed_ = true;
  segment->file = disk_.open(path, Disk::Open::create);
  segment->grows = segment->file->size() < options_.segment_size / 2;
  segment->file->write(0, encode(SegmentHeader{segment->number, segment->first, epoch_, salt_, segment->begun, false}));
  bytes_written_ += segment_header;
  segments_.push_back(std::move(segment));
  ++next_number_;  // not before: when the disk is full, every try takes the same file
}

/// A segment that is done and that nothing holds; one is dropped for that if need be. Null when there is none.
Log::SegmentPtr Log::take_done(Evict which) {
  for (;;) {
    const auto found = std::ranges::find_if(done_, [&](const SegmentPtr& segment) {
      return !segment->damaged && !segment->suspect && may_go(*segment) &&
             std::ranges::find(in_sync_, segment) == in_sync_.end();
    });
    if (found != done_.end()) {
      auto segment = std::move(*found);
      done_.erase(found);
      std::erase(unsynced_, segment);
      segment->file.reset();
      // A process that dies after this must find it settled.
      static_cast<void>(write_cursor());
      return segment;
    }
    if (which == Evict::none || options_.when_full == WhenFull::reject || !evict(which == Evict::all)) return nullptr;
  }
}

/// Bytes that would come free if all but the last went, as far as they may.
std::uint64_t Log::freeable() const noexcept {
  std::uint64_t sum = spare_ ? options_.segment_size : 0;
  for (const auto& segment : done_) sum += may_go(*segment) ? segment->end : 0;
  if (options_.when_full == WhenFull::reject) return sum;
  for (std::size_t index = 0; index + 1 < segments_.size(); ++index) {
    const auto flying = in_flight_.lower_bound(segments_[index]->first);
    if (flying == in_flight_.end() || flying->first > segment_last(index)) sum += segments_[index]->end;
  }
  return sum;
}

/// Gives the place of a segment that is done, or of the oldest one, to a new one; its remains cannot come back to life
/// there. Should a power cut undo the name and not what was written, nothing durable stands there yet.
bool Log::recycle_into(const std::filesystem::path& path, Evict which) {
  const auto segment = take_done(which);
  if (!segment) return false;
  disk_.rename(folder_ / segment_name(segment->number), path);
  names_changed_ = true;
  return true;
}

/// The same, but its bytes go back to the disk.
bool Log::free_one() {
  const auto segment = take_done(Evict::all_but_last);
  if (!segment) return false;
  disk_.remove(folder_ / segment_name(segment->number));
  publish();
  return true;
}

std::uint64_t Log::segment_last(std::size_t index) const noexcept {
  return index + 1 < segments_.size() ? segments_[index + 1]->first - 1 : segments_[index]->last;
}

/// Index of the segment that has it or, when none has, of the first that is beyond it.
std::size_t Log::segment_of(std::uint64_t sequence) const noexcept {
  const auto after = std::ranges::upper_bound(segments_, sequence, {}, [](const SegmentPtr& s) { return s->first; });
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin()) - 1;
}

/// Drops the oldest segment that has nothing in flight; false when there is none. last_too: the last one, too, since
/// another is about to follow.
bool Log::evict(bool last_too) {
  for (std::size_t index = 0; index < segments_.size(); ++index) {
    if (index + 1 == segments_.size() && !last_too) return false;
    const auto first = segments_[index]->first;
    const auto last = segment_last(index);
    const auto flying = in_flight_.lower_bound(first);
    if (flying != in_flight_.end() && flying->first <= last) continue;
    const auto evicted = leave(first, last, Discard::evicted, "made room for newer ones");
    if (evicted != 0 && latest_ && notice_.find("state") == notice_.npos) {
      notice("state was lost: its latest values take more than three quarters of the lane's capacity");
    }
    finish(index);
    done_.back()->needs = 0;  // what it costs has been counted
    static_cast<void>(write_cursor());
    return true;
  }
  return false;
}

/// The segment at the index holds nothing that waits: it leaves the log.
void Log::finish(std::size_t index) {
  const auto segment = segments_[index];
  // What is superseded comes back unless its successor is durable, and so must what it stands in.
  segment->needs = latest_ && options_.sync != Sync::off ? next_sequence_ - 1 : 0;
  done_.push_back(segment);
  segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Log::finish_settled() {
  for (std::size_t index = 0; index + 1 < segments_.size();) {
    const auto last = segment_last(index);
    if (settled_->open_from(segments_[index]->first) > last) {
      finish(index);
    } else {
      ++index;
    }
  }
}

bool Log::may_go(const Segment& segment) const noexcept {
  return segment.needs <= durable() || nothing_waits();
}

/// When more wait than may, the oldest that are not in flight make room; never the newest.
void Log::drop_oldest() {
  if (options_.capacity_messages == 0 || options_.when_full == WhenFull::reject) return;
  while (waiting() > options_.capacity_messages) {
    droppable_ = settled_->open_from(droppable_);
    if (droppable_ + 1 >= next_sequence_) return;
    if (in_flight_.contains(droppable_)) {
      ++droppable_;
      continue;
    }
    const auto run = std::min(settled_->open_until(droppable_, next_sequence_ - 2),
                              droppable_ + (waiting() - options_.capacity_messages) - 1);
    const auto flying = in_flight_.upper_bound(droppable_);
    const auto last = flying == in_flight_.end() ? run : std::min(run, flying->first - 1);
    leave(droppable_, last, Discard::evicted, "more waited than may");
  }
}

void Log::expire() {
  const auto now = age_.now();
  for (std::size_t index = 0; index < segments_.size(); ++index) {
    // All in it is older than the beginning of the next segment that says when that was.
    std::int64_t newest = 0;
    for (auto next = index + 1; next < segments_.size() && newest == 0; ++next) newest = segments_[next]->begun;
    if (newest == 0) newest = newest_age_.count();
    if (newest == 0 || now - Nanoseconds{newest} <= options_.expiry) return;
    leave_apart_from_flying(segments_[index]->first, segment_last(index), Discard::expired);
  }
}

void Log::leave_apart_from_flying(std::uint64_t first, std::uint64_t last, Discard reason) {
  for (auto from = first; from <= last;) {
    from = settled_->open_from(from);
    if (from > last) return;
    auto until = settled_->open_until(from, last);
    const auto flying = in_flight_.lower_bound(from);
    if (flying != in_flight_.end() && flying->first <= until) {
      if (flying->first == from) {
        ++from;
        continue;
      }
      until = flying->first - 1;
    }
    leave(from, until, reason);
    from = until + 1;
  }
}

std::shared_ptr<File> Log::file_of(Segment& segment) {
  if (!segment.file) segment.file = disk_.open(folder_ / segment_name(segment.number), Disk::Open::existing);
  if (!segment.file) {
    throw SystemError(ENOENT, fmt::format("the segment {} is gone", (folder_ / segment_name(segment.number)).string()));
  }
  return segment.file;
}

/// Tells the budget what has changed.
void Log::publish() {
  Budget::Share share;
  for (const auto& segment : segments_) share.taken += std::max(segment->end, options_.segment_size);
  if (spare_) share.taken += options_.segment_size;
  if (options_.when_full != WhenFull::reject && segments_.size() > 1) {
    share.can_give = share.taken - std::max(segments_.back()->end, options_.segment_size);
  }
  budget_.change(options_.priority, share_, share);
  share_ = share;
}

// -------------------------------------------------------------------------------------------------- keeping the latest

/// Whether all that waits in the segment is known by topic, and nothing of it is under way.
bool Log::compactable(std::size_t index) const {
  const auto first = segments_[index]->first;
  const auto last = segment_last(index);
  const auto flying = in_flight_.lower_bound(first);
  if (flying != in_flight_.end() && flying->first <= last) return false;
  const auto open = last + 1 - first - settled_->count(first, last);
  return latest_->within(first, last).size() == open;
}

/// The segment in which least lives, when what lives fits into a new one beside what is needed there and leaves a
/// quarter of it: so no state is lost as long as it takes three quarters of the capacity.
std::optional<std::size_t> Log::sparsest(std::size_t needed) const {
  if (!latest_) return std::nullopt;
  std::optional<std::size_t> best;
  std::uint64_t least = options_.segment_size / 4 * 3 + 1;
  for (std::size_t index = 0; index < segments_.size(); ++index) {
    const auto live = latest_->bytes_within(segments_[index]->first, segment_last(index));
    if (live >= least || live + needed + segment_header > options_.segment_size || !compactable(index)) continue;
    best = index;
    least = live;
  }
  return best;
}

/// Copies up to so many of the records that live in a segment to the end of the log, as they are but for their
/// sequence, which is new; false when some are left. The last segment is another one.
bool Log::move_forward(std::size_t index, std::size_t most) {
  const auto segment = segments_[index];
  const auto first = segment->first;
  const auto last = segment_last(index);
  const auto file = file_of(*segment);
  std::vector<std::byte> bytes;
  for (const auto& [sequence, stand] : latest_->within(first, last)) {
    if (in_flight_.contains(sequence)) continue;
    if (most-- == 0 || !fits(static_cast<std::size_t>(stand.length))) return false;
    bytes.resize(static_cast<std::size_t>(stand.length));
    Decoded decoded;
    try {
      bytes.resize(file->read(stand.begin.offset, bytes));
      decoded = decode(bytes, salt_);
    } catch (const SystemError& error) {
      unreadable_ = error.what();  // that is no damage, yet
      return false;
    }
    if (decoded.kind != Decoded::Kind::record || decoded.record.sequence != sequence) {
      segment->damaged = true;
      leave(sequence, sequence, Discard::corrupt, "damaged on disk");
      continue;
    }
    auto& record = decoded.record;
    record.sequence = next_sequence_;
    record.epoch = epoch_;
    store(record, record.message);
  }
  if (index + 1 < segments_.size() && settled_->open_from(first) > last) finish(index);
  return true;
}

/// What rarely changes must not hold up the space of what often does: as long as little lives in the oldest segment, it
/// is copied to the last one, a few at a time, so that nobody waits long. True when a reader is to be told.
bool Log::compact() {
  bool moved = false;
  for (;;) {
    const std::lock_guard lock(mutex_);
    if (!latest_ || segments_.size() <= 2) return moved && wake();
    finish_settled();
    const auto live = latest_->bytes_within(segments_[0]->first, segment_last(0));
    if (segments_.size() <= 2 || live > options_.segment_size / 4 || !fits(live) || !compactable(0)) {
      return moved && wake();
    }
    bool all = true;
    try {
      all = move_forward(0, copied_at_once);
    } catch (const std::exception& error) {
      log::debug("spool: {}", error.what());
    }
    if (!unreadable_.empty()) all = true;  // the reader is to find out
    moved = true;
    const auto wanted = std::max(retry_due_, steady_clock::now() + options_.sync_interval);
    if (options_.sync != Sync::off && (!sync_due_ || wanted < *sync_due_)) sync_due_ = wanted;
    if (all) return wake();
  }
}

void Log::supersede(std::uint64_t sequence, std::uint64_t by) {
  latest_->supersede(sequence, by);
  if (options_.sync == Sync::off) latest_->durable(by);
  if (settled_->add(sequence, sequence) == 0) return;
  in_flight_.erase(sequence);
  ++discarded_[Discard::superseded];
  note(sequence, sequence, Discard::superseded, clock_.wall(), {});
  settled_moved();
}

// ---------------------------------------------------------------------------------------------------------- reading

bool Log::expired(const Record& record) const noexcept {
  auto limit = options_.expiry;
  if (record.message.properties.expiry) limit = std::min(limit, *record.message.properties.expiry);
  return age_.now() - record.age > limit;
}

/// Takes a record that was read; false when it had left the lane already, or leaves it now, or is under way.
bool Log::deliver(Record&& record, Place begin, std::vector<Record>& into) {
  const auto sequence = record.sequence;
  if (settled_->contains(sequence)) return false;
  if (expired(record)) {
    if (!in_flight_.contains(sequence)) leave(sequence, sequence, Discard::expired);
    return false;
  }
  if (!in_flight_.emplace(sequence, InFlight{begin, record.age}).second) return false;
  into.push_back(std::move(record));
  return true;
}

std::uint64_t Log::end_of(Part part) const noexcept {
  return part == Part::history && cut_ != 0 ? cut_ : next_sequence_;
}

std::vector<Record> Log::read(std::size_t count, std::size_t bytes, Part part) {
  const std::lock_guard reading(read_mutex_);
  auto& reader = part == Part::live ? live_ : history_;
  std::vector<Record> result;
  while (result.size() < count && bytes > 0) {
    {
      const std::lock_guard lock(mutex_);
      if (part == Part::live && cut_ == 0) break;
      const auto end = end_of(part);
      read_recent(reader, end, count, bytes, result);
      if (result.size() >= count || bytes == 0) break;
      if (reader.next >= end) {
        if (result.empty()) reader.waits = true;
        reader.walk.rest();
        break;
      }
    }
    try {
      read_disk(reader, part, count, bytes, result);
    } catch (const SystemError&) {
      if (result.empty()) throw;
      break;  // what was read before is under way
    }
  }
  return result;
}

std::optional<std::vector<Record>> Log::read_memory(std::size_t count, std::size_t bytes, Part part) {
  const std::unique_lock reading(read_mutex_, std::try_to_lock);
  if (!reading) return std::nullopt;  // the disk is being read
  auto& reader = part == Part::live ? live_ : history_;
  std::vector<Record> result;
  const std::lock_guard lock(mutex_);
  if (part == Part::live && cut_ == 0) return result;
  const auto end = end_of(part);
  read_recent(reader, end, count, bytes, result);
  if (!result.empty()) return result;
  if (reader.next < end) return std::nullopt;
  reader.waits = true;
  reader.walk.rest();
  return result;
}

/// From memory, as long as the next record is there. bytes: how many more are wanted.
void Log::read_recent(Reader& reader, std::uint64_t end, std::size_t count, std::size_t& bytes,
                      std::vector<Record>& into) {
  while (into.size() < count && bytes > 0) {
    reader.next = settled_->open_from(reader.next);
    if (reader.next >= end || !recent_.holds(reader.next)) return;
    const auto encoded = recent_.encoded(reader.next);
    const auto begin = recent_.begin(reader.next);
    ++reader.next;
    reader.place = {begin.segment, begin.offset + encoded.size()};
    auto decoded = decode(encoded, salt_);
    if (deliver(std::move(decoded.record), begin, into)) bytes -= std::min(bytes, encoded.size());
  }
}

/// From one segment. bytes: how many more are wanted.
void Log::read_disk(Reader& reader, Part part, std::size_t count, std::size_t& bytes, std::vector<Record>& into) {
  struct Found {
    Record record;
    std::uint64_t begin;
    std::uint64_t end;
  };
  std::vector<Found> found;
  SegmentPtr segment;
  Walk::Course course;
  bool hinted = false;
  bool ended = false;
  auto& walk = reader.walk;
  try {
    std::shared_ptr<File> file;
    {
      const std::lock_guard lock(mutex_);
      const auto end = end_of(part);
      // The segment that the reader is in or, when that is gone or does not hold it, the first that may have the next
      // record.
      const auto index = segment_of(reader.next);
      if (segments_.empty() || segment_last(index) < reader.next) {
        // Nothing on disk has it: an evicted or missing tail.
        settle(reader.next, end - 1);
        reader.next = end;
        return;
      }
      segment = segments_[index];
      if (reader.place.segment != segment->number || reader.place.offset < segment_header) {
        reader.place = {segment->number, segment_header};
      }
      hinted = reader.hinted;
      course = {.segment = segment->number,
                .offset = reader.place.offset,
                .limit = segment->end,
                .least = segment->first,
                .most = std::min(segment_last(index), end - 1),
                .salt = salt_};
      if (reader.failed == segment->number) {
        const bool patient = clock_.boot() - reader.failed_since < unreadable_patience;
        course.errors = patient ? Walk::Errors::step_over : Walk::Errors::step_over_all;
      }
      file = file_of(*segment);
    }
    walk.go(file, course);
    bool more = true;
    if (hinted && course.offset > segment_header) {
      // The cursor may speak of another life of this place: a power cut takes each sector as it likes, and what was
      // appended after it stands where something else was lost.
      more = walk.next();
      if (!more || walk.begin() != course.offset || walk.found().record.sequence > reader.next) {
        course.offset = segment_header;
        walk.go(file, course);
        more = walk.next();
      }
    } else {
      more = walk.next();
    }
    for (std::size_t taken = 0; more; more = walk.next()) {
      auto& decoded = walk.found();
      const auto sequence = decoded.record.sequence;
      if (decoded.kind == Decoded::Kind::record && sequence >= reader.next) {
        taken += decoded.length;
        found.push_back({std::move(decoded.record), walk.begin(), walk.end()});
      }
      ended = sequence >= course.most;
      if (ended || found.size() + into.size() >= count || taken >= bytes) break;
    }
    ended |= !more;
  } catch (const SystemError& error) {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.boot();
    const auto number = segment ? segment->number : 0;
    const bool again = number != 0 && reader.failed == number;
    const bool gone =
        error.code() == ENOENT || (now - reader.failed_since >= unreadable_patience && !is_general(error.code()));
    if (again && gone) {
      // Nobody will ever read it.
      leave(reader.next, course.most, Discard::corrupt, error.what());
      reader.next = course.most + 1;
      reader.failed = 0;
      notice(error.what());
      return;
    }
    if (!again) reader.failed_since = now;
    reader.failed = number;
    if (unreadable_ != error.what()) log::error("spool: lane {}/{}: {}", upstream_, name_, error.what());
    unreadable_ = error.what();
    throw;
  }

  const std::lock_guard lock(mutex_);
  unreadable_.clear();
  reader.failed = 0;
  reader.hinted = false;
  if (walk.unreadable() != 0) {
    segment->damaged = true;
    log::error("spool: lane {}/{}: {} pieces of {} cannot be read", upstream_, name_, walk.unreadable(),
               segment_name(segment->number));
  }
  const auto lost = [&](std::uint64_t first, std::uint64_t until) {
    if (const auto gone = leave(first, until, Discard::corrupt, "damaged on disk"); gone != 0) {
      segment->damaged = true;
      log::warning("spool: lane {}/{}: {} messages from {} on are damaged on disk", upstream_, name_, gone, first);
    }
  };
  for (auto& entry : found) {
    const auto sequence = entry.record.sequence;
    if (sequence < reader.next) continue;
    lost(reader.next, sequence - 1);
    reader.next = sequence + 1;
    reader.place = {segment->number, entry.end};
    if (deliver(std::move(entry.record), {segment->number, entry.begin}, into)) {
      bytes -= std::min<std::size_t>(bytes, entry.end - entry.begin);
    }
  }
  if (ended && reader.next <= course.most) {
    lost(reader.next, course.most);
    reader.next = course.most + 1;
  }
  if (ended && segment != segments_.back()) segment->file.reset();
}

void Log::cut() {
  const std::lock_guard reading(read_mutex_);
  const std::lock_guard lock(mutex_);
  // What was read of the live part is in flight or settled, and so stepped over.
  cut_ = next_sequence_;
  live_.next = next_sequence_;
  live_.place = segments_.empty() ? Place{} : Place{segments_.back()->number, segments_.back()->end};
  live_.hinted = false;
  live_.waits = true;
  live_.failed = 0;
  live_.walk.rest();
}

void Log::rewind() {
  const std::lock_guard reading(read_mutex_);
  const std::lock_guard lock(mutex_);
  if (latest_) {
    // What was under way is so no more: the newest of each topic is enough.
    for (auto entry = in_flight_.begin(); entry != in_flight_.end();) {
      const auto sequence = (entry++)->first;
      if (const auto by = latest_->successor(sequence); by > sequence) supersede(sequence, by);
    }
  }
  settled_place_ = first_place();
  in_flight_.clear();
  droppable_ = settled_->up_to() + 1;
  cut_ = 0;
  live_.walk.rest();
  history_.next = settled_->up_to() + 1;
  history_.place = settled_place_;
  history_.hinted = true;
  history_.waits = true;
}

std::pair<WallTime, ClockQuality> Log::accepted_at(const Record& record) const {
  if (record.clock == ClockQuality::unsynced) {
    const auto& boots = age_.boots();
    if (const auto wall = boots.wall_at(record.age)) return {*wall, boots.quality_at(record.age)};
  }
  return {record.wall, record.clock};
}

// --------------------------------------------------------------------------------------------------------- settling

std::uint64_t Log::waiting() const noexcept {
  return next_sequence_ - 1 - settled_->up_to() - settled_->beyond();
}

void Log::acknowledge(std::span<const std::uint64_t> sequences) {
  const std::lock_guard lock(mutex_);
  const auto before = delivered_;
  WallTime now{};
  std::uint64_t first = 0;  // of those that follow each other; 0: none
  std::uint64_t last = 0;
  const auto settle_run = [&] {
    if (first == 0) return;
    if (now == WallTime{}) now = clock_.wall();
    settle(first, last);
    note(first, last, std::nullopt, now, {});
    delivered_ += last + 1 - first;
    first = 0;
  };
  for (const auto sequence : sequences) {
    if (first != 0 && sequence == last + 1 && sequence < next_sequence_ && !settled_->contains(sequence)) {
      last = sequence;
      continue;
    }
    settle_run();
    if (sequence == 0 || sequence >= next_sequence_ || settled_->contains(sequence)) continue;
    first = last = sequence;
  }
  settle_run();
  if (delivered_ != before) static_cast<void>(write_cursor());
}

void Log::discard(std::uint64_t sequence, Discard reason, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (sequence == 0 || sequence >= next_sequence_) return;
  if (leave(sequence, sequence, reason, why) != 0) static_cast<void>(write_cursor());
}

/// They leave the lane for that reason; returns how many had not left it before.
std::uint64_t Log::leave(std::uint64_t first, std::uint64_t last, Discard reason, const std::string& why) {
  if (last < first) return 0;
  const auto count = last + 1 - first - settled_->count(first, last);
  settle(first, last);
  if (count == 0) return 0;
  discarded_[reason] += count;
  note(first, last, reason, clock_.wall(), why);
  return count;
}

/// The cursor is not written, yet.
void Log::settle(std::uint64_t first, std::uint64_t last) {
  if (settled_->add(first, last) == 0) return;
  if (latest_) latest_->remove(first, last);
  for (auto entry = in_flight_.lower_bound(first); entry != in_flight_.end() && entry->first <= last;) {
    entry = in_flight_.erase(entry);
  }
  settled_moved();
}

/// Something was settled: the cursor is to be written and synced some time.
void Log::settled_moved() {
  cursor_moved_ = true;
  cursor_stale_ = true;
  if (latest_ && nothing_waits()) latest_->nothing_waits();
  const bool certain = suspect_up_to_ != 0 && settled_->up_to() >= suspect_up_to_;
  if (certain) suspect_up_to_ = 0;
  const bool alarm = !sync_due_ && wants_cursor();
  if (alarm) sync_due_ = steady_clock::now() + cursor_interval;
  if (alarm || certain) nudge_();
}

/// Where the first record that is not settled stands, or some place before that.
Place Log::first_place() const {
  const auto first = told().up_to() + 1;
  if (!in_flight_.empty() && in_flight_.begin()->first == first) {
    settled_place_ = in_flight_.begin()->second.begin;
  } else if (history_.next == first && !history_.hinted) {
    settled_place_ = history_.place;
  } else if (cut_ != 0 && live_.next == first) {
    settled_place_ = live_.place;
  }
  return settled_place_;
}

bool Log::write_cursor() {
  cursor_stale_ = false;
  try {
    const auto written = cursor_->write(told(), first_place(), cut_);
    bytes_written_.fetch_add(written, std::memory_order_relaxed);
    return true;
  } catch (const std::exception& error) {
    // Costs duplicates after a crash, nothing else.
    trouble(error.what());
    return false;
  }
}

void Log::note(std::uint64_t first, std::uint64_t last, std::optional<Discard> discard, WallTime when,
               const std::string& why) {
  if (!notes_.empty()) {
    auto& newest = notes_.back();
    if (newest.last + 1 == first && newest.discard == discard && newest.why == why && when >= newest.when &&
        when - newest_begun_ < std::chrono::milliseconds{100}) {
      newest.last = last;
      newest.when = when;
      return;
    }
  }
  notes_.push_back({first, last, discard, when, why});
  newest_begun_ = when;
  if (notes_.size() > Fates::most) notes_.pop_front();
}

/// With fates_mutex_ held, and not mutex_.
void Log::take_notes() const {
  std::deque<Fate> notes;
  {
    const std::lock_guard lock(mutex_);
    notes.swap(notes_);
  }
  for (const auto& fate : notes) fates_.note(fate.first, fate.last, fate.discard, fate.when, fate.why);
}

std::vector<Fate> Log::fates() const {
  const std::lock_guard guard(fates_mutex_);
  take_notes();
  return {fates_.all().begin(), fates_.all().end()};
}

void Log::save_fates() noexcept {
  try {
    const std::lock_guard guard(fates_mutex_);
    take_notes();
    bytes_written_ += fates_.save(disk_, folder_);
  } catch (const std::exception& error) {
    log::debug("spool: {}", error.what());
  }
}

// ---------------------------------------------------------------------------------------------------------- syncing

bool Log::wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (durable() >= sequence) return true;
  if (options_.sync == Sync::off) return false;
  wanted_ = std::max(wanted_, sequence);
  urgent_ = std::max(urgent_, sequence);
  const auto failures = failures_;
  lock.unlock();
  nudge_();
  lock.lock();
  durable_moved_.wait_for(lock, timeout, [&] { return durable() >= sequence || failures_ != failures; });
  return durable() >= sequence;
}

/// For as long as it takes.
void Log::must_be_durable(std::uint64_t sequence) {
  std::unique_lock lock(mutex_);
  if (suspect_up_to_ == 0 && durable() < sequence) {
    wanted_ = std::max(wanted_, sequence);
    urgent_ = std::max(urgent_, sequence);
    const auto failures = failures_;
    lock.unlock();
    nudge_();
    lock.lock();
    durable_moved_.wait(lock, [&] { return durable() >= sequence || failures_ != failures || suspect_up_to_ != 0; });
  }
  if (durable() < sequence) {
    throw SystemError(EIO, fmt::format("lane {}/{} accepted message {}, but cannot make it durable: {}", upstream_,
                                       name_, sequence, trouble_));
  }
}

void Log::want_durable(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  if (options_.sync == Sync::off || sequence <= wanted_ || sequence <= durable()) return;
  wanted_ = sequence;
  if (sync_due_) return;
  sync_due_ = std::max(retry_due_, steady_clock::now() + options_.sync_interval);
  nudge_();
}

void Log::on_durable(std::function<void(std::uint64_t)> callback) {
  const std::lock_guard lock(mutex_);
  on_durable_ = std::move(callback);
}

void Log::on_readable(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  on_readable_ = std::move(callback);
}

void Log::trouble(const std::string& what) {
  if (trouble_ != what) log::error("spool: lane {}/{}: {}", upstream_, name_, what);
  trouble_ = what;
}

/// For the segment that follows the last one or, when that grows, in exchange for it: once its syncs have cost as much
/// as zeros do. One sync is of what a process before has left, so a lane that is idle writes nothing at its opening.
bool Log::wants_spare(Time now) const noexcept {
  if (options_.sync == Sync::off || now < spare_due_) return false;
  if (spare_file_) return true;
  if (spare_ || segments_.empty()) return false;
  const auto& last = *segments_.back();
  if (last.syncs <= 1) return false;
  return last.end > options_.segment_size / 2 || (last.grows && last.syncs > options_.segment_size / cost_of_growing);
}

bool Log::wants_cursor() const noexcept {
  if (std::ranges::any_of(done_, [&](const SegmentPtr& segment) { return may_go(*segment); })) return true;
  // What was delivered before it was synced needs no durable cursor either: after a power cut it is not there.
  return cursor_moved_ && ((options_.sync != Sync::off && durable() > cursor_durable_) ||
                           (segments_.size() > 1 && settled_->open_from(segments_.front()->first) > segment_last(0)));
}

Log::Time Log::tend(Time now) {
  bool due = false;
  bool flush = false;
  bool look = false;
  std::uint64_t flushes = 0;
  {
    const std::lock_guard lock(mutex_);
    look = now >= look_due_;
    if (look) {
      look_due_ = now + look_interval;
      expire();
    }
    flushes = flushes_wanted_;
    flush = flushes != flushes_done_;
    const bool urgent = urgent_ > durable() && urgent_ < next_sequence_ && suspect_up_to_ == 0 && now >= retry_due_;
    due = flush || urgent || (sync_due_ && *sync_due_ <= now);
    if (cursor_stale_ && (due || look)) static_cast<void>(write_cursor());
    if (due) sync_due_.reset();
  }
  if (look && compact()) on_readable_();
  if (now >= fates_due_) {
    if (fates_due_ != Time{}) save_fates();
    fates_due_ = now + fates_interval;
  }
  if (!due) {
    const std::unique_lock lock(mutex_);
    if (!wants_spare(now)) return sync_due_.value_or(Time::max());
  }
  if (!due) {
    prepare_spare(now);
  } else {
    const bool sound = sync_segments(flush);
    bool tidy = flush;
    {
      const std::lock_guard lock(mutex_);
      // Segments that are done take space: they do not wait for the next round.
      tidy |= wants_cursor() && (now >= cursor_due_ || !done_.empty());
      if (!sound) retry_due_ = now + retry_interval;
      if (!sound && !sync_due_) sync_due_ = retry_due_;
    }
    if (tidy) {
      sync_cursor();
      cursor_due_ = now + cursor_interval;
    }
  }
  const std::lock_guard lock(mutex_);
  if (due && wants_cursor() && !sync_due_) sync_due_ = cursor_due_;
  if (flush) {
    flushes_done_ = flushes;
    durable_moved_.notify_all();
  }
  return wants_spare(now) ? now : sync_due_.value_or(Time::max());
}

/// False when the disk refused something.
bool Log::sync_segments(bool forced) {
  std::deque<SegmentPtr> segments;
  std::vector<std::shared_ptr<File>> files;
  std::vector<SegmentPtr> doubtful;
  bool names = false;
  std::uint64_t target = 0;
  std::string failure;
  {
    const std::lock_guard lock(mutex_);
    if (options_.sync == Sync::off) {
      unsynced_.clear();
      return true;
    }
    // Delivered before it was due: it needs no sync, unless somebody waits.
    if (!forced && nothing_waits() && wanted_ <= durable()) return true;
    for (const auto& segment : unsynced_) {
      try {
        files.push_back(file_of(*segment));
        segments.push_back(segment);
      } catch (const std::exception& error) {
        failure = error.what();
        doubtful.push_back(segment);
      }
    }
    in_sync_.assign(segments.begin(), segments.end());
    unsynced_.clear();
    names = std::exchange(names_changed_, false);
    unsynced_bytes_ = 0;
    target = next_sequence_ - 1;
  }
  // What the kernel said once it may not say again: nothing unsynced in a file whose sync failed is ever called
  // durable. A folder that cannot be synced leaves its files in doubt alike.
  for (std::size_t index = 0; index < files.size(); ++index) {
    try {
      files[index]->sync();
    } catch (const std::exception& error) {
      failure = error.what();
      doubtful.push_back(segments[index]);
    }
  }
  try {
    if (names) disk_.sync_folder(folder_);
  } catch (const std::exception& error) {
    failure = error.what();
    doubtful.insert(doubtful.end(), segments.begin(), segments.end());
  }
  std::function<void(std::uint64_t)> callback;
  {
    const std::lock_guard lock(mutex_);
    in_sync_.clear();
    for (const auto& segment : segments) {
      ++segment->syncs;
      const auto number = segment->number;
      if (segment != segments_.back() && number != history_.place.segment && number != live_.place.segment) {
        segment->file.reset();
      }
    }
    for (const auto& segment : doubtful) doubt(*segment);
    synced_ = std::max(synced_, target);
    if (!failure.empty()) {
      ++failures_;
      trouble(failure);
      names_changed_ |= names;
    } else if (suspect_up_to_ == 0) {
      trouble_.clear();
    }
    callback = advance_durable();
    durable_moved_.notify_all();
  }
  if (callback) callback(durable());
  return failure.empty();
}

/// Nothing unsynced in this segment is to be believed; appending goes on in another.
void Log::doubt(Segment& segment) {
  segment.suspect = true;
  if (segment.last <= durable() || segment.last <= settled_->up_to()) return;
  suspect_up_to_ = std::max(suspect_up_to_, segment.last);
  try {
    file_of(segment)->write(
        0, encode(SegmentHeader{segment.number, segment.first, segment.epoch, salt_, segment.begun, true}));
  } catch (const std::exception& error) {
    log::debug("spool: {}", error.what());
  }
}

/// Moves durable() as far as it goes; returns whom to tell.
std::function<void(std::uint64_t)> Log::advance_durable() {
  if (suspect_up_to_ != 0 || synced_ <= durable()) return {};
  durable_.store(synced_, std::memory_order_release);
  if (latest_) latest_->durable(synced_);
  return on_durable_;
}

void Log::sync_cursor() {
  std::deque<SegmentPtr> done;
  std::uint64_t up_to = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!cursor_moved_ && done_.empty()) return;
    finish_settled();
    publish();
    std::deque<SegmentPtr> later;
    for (auto& segment : done_) (may_go(*segment) ? done : later).push_back(std::move(segment));
    done_.swap(later);
    if (!cursor_moved_ && done.empty()) return;
    std::erase_if(unsynced_, [&](const SegmentPtr& segment) { return std::ranges::find(done, segment) != done.end(); });
    up_to = told().up_to();
    if (!write_cursor()) {
      done_.insert(done_.begin(), done.begin(), done.end());
      return;
    }
    cursor_->freeze();
    cursor_moved_ = false;
  }
  try {
    if (options_.sync != Sync::off) cursor_->sync();
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    trouble(error.what());
    cursor_moved_ = true;
    done_.insert(done_.begin(), done.begin(), done.end());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    cursor_durable_ = up_to;
  }
  retire(done);
}

/// Makes a spare of a segment that has done its time, and removes the others. The cursor that says so is durable.
void Log::retire(const std::deque<SegmentPtr>& done) {
  bool spare_needed = false;
  {
    const std::lock_guard lock(mutex_);
    spare_needed = !spare_ && !spare_file_ && options_.sync != Sync::off && !budget_.over();
  }
  for (const auto& segment : done) {
    const auto path = folder_ / segment_name(segment->number);
    segment->file.reset();
    try {
      if (segment->damaged || segment->suspect) {
        quarantine(path);
      } else if (spare_needed) {
        const auto spare = folder_ / (std::string(spare_prefix) + segment_name(segment->number));
        disk_.rename(path, spare);
        // Or its next life could come back under its old name, in the wrong place.
        disk_.sync_folder(folder_);
        const std::lock_guard lock(mutex_);
        spare_ = spare;
        publish();
        spare_needed = false;
      } else {
        disk_.remove(path);
      }
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex_);
      trouble(error.what());
    }
  }
}

bool Log::give_way() {
  std::optional<std::filesystem::path> spare;
  {
    const std::lock_guard lock(mutex_);
    spare.swap(spare_);
    if (!spare) {
      if (options_.when_full == WhenFull::reject || !evict(false)) return false;
    }
    publish();
  }
  if (!spare) {
    sync_cursor();
    return true;
  }
  try {
    disk_.remove(*spare);
  } catch (const std::exception& error) {
    log::warning("spool: {}", error.what());
  }
  return true;
}

/// One step of writing through a new file, so that what is due meanwhile does not wait for all of it.
void Log::prepare_spare(Time now) {
  const auto give_up = [&] {
    spare_due_ = now + spare_retry_interval;
    if (!spare_file_) return;
    spare_file_.reset();
    try {
      disk_.remove(spare_path_);
    } catch (const std::exception& error) {
      log::debug("spool: {}", error.what());
    }
  };
  if (budget_.over(options_.segment_size)) {
    give_up();
    return;
  }
  try {
    if (!spare_file_) {
      spare_path_ = folder_ / (std::string(spare_prefix) + "new");
      spare_file_ = disk_.open(spare_path_, Disk::Open::create);
      spare_written_ = 0;
    }
    const auto step = std::min<std::uint64_t>(zero_step, options_.segment_size - spare_written_);
    spare_file_->write(spare_written_, std::vector<std::byte>(static_cast<std::size_t>(step)));
    bytes_written_ += step;
    spare_file_->sync();
    spare_written_ += step;
    if (spare_written_ < options_.segment_size || exchange_growing()) return;
    spare_file_.reset();
    disk_.sync_folder(folder_);
    const std::lock_guard lock(mutex_);
    spare_ = spare_path_;
    publish();
  } catch (const std::exception& error) {
    log::debug("spool: no spare segment: {}", error.what());
    give_up();
  }
}

/// The last segment, if it grows and is not half full, goes on in the file that has been written through: a copy of it
/// takes its name. False when that need not be. When it throws, the file may hold a part of the copy: it must not
/// become a spare one, for after a power cut what lives could then be found in two segments.
bool Log::exchange_growing() {
  SegmentPtr segment;
  std::shared_ptr<File> file;
  std::uint64_t end = 0;
  const auto may_go_on = [&](const Segment& last) {
    return last.grows && !last.suspect && !last.closed && !last.damaged && last.end <= options_.segment_size / 2;
  };
  const auto copy = [&](std::uint64_t from, std::uint64_t to) {
    std::vector<std::byte> bytes;
    for (; from < to; from += bytes.size()) {
      bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(zero_step, to - from)));
      if (file->read(from, bytes) != bytes.size()) throw SystemError(EIO, "the segment is shorter than it was");
      spare_file_->write(from, bytes);
      bytes_written_ += bytes.size();
    }
  };
  {
    const std::lock_guard lock(mutex_);
    if (segments_.empty() || !may_go_on(*segments_.back())) return false;
    segment = segments_.back();
    file = file_of(*segment);
    end = segment->end;
  }
  // What is durable where it stands must be so where it goes, before the names change.
  copy(0, end);
  spare_file_->sync();
  const std::lock_guard lock(mutex_);
  if (segments_.empty() || segments_.back() != segment || !may_go_on(*segment)) {
    throw UnavailableError("the segment was full too soon");
  }
  copy(end, segment->end);
  disk_.rename(spare_path_, folder_ / segment_name(segment->number));
  names_changed_ = true;
  segment->file = std::move(spare_file_);
  segment->grows = false;
  return true;
}

void Log::flush() {
  static_cast<void>(sync_segments(true));
  sync_cursor();
  save_fates();
}

bool Log::wait_flushed(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto mine = ++flushes_wanted_;
  const auto failures = failures_;
  lock.unlock();
  nudge_();
  lock.lock();
  durable_moved_.wait_for(lock, timeout, [&] { return flushes_done_ >= mine; });
  return flushes_done_ >= mine && failures_ == failures;
}

LaneStatus Log::status() const {
  LaneStatus status;
  std::uint64_t first = 0;
  Place oldest;
  std::uint64_t limit = 0;
  {
    const std::lock_guard lock(mutex_);
    status.upstream = upstream_;
    status.name = name_;
    status.waiting = waiting();
    status.accepted = next_sequence_ - 1;
    status.delivered = delivered_;
    status.discarded = discarded_;
    status.durable = durable();
    status.epoch = epoch_;
    status.priority = options_.priority;
    status.when_full = options_.when_full;
    status.sync = options_.sync;
    if (options_.sync == Sync::grouped) status.loss_window = options_.sync_interval;
    status.bytes_written = bytes_written_.load(std::memory_order_relaxed);
    status.capacity = options_.capacity;
    status.expiry = options_.expiry;
    for (const auto& what : {trouble_, refusal_, unreadable_, notice_, budget_.trouble()}) {
      if (what.empty() || status.trouble.find(what) != std::string::npos) continue;
      if (!status.trouble.empty()) status.trouble += "; ";
      status.trouble += what;
    }
    first = settled_->up_to() + 1;
    oldest = first_place();
    for (std::size_t index = 0; index < segments_.size(); ++index) {
      const auto& segment = *segments_[index];
      status.disk_bytes += std::max<std::uint64_t>(segment.end, options_.segment_size);
      const auto last = segment_last(index);
      if (last < first) continue;
      const auto from = std::max(first, segment.first);
      const auto open = last + 1 - from - settled_->count(from, last);
      const auto at = segment.number == oldest.segment ? oldest.offset : segment_header;
      if (open != 0) status.waiting_bytes += (segment.end - std::min(segment.end, at)) * open / (last + 1 - from);
    }
    status.disk_bytes += (done_.size() + (spare_ ? 1 : 0)) * options_.segment_size;
    if (status.waiting == 0) {
      status.waiting_bytes = 0;
      return status;
    }
    if (!in_flight_.empty() && in_flight_.begin()->first == first) {
      status.oldest_age = age_.now() - in_flight_.begin()->second.age;
      return status;
    }
    if (recent_.holds(first)) {
      status.oldest_age = age_.now() - decode(recent_.encoded(first), salt_).record.age;
      return status;
    }
    if (segments_.empty()) return status;
    const auto& segment = *segments_[segment_of(first)];
    if (oldest.segment != segment.number) oldest = {segment.number, segment_header};
    limit = segment.end;
  }
  try {
    if (std::shared_ptr<const File> file = disk_.open(folder_ / segment_name(oldest.segment), Disk::Open::existing)) {
      Walk walk;
      walk.go(file, {.segment = oldest.segment,
                     .offset = oldest.offset,
                     .limit = limit,
                     .least = first,
                     .salt = salt_,
                     .errors = Walk::Errors::step_over});
      if (walk.next()) status.oldest_age = age_.now() - walk.found().record.age;
    }
  } catch (const std::exception& error) {
    log::debug("spool: {}", error.what());
  }
  return status;
}

}  // namespace tidegate::spool
