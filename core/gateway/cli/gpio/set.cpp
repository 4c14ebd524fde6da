// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <tidegate/error.hpp>

#include "config/quantity.hpp"
#include "gateway/cli/gpio/commands.hpp"
#include "gateway/cli/gpio/states.hpp"
#include "gateway/cli/gpio/target.hpp"

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto patience = 5s;  ///< for the state that a command leads to

struct Arguments {
  OurLines ours;
  LineSettings settings;
  std::vector<std::string> values;
  std::optional<std::string> hold;
};

struct Setting {
  Target target;
  std::string value;
};

/// Nothing for what is neither.
std::optional<bool> read_switch(const std::string& text) {
  for (const char* on : {"ON", "1", "true"}) {
    if (CLI::detail::to_lower(text) == CLI::detail::to_lower(on)) return true;
  }
  for (const char* off : {"OFF", "0", "false"}) {
    if (CLI::detail::to_lower(text) == CLI::detail::to_lower(off)) return false;
  }
  return std::nullopt;
}

Setting read_setting(const std::string& text, const OurLines& ours, const gpio::Chips& chips) {
  const auto equals = text.rfind('=');
  if (equals == text.npos || equals == 0 || equals + 1 == text.size()) {
    throw Quit(Exit::usage, fmt::format("\"{}\" is not LINE=VALUE, as GPIO17=ON", text));
  }
  Setting setting{find_target(text.substr(0, equals), ours, chips), text.substr(equals + 1)};
  const Target& target = setting.target;
  if (target.gateway_has_it) {
    if (target.ours->kind == "input") {
      throw Quit(Exit::usage, fmt::format("{} is an input of the running gateway, which cannot be set", target.word));
    }
    return setting;
  }
  if (!read_switch(setting.value)) {
    throw Quit(Exit::usage, fmt::format("{} is held by no running gateway, so it can be ON or OFF (1, 0, true, false), "
                                        "and not \"{}\"",
                                        target.word, setting.value));
  }
  return setting;
}

void tell_gateway(States& states, const Setting& setting) {
  const OurLine& our = *setting.target.ours;
  std::optional<std::string> wanted;
  if (our.kind == "output") {
    if (const auto on = read_switch(setting.value)) wanted = *on ? "ON" : "OFF";
  }
  const auto seen = states.command(our.topic + "/set", setting.value, our.topic, wanted, patience);
  if (!seen) {
    const auto now = states.wait_for(our.topic, 0s);
    throw Quit(
        Exit::timeout,
        fmt::format("the gateway was told {}={}, and did not do it within {} s; it is {} (tidegate status and its "
                    "log say more)",
                    setting.target.word, setting.value, patience.count(), now ? *now : "not known"));
  }
  fmt::print("{}={}\n", setting.target.word, *seen);
}

void hold(const std::vector<gpio::Line>& lines, std::optional<std::chrono::nanoseconds> time) {
  if (lines.empty()) return;
  if (isatty(STDERR_FILENO) != 0) {
    fmt::print(stderr, "tidegate: held {}; what a line does after that is for its driver\n",
               time ? "for a while, or until Ctrl-C" : "until Ctrl-C");
  }
  const auto end = Steady::now() + time.value_or(0ns);
  std::vector<pollfd> chips;
  for (const gpio::Line& line : lines) chips.push_back({line.fd(), 0, 0});
  while (!interrupted() && (!time || Steady::now() < end)) {
    // Short, for a signal's sake.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now());
    const auto wait = time ? std::clamp<std::chrono::milliseconds>(left, 0ms, 100ms) : 100ms;
    if (poll(chips.data(), chips.size(), static_cast<int>(wait.count())) > 0) {
      throw Quit(Exit::unavailable, "a chip of the lines that were held is gone");
    }
  }
}

Exit set(Arguments& arguments) {
  std::optional<std::chrono::nanoseconds> time;
  try {
    if (arguments.hold) time = config::parse_duration(*arguments.hold);
  } catch (const ConfigError& error) {
    throw Quit(Exit::usage, fmt::format("--hold: {}", error.what()));
  }
  catch_interrupts();
  arguments.ours.load();
  const gpio::Chips chips = gpio::chips();
  std::vector<Setting> settings;
  std::vector<std::string> topics;
  for (const std::string& text : arguments.values) {
    settings.push_back(read_setting(text, arguments.ours, chips));
    if (settings.back().target.gateway_has_it) topics.push_back(settings.back().target.ours->topic);
  }
  std::unique_ptr<States> states;
  if (!topics.empty()) states = std::make_unique<States>(arguments.ours.client_options(), topics);
  std::vector<gpio::Line> lines;
  for (const Setting& setting : settings) {
    if (setting.target.gateway_has_it) {
      tell_gateway(*states, setting);
      continue;
    }
    gpio::LineOptions options = arguments.settings.of(setting.target);
    options.output = true;
    options.value = read_switch(setting.value);
    lines.emplace_back(*setting.target.line, options);
    fmt::print("{}={}\n", setting.target.word, lines.back().get() ? "ON" : "OFF");
  }
  std::fflush(stdout);
  hold(lines, time);
  return Exit::ok;
}

}  // namespace

void add_gpio_set(CLI::App& gpio, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = gpio.add_subcommand(
      "set",
      "Set lines and hold them until Ctrl-C; what the gateway holds is told to it, and it answers what came of it");
  command->add_option("values", arguments->values, "LINE=VALUE, as GPIO17=ON or lamp=OFF")->required();
  command->add_option("--hold", arguments->hold, "Hold for so long (\"500ms\", \"10s\") instead of until Ctrl-C");
  arguments->settings.add_options(*command);
  arguments->ours.add_options(*command);
  command->callback([arguments, &run] { run = [arguments] { return set(*arguments); }; });
}

}  // namespace tidegate::cli
