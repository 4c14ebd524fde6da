// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include <tidegate/clock.hpp>

namespace tidegate::plugins::gpio {

/// Makes presses, clicks and holds of the edges of a line. A state machine over the times that it is given, of one
/// clock and never going back; it asks no clock itself.
class Button final {
 public:
  enum class Event : std::uint8_t {
    press,         ///< became active
    release,       ///< became inactive
    click,         ///< was pressed for less than hold, and not again within double_click
    double_click,  ///< two of these within double_click, told at the release of the second
    hold,          ///< is pressed for hold; no click follows
  };
  struct Times {
    Nanoseconds hold{std::chrono::seconds(1)};                 ///< 0: holding means nothing
    Nanoseconds double_click{std::chrono::milliseconds(300)};  ///< from release to press; 0: a click is told at once
  };
  using Tell = std::function<void(Event, Nanoseconds at)>;

  Button(const Times& times, Tell tell) : times_(times), tell_(std::move(tell)) {}

  /// An edge at that time. One to the level that is there already is ignored.
  void edge(bool active, Nanoseconds at);
  /// The level is known without an edge: at the start, or after edges were lost. Tells nothing, forgets what was begun.
  void assume(bool active) noexcept;
  /// When tick() has something to tell; nothing while it waits for an edge.
  [[nodiscard]] std::optional<Nanoseconds> due() const noexcept;
  /// Time passes. Give it all edges up to now first.
  void tick(Nanoseconds now);

 private:
  enum class State : std::uint8_t { idle, pressed, held, released, pressed_again };

  const Times times_;
  const Tell tell_;
  State state_ = State::idle;
  Nanoseconds since_{};
};

/// "press", "release", "click", "double", "hold".
[[nodiscard]] const char* to_string(Button::Event event) noexcept;

}  // namespace tidegate::plugins::gpio
