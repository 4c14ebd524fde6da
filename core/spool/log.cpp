// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/log.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "spool/codec.hpp"

namespace tidegate::spool {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t read_ahead = 256U << 10;
constexpr std::size_t zero_step = 256U << 10;
constexpr std::size_t most_quarantined = 4;
constexpr auto cursor_interval = std::chrono::seconds{1};
constexpr auto retry_interval = std::chrono::seconds{1};
constexpr auto spare_retry_interval = std::chrono::seconds{10};
constexpr std::string_view spare_prefix = "spare-";

std::uint32_t random_salt() {
  std::random_device device;
  return device();
}

}  // namespace

Log::Log(Disk& disk, std::filesystem::path folder, std::string upstream, std::string name, LaneOptions options,
         Age& age, const Clock& clock, std::function<void()> nudge)
    : disk_(disk),
      folder_(std::move(folder)),
      upstream_(std::move(upstream)),
      name_(std::move(name)),
      options_(options),
      age_(age),
      clock_(clock),
      nudge_(std::move(nudge)) {
  open();
}

// ---------------------------------------------------------------------------------------------------------- opening

void Log::open() {
  disk_.make_folder(folder_);
  auto epoch = read_epoch(disk_, folder_);
  salt_ = epoch.salt;
  epoch_ = epoch.epoch;
  cursor_ = std::make_unique<Cursor>(disk_, folder_);
  open_segments(disk_.list(folder_));

  if (!epoch.known) {
    // Nothing says which epochs were used, but for what segments show: stay well above.
    if (!segments_.empty()) epoch_ += 65'536;
    if (salt_ == 0) salt_ = random_salt();
  }
  ++epoch_;
  write_epoch(disk_, folder_, {epoch_, salt_, true});

  const auto found = segments_.empty() ? 0 : segments_.back()->last;
  settled_ = cursor_->known() ? cursor_->settled() : Settled(segments_.empty() ? 0 : segments_.front()->first - 1);
  std::uint64_t highest = std::max(found, settled_->up_to());
  if (!settled_->ranges().empty()) highest = std::max(highest, settled_->ranges().rbegin()->second);
  next_sequence_ = highest + 1;
  // What stands in no segment is gone: a power cut took it before it was durable, or a segment is missing.
  const auto missing = [&](std::uint64_t first, std::uint64_t last) {
    if (const auto lost = settled_->add(first, last); lost != 0) {
      log::warning("spool: lane {}/{}: {} messages are missing from the disk", upstream_, name_, lost);
      count_discard(Discard::corrupt, lost);
    }
  };
  if (!segments_.empty() && segments_.front()->first > 1) missing(1, segments_.front()->first - 1);
  if (found < highest) missing(found + 1, highest);
  if (segments_.empty() && highest > 0) missing(1, highest);

  reader_.next = settled_->up_to() + 1;
  settled_place_ = cursor_->place();
  // After a power cut the cursor may know of more than the log does.
  const auto hint = std::ranges::find(segments_, settled_place_.segment, &Segment::number);
  if (hint == segments_.end() || settled_place_.offset > (*hint)->end) settled_place_ = {};
  reader_.place = settled_place_;
  durable_ = synced_ = cursor_durable_ = settled_->up_to();
  // A process that was killed may have left segments unsynced; nobody knows which.
  for (const auto& segment : segments_) {
    if (segment->last > settled_->up_to()) unsynced_.push_back(segment);
  }
  if (!unsynced_.empty()) sync_due_ = steady_clock::now();
  names_changed_ = !segments_.empty();
}

