// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/clock.hpp>

namespace tidegate::automation {

/// What a script writes, as lines: safe to show, of bounded length, so many of them, and the last ones kept.
/// Lines that come too fast are left out and counted. Thread: one at a time.
class Output final {
 public:
  static constexpr std::size_t longest_line = 4096;  ///< bytes; the rest of a longer one is left out
  static constexpr std::size_t most_lines = 1000;    ///< kept, …
  static constexpr std::size_t most_bytes = 256U << 10;
  static constexpr double burst = 500;  ///< lines at once, …
  static constexpr double pace = 100;   ///< and so many a second

  struct Line {
    std::uint64_t number;  ///< from 1
    WallTime time;
    std::string text;
  };

  /// show is called with each of its lines that is not left out, while add() or end() runs.
  Output(const Clock& clock, std::function<void(const std::string&)> show);

  void add(std::string_view bytes);
  /// The script has ended: what it wrote without a line end is a line.
  void end();
  /// Something to be kept between its lines; it is not shown.
  void note(std::string_view text);

  /// Lines after that number, oldest first, but the last `most` at most.
  [[nodiscard]] std::vector<Line> tail(std::uint64_t after, std::size_t most) const;

 private:
  void finish_line();
  void refill();
  void tell_left_out();
  void show(std::string text);
  void keep(std::string text);

  const Clock& clock_;
  const std::function<void(const std::string&)> show_;
  std::string open_;  ///< the line that has no end yet
  bool too_long_ = false;
  double allowance_ = burst;
  Nanoseconds filled_;
  std::uint64_t left_out_ = 0;
  std::deque<Line> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace tidegate::automation
