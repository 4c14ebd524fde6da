// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <tidegate/clock.hpp>

namespace tidegate::plugins::calculate {

enum class Function { mean, min, max, sum, count };

/// The numbers that a calculated reading is made of, none older than a time: the last of each topic, or all. Bounded:
/// when it is full, the oldest makes room.
class Window final {
 public:
  static constexpr std::size_t most_topics = 10'000;
  static constexpr std::size_t most_values = 100'000;

  /// latest: only the last number of each topic counts.
  Window(Nanoseconds length, bool latest) : length_(length), latest_(latest) {}

  /// now never goes back.
  void add(const std::string& topic, double value, Nanoseconds now);
  /// Nothing when there is no number in the window; a count is 0 then.
  [[nodiscard]] std::optional<double> calculate(Function function, Nanoseconds now);
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
  /// Whether the oldest had to make room less than a window ago.
  [[nodiscard]] bool overflowed(Nanoseconds now) const noexcept { return overflowed_ && now - *overflowed_ < length_; }
  void clear() noexcept;

 private:
  struct Entry {
    std::string topic;  // empty unless latest
    double value;
    Nanoseconds at;
  };

  void drop_oldest();

  const Nanoseconds length_;
  const bool latest_;
  std::list<Entry> values_;  // the oldest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> of_topic_;
  std::optional<Nanoseconds> overflowed_;
};

}  // namespace tidegate::plugins::calculate