void Log::open_segments(const std::vector<std::string>& names) {
  std::uint32_t highest_epoch = 0;
  std::int64_t newest_age = 0;
  // The salt first: without the epoch file a segment has to tell it.
  std::vector<std::pair<SegmentPtr, std::optional<SegmentHeader>>> found;
  for (const auto& name : names) {
    if (name.starts_with(spare_prefix)) {
      // Whether it was written through nobody knows; segments that have done their time make better spares.
      disk_.remove(folder_ / name);
      continue;
    }
    const auto number = segment_number(name);
    if (!number) continue;
    next_number_ = std::max(next_number_, *number + 1);
    auto segment = std::make_shared<Segment>();
    segment->number = *number;
    segment->file = disk_.open(folder_ / name, Disk::Open::existing);
    if (!segment->file) continue;
    std::array<std::byte, segment_header> bytes{};
    std::optional<SegmentHeader> header;
    bool newer = false;
    try {
      header = decode_segment_header(std::span<const std::byte>(bytes).first(segment->file->read(0, bytes)), newer);
    } catch (const SystemError& error) {
      log::error("spool: {}", error.what());
    }
    if (newer) {
      notice_ = fmt::format("{} was written by a newer version of tidegate, which can read it; it is left alone",
                            (folder_ / name).string());
      log::warning("spool: {}", notice_);
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
    const auto seen = scan(*segment.file, salt_, header ? header->first : least);
    const bool misplaced = !segments_.empty() && seen.last >= segments_.front()->first;
    if (!header && (seen.first == 0 || misplaced)) {
      quarantine(folder_ / segment_name(segment.number));
      return false;
    }
    segment.damaged = !header;
    segment.first = header ? header->first : seen.first;
    segment.last = std::max(seen.last, segment.first - 1);
    segment.end = seen.end;
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
    try {
      if (!header || last) {
        if (!look_through(*segment, header, least)) continue;
      } else {
        segment->first = header->first;
        segment->last = header->first - 1;
        segment->end = segment->file->size();
      }
    } catch (const SystemError& error) {
      // Cannot be read now; the reader meets it again and says so.
      log::error("spool: {}", error.what());
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
  // Appending goes on in the last segment, unless its header or number cannot be trusted.
  if (!segments_.empty() && (segments_.back()->damaged || segments_.back()->number + 1 != next_number_)) {
    segments_.back()->suspect = true;
  }
  epoch_ = std::max(epoch_, highest_epoch);
  age_.at_least(Nanoseconds{newest_age});
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
  std::function<void()> readable;
  std::uint64_t sequence = 0;
  bool due = false;
  {
    const std::lock_guard lock(mutex_);
    Record record;
    record.sequence = next_sequence_;
    record.epoch = epoch_;
    record.age = age_.now();
    record.wall = clock_.wall();
    record.clock = clock_.quality();
    record.message = message;
    encode(record, salt_, scratch_);
    if (segments_.empty() || segments_.back()->suspect ||
        (segments_.back()->end > segment_header && segments_.back()->end + scratch_.size() > options_.segment_size)) {
      if (!roll(scratch_.size())) {
        count_discard(Discard::refused, 1);
        return std::nullopt;
      }
    }
    const auto& segment = segments_.back();
    file_of(*segment)->write(segment->end, scratch_);
    segment->end += scratch_.size();
    segment->last = sequence = next_sequence_++;
    if (unsynced_.empty() || unsynced_.back() != segment) unsynced_.push_back(segment);
    unsynced_bytes_ += scratch_.size();

    memory_.push_back({std::move(record), {segment->number, segment->end}, scratch_.size()});
    memory_bytes_ += scratch_.size();
    while (memory_bytes_ > options_.memory && memory_.size() > 1) {
      memory_bytes_ -= memory_.front().bytes;
      memory_.pop_front();
    }
    // The cursor may have asked for a sync already, but it is in less of a hurry.
    const bool enough =
        unsynced_bytes_ >= options_.sync_bytes && unsynced_bytes_ - scratch_.size() < options_.sync_bytes;
    const auto now = steady_clock::now();
    const auto wanted = std::max(retry_due_, enough ? now : now + options_.sync_interval);
    if (!sync_due_ || wanted < *sync_due_) {
      sync_due_ = wanted;
      due = true;
    }
    if (std::exchange(reader_waits_, false)) readable = on_readable_;
  }
  if (due) nudge_();
  if (readable) readable();
  return sequence;
}

bool Log::roll(std::size_t needed) {
  // Full: what the segments take, this new one among them.
  const auto size = std::max<std::uint64_t>(options_.segment_size, needed + segment_header);
  const auto most = std::max<std::uint64_t>(options_.capacity, 3 * options_.segment_size);
  const auto done = done_.size();
  while (segments_.size() * options_.segment_size + size > most) {
    if (segment_last(0) <= settled_->up_to()) {
      done_.push_back(segments_.front());
      segments_.pop_front();
      continue;
    }
    if (options_.when_full == WhenFull::reject) return false;
    const auto before = segments_.size();
    evict();
    if (segments_.size() == before) break;  // all in flight: over the capacity for as long as they are
  }
  if (done_.size() != done) {  // they still take their place on disk until the sync thread has retired them
    sync_due_ = std::max(retry_due_, steady_clock::now());
    nudge_();
  }
  auto segment = std::make_shared<Segment>();
  segment->number = next_number_;
  segment->first = next_sequence_;
  segment->last = next_sequence_ - 1;
  const auto path = folder_ / segment_name(segment->number);
  if (spare_) {
    const auto spare = *std::exchange(spare_, std::nullopt);
    disk_.rename(spare, path);
  }
  names_changed_ = true;
  segment->file = disk_.open(path, Disk::Open::create);
  segment->file->write(0, encode(SegmentHeader{segment->number, segment->first, epoch_, salt_}));
  segments_.push_back(std::move(segment));
  ++next_number_;  // not before: when the disk is full, every try takes the same file
  return true;
}

std::uint64_t Log::segment_last(std::size_t index) const noexcept {
  return index + 1 < segments_.size() ? segments_[index + 1]->first - 1 : segments_[index]->last;
}

void Log::evict() {
  for (std::size_t index = 0; index + 1 < segments_.size(); ++index) {
    const auto first = segments_[index]->first;
    const auto last = segment_last(index);
    const auto flying = in_flight_.lower_bound(first);
    if (flying != in_flight_.end() && flying->first <= last) continue;
    done_.push_back(segments_[index]);
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(index));
    const auto lost = last - first + 1 - settled_->count(first, last);
    count_discard(Discard::evicted, lost);
    settle(first, last);
    static_cast<void>(write_cursor());  // behind something in flight, settling writes nothing
    return;
  }
}

std::shared_ptr<File> Log::file_of(Segment& segment) {
  if (!segment.file) segment.file = disk_.open(folder_ / segment_name(segment.number), Disk::Open::existing);
  if (!segment.file) {
    throw SystemError(ENOENT, fmt::format("the segment {} is gone", (folder_ / segment_name(segment.number)).string()));
  }
  return segment.file;
}

// ---------------------------------------------------------------------------------------------------------- reading

bool Log::expired(const Record& record) const noexcept {
  auto limit = options_.expiry;
  if (record.message.properties.expiry) limit = std::min(limit, *record.message.properties.expiry);
  return age_.now() - record.age > limit;
}

/// Takes a record that was read; false when it had left the lane already, or leaves it now.
bool Log::deliver(Record&& record, Place end, std::vector<Record>& into) {
  const auto sequence = record.sequence;
  if (settled_->contains(sequence)) return false;
  in_flight_.emplace(sequence, InFlight{end, record.age});
  if (expired(record)) {
    count_discard(Discard::expired, 1);
    settle(sequence, sequence);
    return false;
  }
  into.push_back(std::move(record));
  return true;
}

std::vector<Record> Log::read(std::size_t count, std::size_t bytes) {
  const std::lock_guard reading(read_mutex_);
  std::vector<Record> result;
  while (result.size() < count && bytes > 0) {
    {
      const std::lock_guard lock(mutex_);
      read_remembered(count, bytes, result);
      if (result.size() >= count || bytes == 0) break;
      if (reader_.next >= next_sequence_) {
        if (result.empty()) reader_waits_ = true;
        reader_.buffer = {};
        break;
      }
    }
    read_disk(count, bytes, result);
  }
  return result;
}

/// From memory, as long as the next record is there. bytes: how many more are wanted.
void Log::read_remembered(std::size_t count, std::size_t& bytes, std::vector<Record>& into) {
  while (into.size() < count && bytes > 0 && !memory_.empty() && reader_.next >= memory_.front().record.sequence &&
         reader_.next < next_sequence_) {
    const auto& entry = memory_[reader_.next - memory_.front().record.sequence];
    ++reader_.next;
    reader_.place = entry.end;
    if (deliver(Record(entry.record), entry.end, into)) bytes -= std::min(bytes, entry.bytes);
  }
}

/// From one segment. bytes: how many more are wanted.
void Log::read_disk(std::size_t count, std::size_t& bytes, std::vector<Record>& into) {
  SegmentPtr segment;
  std::shared_ptr<File> file;
  Place at;
  std::uint64_t limit = 0;
  std::uint64_t last = 0;
  {
    const std::lock_guard lock(mutex_);
    // The segment that the reader is in or, when that is gone or does not hold it, the first that may have the next
    // record.
    std::size_t index = 0;
    while (index + 1 < segments_.size() && segment_last(index) < reader_.next) ++index;
    if (segments_.empty() || segment_last(index) < reader_.next) {
      // Nothing on disk has it: an evicted or missing tail.
      settle(reader_.next, next_sequence_ - 1);
      reader_.next = next_sequence_;
      return;
    }
    segment = segments_[index];
    if (reader_.place.segment != segment->number || reader_.place.offset < segment_header) {
      reader_.place = {segment->number, segment_header};
    }
    at = reader_.place;
    limit = segment->end;
    last = segment_last(index);
    file = file_of(*segment);
  }
  auto& buffer = reader_.buffer;
  const auto load = [&](std::size_t size) {
    reader_.buffered = {};  // reading may throw
    buffer.resize(std::min<std::uint64_t>(size, limit > at.offset ? limit - at.offset : 0));
    buffer.resize(file->read(at.offset, buffer));
    reader_.buffered = at;
  };
  std::size_t offset = 0;
  if (reader_.buffered.segment == at.segment && at.offset >= reader_.buffered.offset &&
      at.offset < reader_.buffered.offset + buffer.size()) {
    offset = at.offset - reader_.buffered.offset;
    at = reader_.buffered;
  } else {
    load(read_ahead);
  }
  if (std::exchange(reader_.hinted, false) && at.offset + offset > segment_header) {
    // The cursor may speak of another life of this place: a power cut takes each sector as it likes, and what was
    // appended after it stands where something else was lost.
    const auto first = decode(std::span<const std::byte>(buffer).subspan(offset), salt_);
    const bool valid = first.kind == Decoded::Kind::record || first.kind == Decoded::Kind::other;
    if (!valid || first.record.sequence > reader_.next) {
      at.offset = segment_header;
      offset = 0;
      load(read_ahead);
    }
  }

  struct Found {
    Record record;
    Place end;
    std::size_t bytes;
  };
  std::vector<Found> found;
  std::size_t taken = 0;
  std::uint64_t previous = 0;
  bool ended = buffer.empty();
  while (!ended && found.size() + into.size() < count && taken < bytes) {
    const auto rest = std::span<const std::byte>(buffer).subspan(offset);
    auto decoded = decode(rest, salt_);
    const bool valid = (decoded.kind == Decoded::Kind::record || decoded.kind == Decoded::Kind::other) &&
                       decoded.record.sequence >= segment->first && decoded.record.sequence > previous &&
                       decoded.record.sequence <= last;
    if (decoded.kind == Decoded::Kind::cut_off && at.offset + offset + decoded.length <= limit &&
        !(offset == 0 && buffer.size() >= decoded.length)) {
      at.offset += offset;
      offset = 0;
      const auto before = buffer.size();
      load(std::max(read_ahead, decoded.length));
      if (buffer.empty() || (buffer.size() < decoded.length && buffer.size() <= before)) {
        // The file is shorter than it should be.
        offset = buffer.empty() ? 0 : next_mark(buffer);
        ended = buffer.empty() || offset >= buffer.size();
      }
      continue;
    }
    if (!valid) {
      offset += std::max<std::size_t>(1, next_mark(rest));
    } else {
      offset += decoded.length;
      previous = decoded.record.sequence;
      if (decoded.kind == Decoded::Kind::record && previous >= reader_.next) {
        taken += decoded.length;
        found.push_back({std::move(decoded.record), {at.segment, at.offset + offset}, decoded.length});
      }
    }
    if (offset >= buffer.size()) {
      at.offset += buffer.size();
      if (at.offset >= limit) {
        ended = true;
      } else {
        offset = 0;
        load(read_ahead);
        ended = buffer.empty();
      }
    }
    if (previous >= last) ended = true;
  }

  const std::lock_guard lock(mutex_);
  const auto lost = [&](std::uint64_t first, std::uint64_t until) {
    if (until < first) return;
    const auto count_lost = settled_->count(first, until);
    settle(first, until);
    if (const auto gone = until - first + 1 - count_lost; gone != 0) {
      segment->damaged = true;
      count_discard(Discard::corrupt, gone);
      log::warning("spool: lane {}/{}: {} messages from {} on are damaged on disk", upstream_, name_, gone, first);
    }
  };
  for (auto& entry : found) {
    const auto sequence = entry.record.sequence;
    if (sequence < reader_.next) continue;
    lost(reader_.next, sequence - 1);
    reader_.next = sequence + 1;
    reader_.place = entry.end;
    if (deliver(std::move(entry.record), entry.end, into)) bytes -= std::min(bytes, entry.bytes);
  }
  if (ended && reader_.next <= last) {
    lost(reader_.next, last);
    reader_.next = last + 1;
  }
  if (ended && segment != segments_.back()) segment->file.reset();
}

void Log::rewind() {
  const std::lock_guard reading(read_mutex_);
  const std::lock_guard lock(mutex_);
  in_flight_.clear();
  reader_.next = settled_->up_to() + 1;
  reader_.place = settled_place_;
  reader_.hinted = true;
}

void Log::acknowledge(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  if (settled_->contains(sequence) || sequence >= next_sequence_) return;
  ++delivered_;
  settle(sequence, sequence);
}

void Log::discard(std::uint64_t sequence, Discard reason) {
  const std::lock_guard lock(mutex_);
  if (settled_->contains(sequence) || sequence >= next_sequence_) return;
  count_discard(reason, 1);
  settle(sequence, sequence);
}

void Log::count_discard(Discard reason, std::uint64_t count) {
  if (count != 0) discarded_[reason] += count;
}

void Log::settle(std::uint64_t first, std::uint64_t last) {
  const auto before = settled_->up_to();
  if (settled_->add(first, last) == 0) return;
  if (settled_->up_to() != before) {
    // The end of the last record that was settled in a row is where the first unsettled one begins.
    const auto beyond = in_flight_.upper_bound(settled_->up_to());
    if (beyond != in_flight_.begin()) settled_place_ = std::prev(beyond)->second.end;
    in_flight_.erase(in_flight_.begin(), beyond);
    static_cast<void>(write_cursor());
  }
  settled_moved();
}

/// Something was settled: the cursor is to be synced some time.
void Log::settled_moved() {
  cursor_moved_ = true;
  const bool certain = suspect_up_to_ != 0 && settled_->up_to() >= suspect_up_to_;
  if (certain) suspect_up_to_ = 0;
  const bool alarm = !sync_due_ && wants_cursor();
  if (alarm) sync_due_ = steady_clock::now() + cursor_interval;
  if (alarm || certain) nudge_();
}

bool Log::write_cursor() {
  try {
    cursor_->write(*settled_, settled_place_);
    return true;
  } catch (const std::exception& error) {
    // Costs duplicates after a crash, nothing else.
    trouble(error.what());
    return false;
  }
}

// ---------------------------------------------------------------------------------------------------------- syncing

bool Log::wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (durable() >= sequence) return true;
  wanted_ = std::max(wanted_, sequence);
  urgent_ = std::max(urgent_, sequence);
  const auto failures = failures_;
  lock.unlock();
  nudge_();
  lock.lock();
  durable_moved_.wait_for(lock, timeout, [&] { return durable() >= sequence || failures_ != failures; });
  return durable() >= sequence;
}

void Log::want_durable(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  if (sequence <= wanted_ || sequence <= durable()) return;
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

bool Log::wants_spare(Time now) const noexcept {
  return now >= spare_due_ &&
         (spare_file_ || (!spare_ && !segments_.empty() && segments_.back()->end > options_.segment_size / 2));
}

bool Log::wants_cursor() const noexcept {
  // What was delivered before it was synced needs no durable cursor either: after a power cut it is not there.
  return !done_.empty() || (cursor_moved_ && (durable() > cursor_durable_ ||
                                              (segments_.size() > 1 && segment_last(0) <= settled_->up_to())));
}

Log::Time Log::tend(Time now) {
  bool due = false;
  bool flush = false;
  std::uint64_t flushes = 0;
  {
    const std::lock_guard lock(mutex_);
    flushes = flushes_wanted_;
    flush = flushes != flushes_done_;
    const bool urgent = urgent_ > durable() && urgent_ < next_sequence_ && suspect_up_to_ == 0 && now >= retry_due_;
    due = flush || urgent || (sync_due_ && *sync_due_ <= now);
    if (due) {
      sync_due_.reset();
    } else if (!wants_spare(now)) {
      return sync_due_.value_or(Time::max());
    }
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
    // Delivered before it was due: it needs no sync, unless somebody waits.
    if (!forced && settled_->up_to() + 1 == next_sequence_ && wanted_ <= durable()) return true;
    for (const auto& segment : unsynced_) {
      try {
        files.push_back(file_of(*segment));
        segments.push_back(segment);
      } catch (const std::exception& error) {
        failure = error.what();
        doubtful.push_back(segment);
      }
    }
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
    for (const auto& segment : segments) {
      if (segment != segments_.back() && segment->number != reader_.place.segment) segment->file.reset();
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
  if (segment.last > durable() && segment.last > settled_->up_to()) {
    suspect_up_to_ = std::max(suspect_up_to_, segment.last);
  }
}

/// Moves durable() as far as it goes; returns whom to tell.
std::function<void(std::uint64_t)> Log::advance_durable() {
  if (suspect_up_to_ != 0 || synced_ <= durable()) return {};
  durable_.store(synced_, std::memory_order_release);
  return on_durable_;
}

void Log::sync_cursor() {
  std::deque<SegmentPtr> done;
  std::uint64_t up_to = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!cursor_moved_ && done_.empty()) return;
    while (segments_.size() > 1 && segment_last(0) <= settled_->up_to()) {
      done_.push_back(segments_.front());
      segments_.pop_front();
    }
    done.swap(done_);
    std::erase_if(unsynced_, [&](const SegmentPtr& segment) { return std::ranges::find(done, segment) != done.end(); });
    up_to = settled_->up_to();
    if (!write_cursor()) {
      done_.swap(done);
      return;
    }
    cursor_->freeze();
    cursor_moved_ = false;
  }
  try {
    cursor_->sync();
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
    spare_needed = !spare_ && !spare_file_;
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

/// One step of writing through a new file, so that what is due meanwhile does not wait for all of it.
void Log::prepare_spare(Time now) {
  try {
    if (!spare_file_) {
      spare_path_ = folder_ / (std::string(spare_prefix) + "new");
      spare_file_ = disk_.open(spare_path_, Disk::Open::create);
      spare_written_ = 0;
    }
    const auto step = std::min<std::uint64_t>(zero_step, options_.segment_size - spare_written_);
    spare_file_->write(spare_written_, std::vector<std::byte>(static_cast<std::size_t>(step)));
    spare_file_->sync();
    spare_written_ += step;
    if (spare_written_ < options_.segment_size) return;
    spare_file_.reset();
    disk_.sync_folder(folder_);
    const std::lock_guard lock(mutex_);
    spare_ = spare_path_;
  } catch (const std::exception& error) {
    spare_file_.reset();
    spare_due_ = now + spare_retry_interval;
    log::debug("spool: no spare segment: {}", error.what());
  }
}

void Log::flush() {
  static_cast<void>(sync_segments(true));
  sync_cursor();
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
  std::shared_ptr<File> file;
  Place oldest;
  {
    const std::lock_guard lock(mutex_);
    status.upstream = upstream_;
    status.name = name_;
    status.waiting = next_sequence_ - 1 - settled_->up_to() - settled_->beyond();
    status.accepted = next_sequence_ - 1;
    status.delivered = delivered_;
    status.discarded = discarded_;
    status.durable = durable();
    status.epoch = epoch_;
    status.loss_window = options_.sync_interval;
    status.trouble = trouble_.empty() ? notice_ : trouble_;
    for (const auto& segment : segments_) {
      status.disk_bytes += std::max<std::uint64_t>(segment->end, options_.segment_size);
      if (segment->last <= settled_->up_to()) continue;
      const auto from = segment->number == settled_place_.segment ? settled_place_.offset : segment_header;
      status.waiting_bytes += segment->end - std::min(segment->end, from);
    }
    status.disk_bytes += (done_.size() + (spare_ ? 1 : 0)) * options_.segment_size;
    if (status.waiting == 0) {
      status.waiting_bytes = 0;
      return status;
    }
    if (!in_flight_.empty()) {
      status.oldest_age = age_.now() - in_flight_.begin()->second.age;
      return status;
    }
    const auto first = settled_->up_to() + 1;
    if (!memory_.empty() && memory_.front().record.sequence <= first) {
      status.oldest_age = age_.now() - memory_[first - memory_.front().record.sequence].record.age;
      return status;
    }
    oldest = settled_place_;
    const auto segment = std::ranges::find(segments_, oldest.segment, &Segment::number);
    if (segment == segments_.end()) oldest = {segments_.front()->number, segment_header};
  }
  try {
    if ((file = disk_.open(folder_ / segment_name(oldest.segment), Disk::Open::existing))) {
      std::vector<std::byte> bytes(read_ahead);
      bytes.resize(file->read(oldest.offset, bytes));
      const auto decoded = decode(bytes, salt_);
      if (decoded.kind == Decoded::Kind::record) status.oldest_age = age_.now() - decoded.record.age;
    }
  } catch (const std::exception& error) {
    log::debug("spool: {}", error.what());
  }
  return status;
}

}  // namespace tidegate::spool
