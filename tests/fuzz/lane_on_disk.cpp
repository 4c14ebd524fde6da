// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "fuzz/lane_on_disk.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <tidegate/log.hpp>

namespace tidegate::fuzz {
namespace {

constexpr std::string_view record_mark = "TGR1";
constexpr std::size_t record_header = 60;
constexpr std::size_t segment_header = 64;
constexpr std::size_t cursor_header = 52;

/// What nobody reaches by counting is refused by the spool from some number on, and one more than the last that it
/// takes is refused: inputs that sit there are of no interest.
bool on_the_edge(std::uint64_t number) {
  return number > 1ULL << 61 && number <= 1ULL << 63;
}

/// The bytes of the sound record that may stand here.
std::optional<std::string_view> record_at(std::string_view segment, std::size_t at) {
  const auto rest = segment.substr(at);
  if (rest.size() < record_header || !rest.starts_with(record_mark)) return {};
  const auto length = number_at<std::uint32_t>(rest, 4);
  if (length < record_header || length > rest.size()) return {};
  const auto record = rest.substr(0, length);
  if (crc32c(record.substr(12), LaneOnDisk::salt) != number_at<std::uint32_t>(record, 8)) return {};
  return record;
}

/// Every sound record in the segments, by sequence, wherever it stands.
std::multimap<std::uint64_t, std::string_view> sound_records(std::span<const std::string> segments) {
  std::multimap<std::uint64_t, std::string_view> found;
  for (const auto& segment : segments) {
    for (auto at = segment.find(record_mark); at != segment.npos; at = segment.find(record_mark, at + 1)) {
      if (const auto record = record_at(segment, at)) found.emplace(number_at<std::uint64_t>(*record, 16), *record);
    }
  }
  return found;
}

bool is(const spool::Record& read, std::string_view written) {
  const auto topic = number_at<std::uint32_t>(written, 48);
  const auto payload = number_at<std::uint32_t>(written, 56);
  return read.epoch == number_at<std::uint32_t>(written, 12) &&
         read.age.count() == static_cast<std::int64_t>(number_at<std::uint64_t>(written, 24)) &&
         read.wall.time_since_epoch().count() == static_cast<std::int64_t>(number_at<std::uint64_t>(written, 32)) &&
         read.message.topic == written.substr(record_header, topic) && payload <= written.size() &&
         read.message.payload == written.substr(written.size() - payload);
}

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "fuzz: %s\n", what.c_str());
  std::abort();
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t start) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t index = 0; index < made.size(); ++index) {
      made[index] = index;
      for (int bit = 0; bit < 8; ++bit) made[index] = made[index] >> 1 ^ ((made[index] & 1) != 0 ? 0x82F63B78U : 0);
    }
    return made;
  }();
  for (const char byte : bytes) start = start >> 8 ^ table[(start ^ static_cast<unsigned char>(byte)) & 0xFF];
  return start;
}

void put_number(std::string& bytes, std::size_t offset, std::uint32_t value) {
  for (std::size_t index = 0; index < sizeof value; ++index) {
    bytes[offset + index] = static_cast<char>(value >> (8 * index));
  }
}

LaneOnDisk::LaneOnDisk() {
  log::set_level(static_cast<log::Level>(0));  // a line for every damage would be all that the fuzzer does
  options_.sync_interval = std::chrono::hours{1};
  options_.sync_bytes = 1ULL << 40;
  options_.segment_size = 4096;
  std::string path;
  for (const char* part : {"/state/spool", "/state/spool/cloud", folder}) disk_.make_folder(part);
  disk_.replace("/state/spool/identity", "6f1c1f5e-3c1b-4c7e-9b53-0d1f2a3b4c5d\n");
}

void LaneOnDisk::put_epoch() {
  std::string slot = "TGEPOCH1";
  slot.resize(20);
  put_number(slot, 12, 1);
  put_number(slot, 16, salt);
  put_number(slot, 8, crc32c(std::string_view(slot).substr(12), 0));
  put("epoch", std::string(512, '\0') + slot);
}

void LaneOnDisk::open() {
  spool_ = std::make_unique<spool::Spool>("/state/spool", disk_, clock_, "boot");
  lane_ = &spool_->lane("cloud", "default", options_);
}

