// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/pulse_rate.hpp"

#include <algorithm>

namespace tidegate::plugins::gpio {

void PulseRate::pulse(Nanoseconds at, std::uint64_t lost) noexcept {
  if (!reference_) {
    reference_ = at;
  } else {
    count_ += 1 + lost;
  }
  last_ = at;
}

double PulseRate::take(Nanoseconds now) noexcept {
  using Seconds = std::chrono::duration<double>;
  if (!reference_) return 0;
  if (count_ > 0 && last_ > *reference_) {
    hertz_ = static_cast<double>(count_) / Seconds(last_ - *reference_).count();
    reference_ = last_;
    count_ = 0;
    return hertz_;
  }
  if (now - last_ >= stopped_) {
    hertz_ = 0;
    reference_.reset();
    count_ = 0;
  } else if (now > last_) {
    hertz_ = std::min(hertz_, 1.0 / Seconds(now - last_).count());
  }
  return hertz_;
}

}  // namespace tidegate::plugins::gpio
