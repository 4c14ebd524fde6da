// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/rgb.hpp"

#include <fmt/format.h>

namespace tidegate::plugins::gpio {

Rgb::Rgb(Context& context, const Block& block, const ChannelOptions& fallback)
    : Dimmed(context, block, fallback, {{"red", "green", "blue"}, 1000, 100}) {
  const auto initial = block.text("initial", "off");
  if (upper(initial) != "OFF") {
    if (const auto colour = parse_colour(initial)) {
      initial_ = *colour;
    } else {
      block.complain(
          "initial",
          fmt::format("\"{}\" is no colour; write \"off\", a name of CSS like \"green\", \"#rrggbb\" or \"r,g,b\"",
                      initial));
    }
  }
  brightness_ = block.number("brightness", 100, 0, 100);
  listen(block, [this](const std::string& payload) { set(payload); });
  block.finish();
  if (name().empty()) return;
  commands_.on("brightness/set", [this](const std::string& payload) {
    brightness_ = parse_number(payload, 0, 100, "%");
    turn(on());
  });
}

void Rgb::take_level(const Dimmed& other) {
  const auto& former = dynamic_cast<const Rgb&>(other);
  colour_ = former.colour_;
  brightness_ = former.brightness_;
}

void Rgb::open() {
  if (on_at_start() && !has_inherited()) colour_ = initial_;
  brightness_channel_ = channel("brightness", true);
  Dimmed::open();
}

void Rgb::close() noexcept {
  Dimmed::close();
  brightness_channel_.reset();
}

void Rgb::set(const std::string& payload) {
  if (obey_switch(payload)) return;
  const auto colour = parse_colour(payload);
  if (!colour) throw Refused("it has to be a colour name of CSS, #rrggbb, r,g,b (0 to 255 each), ON, OFF or TOGGLE");
  if (*colour != Colour{}) colour_ = *colour;
  turn(*colour != Colour{});
}

void Rgb::show(bool on) {
  const Colour shown = on ? colour_ : Colour{};
  const double share = brightness_ / 100 / 255;
  dimmer(0).set_share(shown.red * share);
  dimmer(1).set_share(shown.green * share);
  dimmer(2).set_share(shown.blue * share);
  if (state_) put(*state_, on ? to_string(colour_) : std::string("OFF"));
  if (brightness_channel_) put(*brightness_channel_, brightness_, "%");
}

}  // namespace tidegate::plugins::gpio
