// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <tidegate/gpio_dimmer.hpp>

namespace tidegate::plugins::gpio {

/// A PWM output of the hardware, through the kernel's /sys/class/pwm.
class SysfsPwm final : public tidegate::gpio::Dimmer {
 public:
  /// name: "fe20c000.pwm:0", the device of the chip and the channel; "pwmchip0:0" is taken where there is one chip
  /// only, for its number changes between boots. Exports the channel, sets it to inactive, enables it. Throws
  /// UnavailableError when there is no such channel, with those that there are, and SystemError when the kernel refuses
  /// (EBUSY: something else has exported it). root has sys in it.
  SysfsPwm(const std::string& name, Nanoseconds period, bool active_low, const std::filesystem::path& root = "/");
  ~SysfsPwm() override;
  SysfsPwm(const SysfsPwm&) = delete;
  SysfsPwm& operator=(const SysfsPwm&) = delete;

  void set(Nanoseconds active) override;
  [[nodiscard]] Nanoseconds period() const noexcept override { return period_; }
  void check() override;

  /// Throws ConfigError unless it is "<chip>:<channel>".
  static void check_name(const std::string& name);

 private:
  void write(const std::filesystem::path& file, const std::string& text) const;

  std::filesystem::path chip_, channel_;
  std::string number_;
  Nanoseconds period_;
};

}  // namespace tidegate::plugins::gpio
