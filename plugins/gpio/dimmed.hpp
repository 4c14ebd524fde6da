// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tidegate/gpio_dimmer.hpp>

#include "plugins/gpio/commands.hpp"
#include "plugins/gpio/link_watch.hpp"
#include "plugins/gpio/part.hpp"
#include "plugins/gpio/switch.hpp"

namespace tidegate::plugins::gpio {

/// What the outputs that are driven by pulses have in common: one dimmer for each of some keys ("line", or "red",
/// "green" and "blue"), on and off, max_on, the safe state. A key names a line, whose pulses are made in software, or
/// "pwm:<chip>:<channel>", an output of the hardware. Thread: loop.
class Dimmed : public Part {
 public:
  struct Kind {
    std::vector<const char*> keys;
    double usual_hardware;  ///< Hz
    double usual_software;  ///< Hz
  };

  /// What each key of the block names.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  bool inherit(Part& other) override;

 protected:
  Dimmed(Context& context, const Block& block, const ChannelOptions& fallback, const Kind& kind);

  /// Drives the dimmers to what is wanted, on or off, and publishes it. Throws SystemError.
  virtual void show(bool on) = 0;
  /// Whether it is on from the start.
  [[nodiscard]] virtual bool on_at_start() const noexcept = 0;
  /// Takes the level of one of its own kind.
  virtual void take_level(const Dimmed& other) = 0;
  /// Before open(): what is driven, and how, comes from another, so that it is not to begin anew.
  [[nodiscard]] bool has_inherited() const noexcept { return !dimmers_.empty(); }

  void open() override;
  void close() noexcept override;

  /// Throws Refused while it is not there.
  void turn(bool on, Nanoseconds lasting = {});
  /// ON, OFF and TOGGLE; false for anything else.
  bool obey_switch(const std::string& payload);
  [[nodiscard]] bool on() const noexcept { return switch_.on(); }
  [[nodiscard]] Dimmer& dimmer(std::size_t number = 0) { return *dimmers_.at(number); }
  /// <topic>/set, command_topic and set_on_ms, for the one that knows what can be set.
  void listen(const Block& block, const std::function<void(const std::string&)>& set);

  Commands commands_;
  std::unique_ptr<Channel> state_;

 private:
  [[nodiscard]] std::unique_ptr<Dimmer> make(const std::string& name) const;
  void plan();
  void tick();
  void look();

  std::vector<std::string> names_;
  bool active_low_ = false;
  double hardware_hertz_, software_hertz_;
  const bool safe_off_;
  const Nanoseconds max_on_;
  LinkWatch link_;
  Switch switch_;
  std::vector<std::unique_ptr<Dimmer>> dimmers_;
  std::unique_ptr<Channel> refused_;
  Source timer_, look_;
};

}  // namespace tidegate::plugins::gpio
