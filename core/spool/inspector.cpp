// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/inspector.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <sys/stat.h>

#include <tidegate/error.hpp>

#include "spool/age.hpp"
#include "spool/bytes.hpp"
#include "spool/codec.hpp"
#include "spool/epoch.hpp"
#include "spool/segment.hpp"
#include "spool/walk.hpp"

namespace tidegate::spool {
namespace {

constexpr std::uint64_t no_bound = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view spare_prefix = "spare-";
constexpr const char* quarantine_folder = "quarantine";

/// What is written is dropped: to the rooms that open a file for both, it looks like a disk.
class ReadOnlyFile final : public File {
 public:
  explicit ReadOnlyFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  [[nodiscard]] std::size_t read(std::uint64_t offset, std::span<std::byte> into) const override {
    return file_ ? file_->read(offset, into) : 0;
  }
  void write(std::uint64_t, std::span<const std::byte>) override {}
  void truncate(std::uint64_t) override {}
  void sync() override {}
  [[nodiscard]] std::uint64_t size() const override { return file_ ? file_->size() : 0; }

 private:
  std::unique_ptr<File> file_;  ///< null: there is none
};

class ReadOnlyDisk final : public Disk {
 public:
  explicit ReadOnlyDisk(Disk& disk) : disk_(disk) {}
  [[nodiscard]] std::unique_ptr<File> open(const std::filesystem::path& path, Open how) override {
    auto file = disk_.open(path, Open::read);
    if (!file && how != Open::create) return nullptr;
    return std::make_unique<ReadOnlyFile>(std::move(file));
  }
  void rename(const std::filesystem::path&, const std::filesystem::path&) override {}
  void remove(const std::filesystem::path&) override {}
  void make_folder(const std::filesystem::path&) override {}
  [[nodiscard]] std::vector<std::string> list(const std::filesystem::path& folder) const override {
    return disk_.list(folder);
  }
  void sync_folder(const std::filesystem::path&) override {}
  [[nodiscard]] Space space(const std::filesystem::path& folder) const override { return disk_.space(folder); }

