// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "plugins/gpio/dimmed.hpp"

namespace tidegate::plugins::gpio {

/// One [[gpio.servo]]: an angle, held by pulses of a length; off, there are none and it can be moved by hand. Thread:
/// loop.
class Servo final : public Dimmed {
 public:
  Servo(Context& context, const Block& block, const ChannelOptions& fallback);

 private:
  void show(bool on) override;
  void take_level(const Dimmed& other) override;
  [[nodiscard]] bool on_at_start() const noexcept override { return initial_.has_value(); }
  void open() override;
  void set(const std::string& payload);

  const Nanoseconds min_pulse_, max_pulse_;
  const double min_angle_, max_angle_;  ///< degrees
  std::optional<double> initial_;
  double angle_ = 0;
};

}  // namespace tidegate::plugins::gpio
