// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plugins/gpio/colour.hpp"
#include "plugins/gpio/dimmed.hpp"

namespace tidegate::plugins::gpio {

/// One [[gpio.rgb]]: an LED of three colours that takes a colour and a brightness as one output. Thread: loop.
class Rgb final : public Dimmed {
 public:
  Rgb(Context& context, const Block& block, const ChannelOptions& fallback);

 private:
  void show(bool on) override;
  void take_level(const Dimmed& other) override;
  [[nodiscard]] bool on_at_start() const noexcept override { return initial_ != Colour{}; }
  void open() override;
  void close() noexcept override;
  void set(const std::string& payload);

  Colour initial_;
  Colour colour_{255, 255, 255};  ///< while it is on
  double brightness_ = 100;       ///< %
  std::unique_ptr<Channel> brightness_channel_;
};

}  // namespace tidegate::plugins::gpio
