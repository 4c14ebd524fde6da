// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/lane_on_disk.hpp"

using namespace tidegate;

/// One byte of flags, one that says where the second segment begins, and the bytes of one or two segment files.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  enum : unsigned { repaired = 1, without_epoch = 2, with_cursor = 4, two = 8, far_apart = 16 };
  if (size < 2) return 0;
  const unsigned flags = data[0];
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto split = (flags & two) != 0 ? bytes.size() * data[1] / 256 : bytes.size();
  std::array<std::string, 2> segments{bytes.substr(0, split), bytes.substr(split)};
  if ((flags & repaired) != 0) {
    for (auto& segment : segments) fuzz::repair(segment);
  }
  fuzz::LaneOnDisk lane;
  if ((flags & without_epoch) == 0) lane.put_epoch();
  if ((flags & with_cursor) != 0) {
    std::string slot(52, '\0');
    slot[16] = 1;
    slot[24] = 2;  // records 1 and 2 are settled
    fuzz::repair_slot(slot);
    lane.put("cursor", slot);
  }
  lane.put("0000000000000001.seg", segments[0]);
  if ((flags & two) != 0) {
    lane.put((flags & far_apart) != 0 ? "0000000100000000.seg" : "0000000000000002.seg", segments[1]);
  }
  lane.check(segments);
  return 0;
}
