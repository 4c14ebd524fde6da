// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/output.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "plugins/gpio/header.hpp"

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;

Output::Level level(const Block& block, const char* key) {
  const auto word = block.word(key, "off", {"off", "on", "as-is"});
  return word == "on" ? Output::Level::on : word == "off" ? Output::Level::off : Output::Level::as_is;
}

ChannelOptions retained(ChannelOptions options) {
  options.retain = true;
  return options;
}

}  // namespace

Output::Output(Context& context, const Block& block, const ChannelOptions& fallback)
    : Part(context, block, retained(fallback)),
      keys_(block, true),
      initial_(level(block, "initial")),
      safe_(level(block, "safe")),
      max_on_(block.duration("max_on", 0ns, 0ns, 24h * 366)),
      pulse_(block.duration("pulse", 0ns, 0ns, 24h)),
      interlock_wait_(block.duration("interlock_wait", 0ns, 0ns, 1min)),
      group_(block.text("interlock", "")),
      link_(context, block),
      commands_(context, name(), topic(), block.boolean("retained", false)),
      switch_(max_on_) {
  if (max_on_ != 0ns && safe_ == Level::on)
    block.complain("max_on",
                   "limits how long it is on, but safe = \"on\" leaves it on for as long as the gateway is stopped; "
                   "leave one out");
  if (group_.empty() && block.has("interlock_wait"))
    block.complain("interlock_wait", "is the wait between outputs of one interlock group; add interlock = \"name\"");
  const auto command = block.topic("command_topic", "-");
  block.finish();
  if (name().empty()) return;
  const auto obey = [this](const std::string& payload) { set(payload); };
  commands_.on("set", obey);
  if (block.has("command_topic")) {
    if (command == topic()) {
      block.complain("command_topic",
                     "is the topic of its own state: it would obey itself; give the two different topics");
    } else {
      commands_.on_topic(command, obey);
    }
  }
  commands_.on("set_on_ms", [this](const std::string& payload) { set_for(true, payload); });
  commands_.on("set_off_ms", [this](const std::string& payload) { set_for(false, payload); });
  commands_.on_refused([this](std::int64_t count) {
    if (refused_) put(*refused_, count);
  });
}

Output::~Output() {
  if (interlock_) interlock_->remove(*this);
}

void Output::join(std::shared_ptr<Interlock> interlock) {
  interlock_ = std::move(interlock);
  interlock_->add(*this);
}

void Output::replace(Part& fresh) {
  Part::replace(fresh);
  auto& other = dynamic_cast<Output&>(fresh);
  if (!other.interlock_) return;
  if (interlock_) {
    interlock_->remove(*this);
    other.interlock_->released = std::max(other.interlock_->released, interlock_->released);
  }
  join(other.interlock_);
}

bool Output::inherit(Part& other) {
  auto* const former = dynamic_cast<Output*>(&other);
  if (former == nullptr || !former->is_open() || one_spelling(former->keys_.line) != one_spelling(keys_.line))
    return false;
  line_ = std::move(former->line_);
  former->line_.reset();
  held_as_ = former->keys_;
  switch_ = former->switch_;
  switch_.limit_to(max_on_);
  if (interlock_ && former->interlock_)
    interlock_->released = std::max(interlock_->released, former->interlock_->released);
  return true;
}

void Output::open() {
  auto options = keys_.options();
  options.output = true;
  std::optional<Switch> inherited;
  if (line_) {
    inherited = switch_;
    if (held_as_.bias != keys_.bias || held_as_.drive != keys_.drive || held_as_.active_low != keys_.active_low)
      line_->change(options);
  } else {
    if (initial_ != Level::as_is) options.value = initial_ == Level::on;
    line_.emplace(find_line(keys_.line), options);
  }
  state_ = channel();
  refused_ = channel("refused", true);
  observed_.reset();
  pending_.reset();
  const bool on = line_->get();
  switch_ = inherited && inherited->on() == on ? *inherited : Switch(max_on_, on, monotonic());
  if (on && interlock_) {
    const auto other = std::ranges::find_if(interlock_->members(), [&](const Output* output) {
      return output != this && output->is_open() && output->switch_.on();
    });
    if (other != interlock_->members().end()) drive(false, 0ns, "another of its interlock group is on");
  }
  observe();
  plan();
  look_ = context_.loop().every(look_interval, [this] { guarded([this] { look(); }); });
}

