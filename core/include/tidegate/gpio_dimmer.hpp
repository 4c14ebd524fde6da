// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tidegate/clock.hpp>

namespace tidegate::gpio {

/// Something that is driven by pulses: a PWM output of the hardware, or a line in software. Off, and let go of, when
/// destroyed. Thread: one at a time.
class Dimmer {
 public:
  virtual ~Dimmer() = default;
  /// Active for so long of every period; 0: never, the period: always. Throws SystemError.
  virtual void set(Nanoseconds active) = 0;
  [[nodiscard]] virtual Nanoseconds period() const noexcept = 0;
  /// Throws SystemError when it does not work any more.
  virtual void check() {}

  /// The same as a share of the period, 0 to 1.
  void set_share(double share) {
    set(Nanoseconds(static_cast<Nanoseconds::rep>(share * static_cast<double>(period().count()))));
  }
};

}  // namespace tidegate::gpio
