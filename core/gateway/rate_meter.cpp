// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/rate_meter.hpp"

#include <cmath>

namespace tidegate::gateway {

void RateMeter::sample(std::uint64_t count, Time now) noexcept {
  const double passed = std::chrono::duration<double>(now - last_).count();
  if (begun_ && passed <= 0) return;
  if (begun_) {
    const auto grown = count >= last_count_ ? count - last_count_ : count;
    constexpr double memory = 30;  // seconds
    rate_ += (1 - std::exp(-passed / memory)) * (static_cast<double>(grown) / passed - rate_);
  }
  begun_ = true;
  last_count_ = count;
  last_ = now;
}

}  // namespace tidegate::gateway
