// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/lane_name.hpp"

#include <algorithm>

#include "spool/segment.hpp"

namespace tidegate::spool {

std::vector<LaneName> lanes_in(const Disk& disk, const std::filesystem::path& folder) {
  std::vector<LaneName> lanes;
  for (const auto& upstream : disk.list(folder)) {
    for (const auto& lane : disk.list(folder / upstream)) {
      const auto names = disk.list(folder / upstream / lane);
      const bool is_lane = std::ranges::any_of(names, [](const std::string& name) {
        return name == "epoch" || name == "cursor" || segment_number(name).has_value();
      });
      if (is_lane) lanes.push_back({upstream, lane});
    }
  }
  return lanes;
}

}  // namespace tidegate::spool
