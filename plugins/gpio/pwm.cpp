// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/pwm.hpp"

namespace tidegate::plugins::gpio {

Pwm::Pwm(Context& context, const Block& block, const ChannelOptions& fallback)
    : Dimmed(context, block, fallback, {{"line"}, 1000, 100}), initial_(block.number("initial", 0, 0, 100)) {
  listen(block, [this](const std::string& payload) { set(payload); });
  block.finish();
}

void Pwm::take_level(const Dimmed& other) {
  percent_ = dynamic_cast<const Pwm&>(other).percent_;
}

void Pwm::open() {
  if (!has_inherited()) percent_ = initial_ > 0 ? initial_ : 100;
  Dimmed::open();
}

void Pwm::set(const std::string& payload) {
  // "1" is one per cent here, not ON.
  if (payload.find_first_not_of("0123456789.") != payload.npos && obey_switch(payload)) return;
  const double percent = parse_number(payload, 0, 100, "%, or ON, OFF or TOGGLE");
  if (percent > 0) percent_ = percent;
  turn(percent > 0);
}

void Pwm::show(bool on) {
  const double percent = on ? percent_ : 0;
  dimmer().set_share(percent / 100);
  if (state_) put(*state_, percent, "%");
}

}  // namespace tidegate::plugins::gpio
