// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plugins/gpio/dimmed.hpp"

namespace tidegate::plugins::gpio {

/// One [[gpio.pwm]]: a share of the full power, 0 to 100 %. Thread: loop.
class Pwm final : public Dimmed {
 public:
  Pwm(Context& context, const Block& block, const ChannelOptions& fallback);

 private:
  void show(bool on) override;
  void take_level(const Dimmed& other) override;
  [[nodiscard]] bool on_at_start() const noexcept override { return initial_ > 0; }
  void open() override;
  void set(const std::string& payload);

  const double initial_;
  double percent_ = 100;  ///< while it is on
};

}  // namespace tidegate::plugins::gpio