 private:
  Disk& disk_;
};

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool is_segment(const std::string& name) {
  return segment_number(name).has_value();
}

std::string plural(std::uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

/// One segment of a lane.
struct Inspector::Part {
  std::uint64_t number = 0;
  std::string name;
  std::optional<SegmentHeader> header;  ///< nothing: damaged, or it does not belong here
  bool newer = false;
  std::string trouble;            ///< why it cannot be read at all
  std::uint64_t last = no_bound;  ///< no record in it has a higher sequence
  bool all_its_own = false;       ///< all up to last belong into this one, not into one behind it
};

struct Inspector::View {
  std::filesystem::path folder;
  std::vector<std::string> names;
  Epoch epoch;
  bool cursor_known = false;
  Settled settled;
  std::uint32_t salt = 0;
  std::vector<Part> parts;
};

Inspector::Inspector(std::filesystem::path folder, Disk& disk, const Clock& clock, std::string boot_id)
    : folder_(std::move(folder)), disk_(std::make_unique<ReadOnlyDisk>(disk)) {
  if (disk_->list(folder_).empty()) {
    throw SystemError(ENOENT, fmt::format("there is no spool in {}", folder_.string()));
  }
  if (boot_id.empty()) boot_id = first_line("/proc/sys/kernel/random/boot_id");
  age_ = std::make_unique<Age>(*disk_, folder_, clock, std::move(boot_id));
}

Inspector::~Inspector() = default;

bool Inspector::live() const {
  // To try the lock would keep a gateway that starts at this moment from having it.
  struct stat status{};
  if (::stat((folder_ / "lock").c_str(), &status) != 0) return false;
  std::ifstream locks("/proc/locks");
  const auto place = fmt::format(":{} ", status.st_ino);
  for (std::string line; std::getline(locks, line);) {
    if (line.find(" FLOCK ") != line.npos && line.find(place) != line.npos) return true;
  }
  return false;
}

std::vector<LaneName> Inspector::lanes() const {
  return lanes_in(*disk_, folder_);
}

Inspector::View Inspector::look(const LaneName& lane) const {
  View view;
  view.folder = folder_ / lane.upstream / lane.lane;
  // The cursor first: what leaves the lane meanwhile is then taken for waiting, and nothing that waits for settled.
  view.epoch = read_epoch(*disk_, view.folder);
  view.salt = view.epoch.salt;
  const Cursor cursor(*disk_, view.folder);
  view.cursor_known = cursor.known();
  view.settled = cursor.settled();
  view.names = disk_->list(view.folder);
  for (const auto& name : view.names) {
    const auto number = segment_number(name);
    if (!number) continue;
    Part part;
    part.number = *number;
    part.name = name;
    try {
      const auto file = disk_->open(view.folder / name, Disk::Open::read);
      if (!file) continue;  // done with a moment ago
      std::array<std::byte, segment_header> bytes{};
      part.header = decode_segment_header(std::span<const std::byte>(bytes).first(file->read(0, bytes)), part.newer);
    } catch (const SystemError& error) {
      part.trouble = error.what();
    }
    if (part.header && part.header->number != part.number) part.header.reset();
    if (part.header && view.salt == 0) view.salt = part.header->salt;
    view.parts.push_back(std::move(part));
  }
  auto next = no_bound;
  for (auto part = view.parts.rbegin(); part != view.parts.rend(); ++part) {
    if (part->header && part->header->first > next) part->header.reset();
    part->last = next == no_bound ? next : next - 1;
    part->all_its_own = part != view.parts.rbegin() && std::prev(part)->header.has_value();
    if (part->header) next = part->header->first;
  }
  if (!view.cursor_known && next != no_bound) view.settled = Settled(next - 1);
  return view;
}

void Inspector::walk(const View& view, Which which, const Told& told) const {
  const bool in_use = live();
  std::uint64_t previous = 0;
  Walk steps;
  for (const auto& part : view.parts) {
    if (which == Which::waiting && part.last <= view.settled.up_to()) continue;
    if (told.part) told.part(part);
    if (part.newer || !part.trouble.empty()) continue;
    const std::shared_ptr<const File> file = disk_->open(view.folder / part.name, Disk::Open::read);
    if (!file) continue;
    if (part.header) previous = part.header->first - 1;
    std::uint64_t end = segment_header;
    const auto go = [&] {
      steps.rest();
      steps.go(file, {part.number, end, file->size(), previous + 1, part.last, view.salt, Walk::Errors::step_over_all});
    };
    go();
    bool looked_again = false;
    while (steps.next()) {
      if (steps.begin() != end && in_use && !std::exchange(looked_again, true)) {
        // Both may have been on their way to the disk, and the later one come first.
        go();
        continue;
      }
      looked_again = false;
      const auto gap = std::exchange(end, steps.end());
      auto& found = steps.found();
      previous = found.record.sequence;
      const bool waiting = found.kind == Decoded::Kind::record && !view.settled.contains(previous);
      if (which == Which::waiting && !waiting) continue;
      if (!told.record({std::move(found.record), {part.number, steps.begin()}, end - steps.begin(), waiting}, gap))
        return;
    }
    if (!told.end) continue;
    std::array<std::byte, record_header> rest{};
    const bool last = part.last == no_bound && !in_use && steps.unreadable() == 0;
    const bool torn = last && file->read(end, rest) == rest.size() && get_text(rest, 0, 4) == "TGR1" &&
                      get<std::uint64_t>(rest, 16) == previous + 1;
    told.end(part, end, torn ? previous + 1 : 0, steps.unreadable());
  }
}

void Inspector::walk(const LaneName& lane, Which which, const std::function<bool(const Seen&)>& tell) const {
  Told told;
  told.record = [&](Seen&& seen, std::uint64_t) { return tell(seen); };
  walk(look(lane), which, told);
}

std::pair<WallTime, ClockQuality> Inspector::accepted_at(const Record& record) const {
  if (record.clock == ClockQuality::unsynced) {
    if (const auto known = age_->boots().wall_at(record.age)) return {*known, age_->boots().quality_at(record.age)};
  }
  return {record.wall, record.clock};
}

Nanoseconds Inspector::since(const Record& record) const {
  return std::max(Nanoseconds{0}, age_->now() - record.age);
}

LaneSummary::End Inspector::end_of(const Record& record) const {
  const auto [wall, clock] = accepted_at(record);
  return {record.sequence, since(record), wall, clock};
}

/// Whether the cursor file holds nothing, as before anything has left the lane.
bool Inspector::cursor_is_blank(const View& view) const {
  const auto file = disk_->open(view.folder / "cursor", Disk::Open::read);
  std::vector<std::byte> bytes(64U << 10);
  bytes.resize(file ? file->read(0, bytes) : 0);
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

LaneSummary Inspector::summary(const LaneName& lane) const {
  const auto view = look(lane);
  LaneSummary summary;
  summary.name = lane;
  summary.epoch = view.epoch.epoch;
  summary.settled = summary.highest = view.settled.up_to();
  if (!view.settled.ranges().empty()) summary.highest = view.settled.ranges().rbegin()->second;
  summary.segments = view.parts.size();
  for (const auto& name : view.names) {
    if (!is_segment(name) && !name.starts_with(spare_prefix)) continue;
    if (const auto file = disk_->open(view.folder / name, Disk::Open::read)) summary.disk_bytes += file->size();
  }
  Record newest;
  Told told;
  told.record = [&](Seen&& seen, std::uint64_t) {
    ++summary.waiting;
    summary.waiting_bytes += seen.bytes;
    summary.highest = std::max(summary.highest, seen.record.sequence);
    if (!summary.oldest) summary.oldest = end_of(seen.record);
    newest = std::move(seen.record);
    return true;
  };
  walk(view, Which::waiting, told);
  if (summary.waiting != 0) summary.newest = end_of(newest);
  return summary;
}

std::deque<Fate> Inspector::fates(const LaneName& lane) const {
  Fates fates;
  fates.load(*disk_, folder_ / lane.upstream / lane.lane);
  return fates.all();
}

std::vector<Finding> Inspector::verify(const LaneName& lane) const {
  auto findings = read_through(lane);
  const auto harmless = [](const Finding& finding) { return !finding.damage; };
  if (!live() || std::ranges::all_of(findings, harmless)) return findings;
  // A gateway that makes a spare of a segment, and a segment of a spare, while it is read: damage stays where it is.
  const auto again = read_through(lane);
  std::erase_if(findings, [&](const Finding& one) {
    return one.damage && std::ranges::none_of(again, [&](const Finding& other) {
             return one.file == other.file && one.offset == other.offset && one.first == other.first;
           });
  });
  return findings;
}

std::vector<Finding> Inspector::read_through(const LaneName& lane) const {
  const auto view = look(lane);
  std::vector<Finding> findings;
  const auto find = [&](const std::string& name, const std::string& what, bool damage = true) -> Finding& {
    Finding finding;
    finding.file = lane.text() + '/' + name;
    finding.what = what;
    finding.damage = damage;
    return findings.emplace_back(std::move(finding));
  };
  if (!view.parts.empty() && !view.epoch.known)
    find("epoch", "no slot of it is sound; the next opening makes a new one");
  const bool blank = !view.cursor_known && cursor_is_blank(view);
  const bool begun = !view.parts.empty() && view.parts.front().header && view.parts.front().header->first > 1;
  if (!view.cursor_known && (!blank || begun)) {
    find("cursor", "no slot of it is sound; what has been delivered and is still on disk will be delivered again");
  }

  std::uint64_t expected = blank ? 1 : 0;  // 0: not known
  std::uint64_t in_part = 0;
  std::string doubtful;  // the last that could not be read
  // Where sequences are missing; whether anything is lost shows when all is read, and a live cursor has moved.
  const auto missing = [&](const std::string& name, std::uint64_t from, std::uint64_t until, std::uint64_t first,
                           std::uint64_t last) {
    auto& finding = find(name, "");
    finding.offset = from;
    finding.bytes = until - from;
    finding.first = first;
    finding.last = last;
  };
  if (view.cursor_known) expected = view.settled.up_to() + 1;
  Told told;
  told.part = [&](const Part& part) {
    in_part = 0;
    if (part.newer) {
      find(part.name, "was written by a newer version of tidegate, which can read it", false);
    } else if (!part.trouble.empty()) {
      find(part.name, part.trouble);
      doubtful = part.name;
    }
    if (part.newer || !part.header) {
      if (part.newer) expected = 0;
      return;
    }
    if (expected != 0 && part.header->first > expected) {
      missing(doubtful.empty() ? part.name : doubtful, 0, 0, expected, part.header->first - 1);
    }
    doubtful.clear();
    expected = part.header->first;
  };
  told.record = [&](Seen&& seen, std::uint64_t gap_from) {
    ++in_part;
    const auto sequence = seen.record.sequence;
    if (expected != 0 && sequence > expected) {
      missing(segment_name(seen.place.segment), gap_from, seen.place.offset, expected, sequence - 1);
    } else if (gap_from != seen.place.offset) {
      auto& finding = find(segment_name(seen.place.segment), "holds bytes here that are no record", false);
      finding.offset = gap_from;
      finding.bytes = seen.place.offset - gap_from;
    }
    expected = sequence + 1;
    return true;
  };
  told.end = [&](const Part& part, std::uint64_t from, std::uint64_t torn, std::size_t unreadable) {
    if (unreadable != 0) find(part.name, fmt::format("the disk cannot read {} of it", plural(unreadable, "page")));
    const bool being_made = part.number == view.parts.back().number && live();
    if (!part.header && in_part != 0) find(part.name, "its header is damaged").bytes = segment_header;
    if (!part.header && in_part == 0 && !being_made) find(part.name, "holds nothing that can be read");
    if (torn != 0) {
      auto& finding = find(part.name,
                           "ends in a record that is not whole: the power went while it was on its way to the disk, or "
                           "it was damaged since");
      finding.offset = from;
      finding.first = finding.last = torn;
    }
    if (part.all_its_own && expected != 0 && expected <= part.last) {
      missing(part.name, from, from, expected, part.last);
      expected = part.last + 1;
    }
  };
  walk(view, Which::all, told);

  const Cursor now(*disk_, view.folder);
  const auto& settled = now.known() || blank ? now.settled() : view.settled;
  std::erase_if(findings, [&](Finding& finding) {
    if (finding.first == 0) return false;
    const auto count = finding.last - finding.first + 1;
    finding.lost = count - settled.count(finding.first, finding.last);
    if (!finding.what.empty()) return finding.lost == 0;
    // Without a damaged stretch they are numbers that a power cut left unused, or segments that are done with.
    if (finding.lost == 0 && finding.bytes == 0) return true;
    finding.what = finding.lost == 0
                       ? fmt::format("is damaged; {} had left the lane", plural(count, "record"))
                       : fmt::format("{} that had not left the lane {} {}", plural(finding.lost, "record"),
                                     finding.lost == 1 ? "is" : "are", finding.bytes == 0 ? "missing" : "damaged");
    return false;
  });

  for (const auto& name : view.names) {
    if (name == quarantine_folder) {
      for (const auto& kept : disk_->list(view.folder / name)) {
        find(std::string(quarantine_folder) + '/' + kept,
             "was damaged, and put aside when all that could be read had been", false);
      }
    } else if (name != "epoch" && name != "cursor" && !name.starts_with("fates") && !is_segment(name) &&
               !name.starts_with(spare_prefix)) {
      find(name, "is no file of the spool; it is left alone", false);
    }
  }
  return findings;
}

std::vector<Finding> Inspector::verify() const {
  std::vector<Finding> findings;
  const auto find = [&](const std::string& name, const char* what, bool damage) {
    Finding finding;
    finding.file = name;
    finding.what = what;
    finding.damage = damage;
    findings.push_back(std::move(finding));
  };
  const auto contents = [&](const char* name, std::size_t most) {
    std::string text;
    if (const auto file = disk_->open(folder_ / name, Disk::Open::read)) {
      text.resize(most);
      text.resize(file->read(0, std::as_writable_bytes(std::span(text))));
    }
    return text;
  };
  const auto uuid = contents("identity", 37);
  if (uuid.size() < 36 ||
      !std::ranges::all_of(uuid.substr(0, 36), [](unsigned char c) { return std::isxdigit(c) != 0 || c == '-'; })) {
    find("identity", "is damaged; the gateway will give itself a new uuid", true);
  }
  const auto age = contents("age", 16U << 10);
  bool first = true;
  std::istringstream lines(age);
  for (std::string line; std::getline(lines, line); first = false) {
    const bool old = first && std::ranges::count(line, ' ') == 2;
    if (!old && !unchecked(line)) {
      find("age", "is damaged; ages begin at that of the newest record, and times may stay uncorrected", true);
      break;
    }
  }
  const auto lanes = this->lanes();
  for (const auto& name : disk_->list(folder_)) {
    if (name == "lock" || name == "identity" || name.starts_with("age")) continue;
    bool known = false;
    for (const auto& lane : disk_->list(folder_ / name)) {
      known = true;
      if (std::ranges::find(lanes, LaneName{name, lane}) != lanes.end()) continue;
      find(name + '/' + lane, "is no lane of the spool; it is left alone", false);
    }
    if (!known) find(name, "is no file of the spool; it is left alone", false);
  }
  return findings;
}

}  // namespace tidegate::spool