void LaneOnDisk::close() {
  lane_ = nullptr;
  spool_.reset();
}

std::vector<std::uint64_t> LaneOnDisk::read_all(const std::multimap<std::uint64_t, std::string_view>& sound) {
  std::vector<std::uint64_t> sequences;
  for (;;) {
    const auto some = lane_->read(3, 1U << 20);
    if (some.empty()) return sequences;
    for (const auto& record : some) {
      if (!sequences.empty() && record.sequence <= sequences.back()) fail("the reader went back");
      sequences.push_back(record.sequence);
      const auto [from, to] = sound.equal_range(record.sequence);
      if (std::none_of(from, to, [&](const auto& entry) { return is(record, entry.second); })) {
        fail("a record was read that is not on the disk, or not sound");
      }
    }
  }
}

void LaneOnDisk::check(std::span<const std::string> segments) {
  const auto sound = sound_records(segments);
  open();
  auto sequences = read_all(sound);
  lane_->rewind();
  if (read_all(sound) != sequences) fail("the second reader found something else");

  Message message;
  message.topic = "a/b";
  message.payload = "new";
  const auto appended = lane_->append(message);
  if (!appended) fail("nothing can be appended");
  if (!sequences.empty() && *appended <= sequences.back()) fail("a sequence was used again");
  const auto after = lane_->read(10, 1U << 20);
  if (after.size() != 1 || after[0].sequence != *appended || after[0].message != message) {
    fail("what was appended is not what is read");
  }
  close();

  open();
  const auto again = lane_->read(10'000, 1U << 24);
  if (again.size() != sequences.size() + 1 || again.back().sequence != *appended || again.back().message != message) {
    fail("what was waiting is not there after a restart");
  }
  for (std::size_t index = 0; index < sequences.size(); ++index) {
    if (again[index].sequence != sequences[index]) fail("other records are waiting after a restart");
  }
  sequences.push_back(*appended);
  lane_->acknowledge(sequences);
  if (!lane_->read(1, 1).empty()) fail("there is more than all");
  close();

  open();
  if (!lane_->read(1, 1U << 20).empty()) fail("what was delivered came back");
  const auto next = lane_->append(message);
  if (!next || *next <= *appended) fail("a sequence was used again after a restart");
  close();
}

void repair(std::string& segment) {
  if (segment.size() >= segment_header && segment.starts_with("TGSEGMT") &&
      !on_the_edge(number_at<std::uint64_t>(segment, 24))) {
    put_number(segment, 8, crc32c(std::string_view(segment).substr(12, segment_header - 12), 0));
  }
  // From behind: a record may lie in another's payload.
  for (auto at = segment.rfind(record_mark); at != segment.npos && at != 0; at = segment.rfind(record_mark, at - 1)) {
    if (segment.size() - at < record_header) continue;
    const auto length = number_at<std::uint32_t>(segment, at + 4);
    if (length < record_header || length > segment.size() - at) continue;
    if (on_the_edge(number_at<std::uint64_t>(segment, at + 16)) ||
        on_the_edge(number_at<std::uint64_t>(segment, at + 24))) {
      continue;
    }
    put_number(segment, at + 8, crc32c(std::string_view(segment).substr(at + 12, length - 12), LaneOnDisk::salt));
  }
}

void repair_slot(std::string& slot) {
  if (slot.size() < cursor_header) return;
  slot.replace(0, 8, "TGCURSR1");
  const auto room = static_cast<std::uint32_t>((slot.size() - cursor_header) / 16);
  const auto count = std::min(number_at<std::uint32_t>(slot, 48), room);
  const std::size_t length = cursor_header + std::size_t{count} * 16;
  bool edge = on_the_edge(number_at<std::uint64_t>(slot, 16)) || on_the_edge(number_at<std::uint64_t>(slot, 24));
  for (std::size_t at = cursor_header; at < length; at += 8) edge |= on_the_edge(number_at<std::uint64_t>(slot, at));
  if (edge) return;
  put_number(slot, 48, count);
  put_number(slot, 12, static_cast<std::uint32_t>(length));
  put_number(slot, 8, crc32c(std::string_view(slot).substr(12, length - 12), 0));
}

}  // namespace tidegate::fuzz
