// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace tidegate::automation {

/// How long to wait before something that ended is started again: first, then twice as long each time, up to most.
/// After a run of steady_after it begins again with first.
class Backoff final {
 public:
  static constexpr std::chrono::seconds steady_after{30};

  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most) noexcept
      : first_(first), most_(std::max(first, most)), next_(first) {}

  /// ran: how long it had run when it ended.
  [[nodiscard]] std::chrono::milliseconds next(std::chrono::nanoseconds ran) noexcept {
    if (ran >= steady_after) next_ = first_;
    const auto now = next_;
    next_ = now > most_ / 2 ? most_ : now * 2;
    return now;
  }

 private:
  std::chrono::milliseconds first_, most_, next_;
};

}  // namespace tidegate::automation
