// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/lane_on_disk.hpp"
#include "spool/codec.hpp"
#include "spool/cursor.hpp"
#include "spool/segment.hpp"

using namespace tidegate;

namespace {

/// A sound segment with records 1 to 6.
std::string segment() {
  std::string bytes;
  const auto append = [&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  };
  append(encode(spool::SegmentHeader{1, 1, 1, fuzz::LaneOnDisk::salt}));
  std::vector<std::byte> buffer;
  for (std::uint64_t sequence = 1; sequence <= 6; ++sequence) {
    spool::Record record;
    record.sequence = sequence;
    record.epoch = 1;
    record.message.topic = "a";
    record.message.payload = std::to_string(sequence);
    encode(record, fuzz::LaneOnDisk::salt, buffer);
    append(buffer);
  }
  return bytes;
}

/// What the reader made of a cursor file makes sense, and is what it reads back after writing it.
void check_alone(const std::string& file) {
  test::SimulatedDisk disk;
  disk.replace("/state/cursor", file);
  spool::Cursor cursor(disk, "/state");
  const auto settled = cursor.settled();
  if (!cursor.known() && (settled.up_to() != 0 || !settled.ranges().empty())) fuzz::fail("settled by no cursor");
  std::uint64_t before = settled.up_to();
  std::uint64_t beyond = 0;
  for (const auto& [first, last] : settled.ranges()) {
    if (first <= before + 1 || last < first) fuzz::fail("ranges that overlap, touch or go back");
    beyond += last - first + 1;
    before = last;
  }
  if (beyond != settled.beyond()) fuzz::fail("the count of what is settled beyond is wrong");
  for (int time = 0; time < 3; ++time) {
    cursor.write(settled, {7, 77});
    cursor.freeze();
    cursor.sync();
  }
  const spool::Cursor again(disk, "/state");
  if (!again.known() || again.settled().up_to() != settled.up_to() || again.settled().ranges() != settled.ranges() ||
      again.place().segment != 7 || again.place().offset != 77) {
    fuzz::fail("a cursor that was written is read as another");
  }
}

}  // namespace

/// One byte of flags, and the bytes of three slots of a cursor file, a third each. They are put where slots begin.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  enum : unsigned { repaired = 1, unaligned = 8 };
  constexpr std::size_t slot_size = 16U << 10;
  if (size < 1) return 0;
  const unsigned flags = data[0];
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string file = bytes;
  if ((flags & unaligned) == 0) {
    file.clear();
    const auto third = std::min(slot_size, bytes.size() / 3);
    for (unsigned slot = 0; slot < 3; ++slot) {
      auto part = bytes.substr(slot * third, third);
      if ((flags & (repaired << slot)) != 0) fuzz::repair_slot(part);
      if (slot < 2) part.resize(slot_size);
      file += part;
    }
  }
  check_alone(file);

  fuzz::LaneOnDisk lane;
  lane.put_epoch();
  const std::array<std::string, 1> segments{segment()};
  lane.put("0000000000000001.seg", segments[0]);
  lane.put("cursor", file);
  lane.check(segments);
  return 0;
}
