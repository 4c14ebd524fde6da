// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/dimmed.hpp"

#include <algorithm>
#include <typeinfo>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/gpio_pwm.hpp>
#include <tidegate/log.hpp>

#include "plugins/gpio/header.hpp"
#include "plugins/gpio/sysfs_pwm.hpp"

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view hardware = "pwm:";
constexpr double most_software = 400;  // Hz; above, what a thread shakes is more than a per cent or two
constexpr double most_hardware = 1'000'000;

ChannelOptions retained(ChannelOptions options) {
  options.retain = true;
  return options;
}

Nanoseconds period_of(double hertz) noexcept {
  return Nanoseconds(static_cast<Nanoseconds::rep>(1e9 / hertz));
}

}  // namespace

Dimmed::Dimmed(Context& context, const Block& block, const ChannelOptions& fallback, const Kind& kind)
    : Part(context, block, retained(fallback)),
      commands_(context, name(), topic(), block.boolean("retained", false)),
      active_low_(block.boolean("active_low", false)),
      hardware_hertz_(kind.usual_hardware),
      software_hertz_(kind.usual_software),
      safe_off_(block.word("safe", "off", {"off", "as-is"}) == "off"),
      max_on_(block.duration("max_on", 0ns, 0ns, 24h * 366)),
      link_(context, block),
      switch_(max_on_) {
  bool software = false;
  for (const auto* key : kind.keys) {
    names_.push_back(block.required_text(key));
    const auto& named = names_.back();
    try {
      if (named.starts_with(hardware)) {
        SysfsPwm::check_name(named.substr(hardware.size()));
      } else if (!named.empty()) {
        software = true;
        check_line_name(named);
      }
    } catch (const ConfigError& error) {
      block.complain(key, error.what());
    }
  }
  if (block.has("frequency")) {
    const double hertz = block.number("frequency", 100, 1, most_hardware);
    if (software && hertz > most_software) {
      block.complain("frequency", fmt::format("a line is pulsed in software, up to {} Hz; use less, or an output of "
                                              "the hardware: \"pwm:<chip>:<channel>\"",
                                              most_software));
    }
    hardware_hertz_ = software_hertz_ = hertz;
  }
}

void Dimmed::listen(const Block& block, const std::function<void(const std::string&)>& set) {
  if (name().empty()) return;
  commands_.on("set", set);
  if (block.has("command_topic")) {
    const auto command = block.topic("command_topic", "-");
    if (command == topic()) {
      block.complain("command_topic",
                     "is the topic of its own state: it would obey itself; give the two different topics");
    } else {
      commands_.on_topic(command, set);
    }
  }
  commands_.on("set_on_ms", [this](const std::string& payload) {
    turn(true, Nanoseconds(static_cast<Nanoseconds::rep>(parse_number(payload, 1, 86'400'000, "ms") * 1e6)));
  });
  commands_.on_refused([this](std::int64_t count) {
    if (refused_) put(*refused_, count);
  });
}

std::unique_ptr<Dimmer> Dimmed::make(const std::string& name) const {
  if (name.starts_with(hardware))
    return std::make_unique<SysfsPwm>(name.substr(hardware.size()), period_of(hardware_hertz_), active_low_);
  LineOptions options;
  options.output = true;
  options.value = false;
  options.active_low = active_low_;
  return std::make_unique<SoftPwm>(Line(find_line(name), options), period_of(software_hertz_));
}

bool Dimmed::inherit(Part& other) {
  if (typeid(other) != typeid(*this) || !other.is_open()) return false;
  auto& former = dynamic_cast<Dimmed&>(other);
  const auto same = [](const std::string& one, const std::string& another) {
    return one_spelling(one) == one_spelling(another);
  };
  if (!std::ranges::equal(names_, former.names_, same) || active_low_ != former.active_low_ ||
      hardware_hertz_ != former.hardware_hertz_ || software_hertz_ != former.software_hertz_)
    return false;
  dimmers_ = std::move(former.dimmers_);
  former.dimmers_.clear();
  switch_ = former.switch_;
  switch_.limit_to(max_on_);
  take_level(former);
  return true;
}

void Dimmed::open() {
  if (!has_inherited()) {
    for (const auto& name : names_) dimmers_.push_back(make(name));
    switch_ = Switch(max_on_, on_at_start(), monotonic());
  }
  state_ = channel();
  refused_ = channel("refused", true);
  show(switch_.on());
  plan();
  look_ = context_.loop().every(look_interval, [this] { guarded([this] { look(); }); });
}

void Dimmed::close() noexcept {
  timer_ = Source();
  look_ = Source();
  if (safe_off_ && dimmers_.size() == names_.size()) {
    try {
      switch_.set(false, monotonic());
      show(false);
    } catch (const std::exception& error) {
      log::error("gpio {}: it cannot be put into its safe state: {}", name(), error.what());
    }
  }
  dimmers_.clear();
  state_.reset();
  refused_.reset();
}

void Dimmed::turn(bool on, Nanoseconds lasting) {
  if (!is_open()) throw Refused("it is not there now");
  guarded([&] {
    switch_.set(on, monotonic(), lasting);
    show(on);
    plan();
  });
}

bool Dimmed::obey_switch(const std::string& payload) {
  if (upper(payload) == "TOGGLE") {
    turn(!on());
    return true;
  }
  if (const auto to = parse_switch(payload)) {
    turn(*to);
    return true;
  }
  return false;
}

void Dimmed::plan() {
  const auto due = switch_.due();
  if (!due) {
    timer_ = Source();
    return;
  }
  timer_ = context_.loop().after(std::max(*due - monotonic(), 0ns), [this] { guarded([this] { tick(); }); });
}

void Dimmed::tick() {
  const auto change = switch_.tick(monotonic());
  if (change != Switch::Change::none) show(switch_.on());
  if (change == Switch::Change::on_for_too_long) log::warning("gpio {}: was on for max_on, and is turned off", name());
  plan();
}

void Dimmed::look() {
  for (const auto& dimmer : dimmers_) dimmer->check();
  if (!link_.lost(context_) || !safe_off_) return;
  log::warning("gpio {}: off, for the link to {} is lost", name(),
               link_.link().empty() ? "the local broker" : link_.link());
  turn(false);
}

}  // namespace tidegate::plugins::gpio
