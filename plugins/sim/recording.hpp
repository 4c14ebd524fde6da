// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include <tidegate/clock.hpp>

namespace tidegate::plugins::sim {

/// Values of a sensor with their times, as a CSV file has them.
struct Recording {
  struct Row {
    Nanoseconds at;  ///< since the start of the recording; never before the row above
    double value;
  };
  std::vector<Row> rows;  ///< at least one
  Nanoseconds length{};   ///< when it may begin again: one interval after the last row

  static constexpr std::size_t most_rows = 1'000'000;
};

/// Reads a file of lines "value" (one each interval) or "time,value", the time in seconds since the start or as
/// 2026-11-20T18:38:58Z, of which the first is the start. A first line of words, empty lines and lines that begin with
/// '#' are passed over. Throws ConfigError, whose text names the line and the mend, or SystemError when it cannot be
/// read.
[[nodiscard]] Recording read_recording(const std::filesystem::path& file, Nanoseconds interval);

}  // namespace tidegate::plugins::sim
