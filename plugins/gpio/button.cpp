// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/button.hpp"

namespace tidegate::plugins::gpio {

void Button::edge(bool active, Nanoseconds at) {
  tick(at);
  const bool was = state_ == State::pressed || state_ == State::held || state_ == State::pressed_again;
  if (active == was) return;
  tell_(active ? Event::press : Event::release, at);
  switch (state_) {
    case State::idle:
      state_ = State::pressed;
      break;
    case State::released:
      state_ = State::pressed_again;
      break;
    case State::pressed:
      state_ = State::released;
      if (times_.double_click == Nanoseconds::zero()) {
        state_ = State::idle;
        tell_(Event::click, at);
      }
      break;
    case State::pressed_again:
      state_ = State::idle;
      tell_(Event::double_click, at);
      break;
    case State::held:
      state_ = State::idle;
      break;
  }
  since_ = at;
}

void Button::assume(bool active) noexcept {
  state_ = active ? State::held : State::idle;
}

std::optional<Nanoseconds> Button::due() const noexcept {
  switch (state_) {
    case State::pressed:
    case State::pressed_again:
      if (times_.hold == Nanoseconds::zero()) return std::nullopt;
      return since_ + times_.hold;
    case State::released:
      return since_ + times_.double_click;
    case State::idle:
    case State::held:
      break;
  }
  return std::nullopt;
}

void Button::tick(Nanoseconds now) {
  const auto at = due();
  if (!at || now < *at) return;
  if (state_ == State::released) {
    state_ = State::idle;
    tell_(Event::click, *at);
    return;
  }
  // The first of two presses was a click after all.
  if (state_ == State::pressed_again) tell_(Event::click, since_);
  state_ = State::held;
  tell_(Event::hold, *at);
}

const char* to_string(Button::Event event) noexcept {
  switch (event) {
    case Button::Event::press:
      return "press";
    case Button::Event::release:
      return "release";
    case Button::Event::click:
      return "click";
    case Button::Event::double_click:
      return "double";
    case Button::Event::hold:
      return "hold";
  }
  return "";
}

}  // namespace tidegate::plugins::gpio
