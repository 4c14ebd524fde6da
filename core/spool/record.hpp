// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <tidegate/clock.hpp>
#include <tidegate/message.hpp>

namespace tidegate::spool {

/// No sequence, number or age is ever above; what claims to be is none of ours, whatever its checksum says.
inline constexpr std::uint64_t out_of_reach = 1ULL << 62;

/// One accepted message as the spool keeps it. (gateway, lane, epoch, sequence) never repeats.
struct Record {
  std::uint64_t sequence = 0;  ///< from 1, one more for each append to the lane, across restarts
  std::uint32_t epoch = 0;     ///< one more for each opening of the lane
  Nanoseconds age{};           ///< gateway age when accepted: CLOCK_BOOTTIME summed over boots
  WallTime wall{};             ///< wall clock when accepted
  ClockQuality clock = ClockQuality::unsynced;
  Message message;  ///< topic as it goes upstream; expiry is what was left when accepted

  bool operator==(const Record&) const = default;
};

}  // namespace tidegate::spool
