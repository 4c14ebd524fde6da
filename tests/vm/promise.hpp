// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace tidegate::vm {

/// What a lane said before the power went away, as one line of text that leaves the guest before it counts:
/// "state EPOCH FIRST ACCEPTED DURABLE ACKING SETTLED held A,B,… gone A-B,C-D,…". Sequences all of them but the epoch.
struct Promise {
  std::uint32_t epoch = 0;     ///< of this life
  std::uint64_t first = 1;     ///< this life appends from here on; all below is of lower epochs
  std::uint64_t accepted = 0;  ///< at least
  std::uint64_t durable = 0;
  std::uint64_t acking = 0;   ///< up to here records may have been acknowledged, but for those held
  std::uint64_t settled = 0;  ///< up to here all is acknowledged, and the cursor that says so is on the medium
  std::set<std::uint64_t> held;
  std::map<std::uint64_t, std::uint64_t>
      gone;  ///< first and last of ranges that an earlier cut took before they were durable

  /// Whether the record must be there after a power cut.
  [[nodiscard]] bool keeps(std::uint64_t sequence) const;
  [[nodiscard]] std::string line() const;
  /// Throws PayloadError when the line is none.
  [[nodiscard]] static Promise parse(const std::string& line);

  bool operator==(const Promise&) const = default;
};

}  // namespace tidegate::vm
