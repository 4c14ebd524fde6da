// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/gpio/target.hpp"

#include <csignal>

#include <fmt/format.h>

#include <tidegate/error.hpp>

#include "gateway/cli/command.hpp"

namespace tidegate::cli {
namespace {

constexpr const char* gateway_consumer = "tidegate";

volatile std::sig_atomic_t interrupts = 0;

gpio::Bias read_bias(std::string_view text) {
  if (text == "pull-up") return gpio::Bias::pull_up;
  if (text == "pull-down") return gpio::Bias::pull_down;
  if (text == "disabled") return gpio::Bias::disabled;
  return gpio::Bias::as_is;
}

}  // namespace

Target find_target(const std::string& word, const OurLines& ours, const gpio::Chips& chips) {
  Target target;
  target.word = word;
  target.ours = ours.named(word);
  if (target.ours != nullptr && target.ours->line.starts_with("pwm:")) {  // no line of a chip
    target.gateway_has_it = true;
    return target;
  }
  try {
    target.line = gpio::find_line(target.ours == nullptr ? word : target.ours->line, chips);
  } catch (const ConfigError& error) {
    throw Quit(target.ours == nullptr ? Exit::usage : Exit::config, error.what());
  } catch (const UnavailableError& error) {
    if (chips.refused.empty()) throw;
    // Whoever may not open a chip may still ask the gateway.
    if (target.ours == nullptr) throw Quit(Exit::permission, error.what());
    target.gateway_has_it = true;
    return target;
  }
  if (target.ours == nullptr) target.ours = ours.of(*target.line, chips);
  target.gateway_has_it = target.ours != nullptr && target.line->used && target.line->consumer == gateway_consumer;
  return target;
}

void LineSettings::add_options(CLI::App& command) {
  command.add_option("--bias", bias, "Resistor of the line: as-is, disabled, pull-up or pull-down")
      ->check(CLI::IsMember({"as-is", "disabled", "pull-up", "pull-down"}));
  command.add_flag("--active-low", active_low, "A low level counts as ON");
}

gpio::LineOptions LineSettings::of(const Target& target) const {
  gpio::LineOptions options;
  options.consumer = gpio_consumer;
  options.active_low = active_low || (target.ours != nullptr && target.ours->active_low);
  options.bias = read_bias(!bias.empty() || target.ours == nullptr ? bias : target.ours->bias);
  return options;
}

void catch_interrupts() {
  struct sigaction interrupt{};
  interrupt.sa_handler = [](int) { interrupts = 1; };
  interrupt.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &interrupt, nullptr);
}

bool interrupted() noexcept {
  return interrupts != 0;
}

}  // namespace tidegate::cli
