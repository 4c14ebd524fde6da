// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::config {

/// Reads a number with a unit, "1.5s" or "64 KiB". Throw ConfigError, whose text names the units, when it is none.
/// Units of time: ns us ms s m h d w. Units of size: B, kB MB GB TB (thousands), KiB MiB GiB TiB (1024s).
/// usual is the unit to propose when there is none.
[[nodiscard]] std::chrono::nanoseconds parse_duration(std::string_view text, std::string_view usual = "s");
[[nodiscard]] std::uint64_t parse_size(std::string_view text, std::string_view usual = "MiB");

/// So many messages or bytes a second; 0: no limit.
struct Rate {
  double messages = 0;
  double bytes = 0;
  bool operator==(const Rate&) const = default;
};
/// Reads "20/s", "1/15s", "64KiB/s", "5MB/d": a number of messages or a size, in a time. Throws ConfigError.
[[nodiscard]] Rate parse_rate(std::string_view text);

/// The largest unit that the quantity is a whole number of: "31d", "512MiB". Reads back as the same value.
[[nodiscard]] std::string show_duration(std::chrono::nanoseconds duration);
[[nodiscard]] std::string show_size(std::uint64_t bytes);

/// The unit that people would have meant beside a default: "s" beside "10s".
[[nodiscard]] std::string_view unit_of(std::string_view quantity);

}  // namespace tidegate::config
