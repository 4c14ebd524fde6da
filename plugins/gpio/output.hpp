// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "plugins/gpio/commands.hpp"
#include "plugins/gpio/interlock.hpp"
#include "plugins/gpio/link_watch.hpp"
#include "plugins/gpio/part.hpp"
#include "plugins/gpio/switch.hpp"

namespace tidegate::plugins::gpio {

/// One [[gpio.output]]: a line that is on or off. Takes commands, keeps its limits (max_on, interlock) whatever anybody
/// commands, publishes, retained, the state that is seen on the line, and is in its safe state when it stops. Thread:
/// loop.
class Output final : public Part {
 public:
  enum class Level : std::uint8_t { off, on, as_is };

  Output(Context& context, const Block& block, const ChannelOptions& fallback);
  ~Output() override;

  [[nodiscard]] const LineKeys& keys() const noexcept { return keys_; }
  /// The group that it may not be on together with; empty: none.
  [[nodiscard]] const std::string& group() const noexcept { return group_; }
  [[nodiscard]] bool on_at_start() const noexcept { return initial_ == Level::on; }
  [[nodiscard]] bool on_when_safe() const noexcept { return safe_ == Level::on; }
  /// Before start().
  void join(std::shared_ptr<Interlock> interlock);
  void replace(Part& fresh) override;
  bool inherit(Part& other) override;

 private:
  void open() override;
  void close() noexcept override;
  void set(const std::string& payload);
  void set_for(bool on, const std::string& payload);
  /// Through the interlock.
  void turn(bool on, Nanoseconds lasting, const char* why);
  void drive(bool on, Nanoseconds lasting, const char* why);
  void observe();
  void plan();
  void tick();
  void look();

  const LineKeys keys_;
  const Level initial_, safe_;
  const Nanoseconds max_on_, pulse_, interlock_wait_;
  const std::string group_;
  LinkWatch link_;
  Commands commands_;
  std::shared_ptr<Interlock> interlock_;
  std::optional<Line> line_;  ///< before open(): inherited, with switch_ and held_as_
  LineKeys held_as_;
  Switch switch_;
  std::optional<bool> observed_;
  std::optional<Nanoseconds> pending_;  ///< on, for so long (0: until told), once the interlock lets it
  std::unique_ptr<Channel> state_, refused_;
  Source timer_, look_, pending_timer_;
};

}  // namespace tidegate::plugins::gpio
