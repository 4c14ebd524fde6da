// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/debounce.hpp"

namespace tidegate::plugins::gpio {

std::optional<Debounce::Settled> Debounce::edge(bool active, Nanoseconds at) noexcept {
  const auto before = tick(at);
  level_ = active;
  since_ = at;
  return before;
}

std::optional<Nanoseconds> Debounce::due() const noexcept {
  if (level_ == settled_) return std::nullopt;
  return since_ + period_;
}

std::optional<Debounce::Settled> Debounce::tick(Nanoseconds now) noexcept {
  const auto at = due();
  if (!at || now < *at) return std::nullopt;
  settled_ = level_;
  return Settled{level_, since_};
}

}  // namespace tidegate::plugins::gpio
