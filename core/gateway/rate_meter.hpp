// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace tidegate::gateway {

/// How fast a counter grows, averaged over about half a minute. Not thread-safe.
class RateMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// What the counter shows now. One that fell began anew and counts from nothing.
  void sample(std::uint64_t count, Time now) noexcept;
  [[nodiscard]] double per_second() const noexcept { return rate_; }

 private:
  bool begun_ = false;
  std::uint64_t last_count_ = 0;
  Time last_{};
  double rate_ = 0;
};

}  // namespace tidegate::gateway
