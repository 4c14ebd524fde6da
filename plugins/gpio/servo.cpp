// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/servo.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::plugins::gpio {

using namespace std::chrono_literals;

Servo::Servo(Context& context, const Block& block, const ChannelOptions& fallback)
    : Dimmed(context, block, fallback, {{"line"}, 50, 50}),
      min_pulse_(block.duration("min_pulse", 1ms, 100us, 10ms)),
      max_pulse_(block.duration("max_pulse", 2ms, 100us, 10ms)),
      min_angle_(block.number("min_angle", -90, -3600, 3600)),
      max_angle_(block.number("max_angle", 90, -3600, 3600)) {
  if (min_pulse_ >= max_pulse_)
    block.complain("max_pulse",
                   "has to be longer than min_pulse; the one belongs to max_angle, the other to min_angle");
  if (min_angle_ >= max_angle_)
    block.complain("max_angle",
                   "has to be more than min_angle; to turn the other way round, change the sign of what is set");
  if (block.has("initial")) initial_ = block.number("initial", 0, min_angle_, max_angle_);
  listen(block, [this](const std::string& payload) { set(payload); });
  block.finish();
}

void Servo::take_level(const Dimmed& other) {
  angle_ = std::clamp(dynamic_cast<const Servo&>(other).angle_, min_angle_, max_angle_);
}

void Servo::open() {
  if (!has_inherited()) angle_ = initial_.value_or((min_angle_ + max_angle_) / 2);
  Dimmed::open();
}

void Servo::set(const std::string& payload) {
  if (payload.find_first_not_of("+-0123456789.") != payload.npos && obey_switch(payload)) return;
  angle_ = parse_number(payload, min_angle_, max_angle_, "degrees, or ON, OFF or TOGGLE");
  turn(true);
}

void Servo::show(bool on) {
  const double share = (angle_ - min_angle_) / (max_angle_ - min_angle_);
  const auto more =
      Nanoseconds(static_cast<Nanoseconds::rep>(share * static_cast<double>((max_pulse_ - min_pulse_).count())));
  dimmer().set(on ? min_pulse_ + more : 0ns);
  if (!state_) return;
  if (on) {
    put(*state_, angle_, "°");
  } else {
    put(*state_, std::string("OFF"));
  }
}

}  // namespace tidegate::plugins::gpio