void Output::close() noexcept {
  timer_ = Source();
  look_ = Source();
  pending_timer_ = Source();
  pending_.reset();
  if (line_) {
    try {
      if (safe_ != Level::as_is) {
        line_->set(safe_ == Level::on);
        switch_.set(safe_ == Level::on, monotonic());
      }
      observe();
    } catch (const std::exception& error) {
      log::error("gpio {}: it cannot be put into its safe state: {}", name(), error.what());
    }
  }
  line_.reset();
  state_.reset();
  refused_.reset();
}

void Output::set(const std::string& payload) {
  if (const auto on = parse_switch(payload)) return turn(*on, 0ns, "command");
  const auto word = upper(payload);
  if (word == "TOGGLE") return turn(!switch_.on(), 0ns, "command");
  if (word == "PULSE" && pulse_ != 0ns) return turn(true, pulse_, "command");
  throw Refused(pulse_ == 0ns ? "it has to be ON, OFF or TOGGLE" : "it has to be ON, OFF, TOGGLE or PULSE");
}

void Output::set_for(bool on, const std::string& payload) {
  const auto milliseconds = parse_number(payload, 1, 86'400'000, "ms");
  turn(on, Nanoseconds(static_cast<Nanoseconds::rep>(milliseconds * 1e6)), "command");
}

void Output::turn(bool on, Nanoseconds lasting, const char* why) {
  if (!is_open()) throw Refused("the line is not there now");
  pending_.reset();
  pending_timer_ = Source();
  if (!on || !interlock_ || switch_.on()) return guarded([&] { drive(on, lasting, why); });
  for (auto* const other : interlock_->members()) {
    if (other == this) continue;
    other->pending_.reset();
    if (other->is_open() && other->switch_.on()) other->guarded([&] { other->drive(false, 0ns, "interlock"); });
    if (!other->is_open())
      throw Refused(fmt::format("{} of the same interlock group is not there now, and may be on", other->name()));
  }
  const auto wait = interlock_->released + interlock_wait_ - monotonic();
  if (interlock_->released == 0ns || wait <= 0ns) return guarded([&] { drive(true, lasting, why); });
  pending_ = lasting;
  pending_timer_ = context_.loop().after(wait, [this] {
    if (!pending_ || !is_open()) return;
    const auto lasting_now = *pending_;
    pending_.reset();
    guarded([&] { drive(true, lasting_now, "command"); });
  });
}

void Output::drive(bool on, Nanoseconds lasting, const char* why) {
  const bool was = switch_.on();
  line_->set(on);
  switch_.set(on, monotonic(), lasting);
  if (was && !on && interlock_) interlock_->released = monotonic();
  if (was != on) log::info("gpio {}: {} ({})", name(), on ? "ON" : "OFF", why);
  observe();
  plan();
}

/// Publishes what is seen on the line, when it is new.
void Output::observe() {
  const bool seen = line_->get();
  if (seen != switch_.on() && keys_.drive == Drive::push_pull) {
    complain(fmt::format("it is {}, but the line reads {}: something else drives it", switch_.on() ? "ON" : "OFF",
                         seen ? "ON" : "OFF"));
  } else {
    complain({});
  }
  if (observed_ == seen) return;
  observed_ = seen;
  if (state_) put(*state_, seen);
}

void Output::plan() {
  const auto due = switch_.due();
  if (!due) {
    timer_ = Source();
    return;
  }
  timer_ = context_.loop().after(std::max(*due - monotonic(), 0ns), [this] { guarded([this] { tick(); }); });
}

void Output::tick() {
  const auto before = switch_;
  switch (switch_.tick(monotonic())) {
    case Switch::Change::none:
      break;
    case Switch::Change::on_for_too_long:
      switch_ = before;
      drive(false, 0ns, "on for max_on");
      log::warning("gpio {}: was on for max_on, and is turned off", name());
      return;
    case Switch::Change::pulse_over:
      switch_ = before;
      try {
        turn(!before.on(), 0ns, "pulse over");
      } catch (const Refused& refused) {
        log::warning("gpio {}: stays {} after the pulse: {}", name(), before.on() ? "ON" : "OFF", refused.what());
      }
      return;
  }
  plan();
}

void Output::look() {
  observe();
  if (!link_.lost(context_) || safe_ == Level::as_is) return;
  log::warning("gpio {}: safe state, for the link to {} is lost", name(),
               link_.link().empty() ? "the local broker" : link_.link());
  try {
    turn(safe_ == Level::on, 0ns, "link lost");
  } catch (const Refused& refused) {
    log::warning("gpio {}: {}", name(), refused.what());
  }
}

}  // namespace tidegate::plugins::gpio
