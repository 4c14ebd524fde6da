// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace tidegate::event {

/// Holds back lines that are said over and over: of the same line a few pass in a while. Thread: one at a time.
class Repeats final {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int most = 5;                     ///< pass
  static constexpr std::chrono::seconds within{30};  ///< from the first of them on; then the next few
  static constexpr std::size_t known = 64;           ///< lines that are told apart; of more, the oldest is forgotten

  /// Nothing: the line is held back. Else it passes, after so many that were held back.
  [[nodiscard]] std::optional<std::uint64_t> pass(std::string_view line, Time now);

 private:
  struct Entry {
    Time began;
    int passed = 0;
    std::uint64_t held = 0;
  };
  std::map<std::size_t, Entry> entries_;  ///< by hash of the line
};

}  // namespace tidegate::event
