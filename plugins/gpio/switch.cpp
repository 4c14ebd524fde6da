// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/switch.hpp"

#include <algorithm>

namespace tidegate::plugins::gpio {

Switch::Switch(Nanoseconds max_on, bool on, Nanoseconds now) noexcept : max_on_(max_on), on_(on), since_(now) {}

void Switch::set(bool on, Nanoseconds now, Nanoseconds lasting) noexcept {
  if (on != on_) since_ = now;
  on_ = on;
  until_.reset();
  if (lasting > Nanoseconds::zero()) until_ = now + lasting;
}

std::optional<Nanoseconds> Switch::limit() const noexcept {
  if (!on_ || max_on_ == Nanoseconds::zero()) return std::nullopt;
  return since_ + max_on_;
}

std::optional<Nanoseconds> Switch::due() const noexcept {
  const auto most = limit();
  if (most && until_) return std::min(*most, *until_);
  return most ? most : until_;
}

Switch::Change Switch::tick(Nanoseconds now) noexcept {
  const auto most = limit();
  if (most && now >= *most) {
    set(false, now);
    return Change::on_for_too_long;
  }
  if (until_ && now >= *until_) {
    set(!on_, now);
    return Change::pulse_over;
  }
  return Change::none;
}

}  // namespace tidegate::plugins::gpio
