// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <tidegate/clock.hpp>

namespace tidegate::plugins::gpio {

/// Whether an output is on, and when that ends by itself: after the time of a pulse, and after max_on at the latest. A
/// state machine over the times that it is given; it drives nothing.
class Switch final {
 public:
  /// max_on: longest that it is on in one go; 0: no limit.
  explicit Switch(Nanoseconds max_on, bool on = false, Nanoseconds now = {}) noexcept;

  [[nodiscard]] bool on() const noexcept { return on_; }
  /// Being told ON again does not begin max_on anew. lasting: for so long, and then the other way; 0: until told.
  void set(bool on, Nanoseconds now, Nanoseconds lasting = {}) noexcept;
  /// Another limit from now on, for what is on already too.
  void limit_to(Nanoseconds max_on) noexcept { max_on_ = max_on; }
  /// When tick() will change it.
  [[nodiscard]] std::optional<Nanoseconds> due() const noexcept;
  /// Why it changed.
  enum class Change : std::uint8_t { none, pulse_over, on_for_too_long };
  Change tick(Nanoseconds now) noexcept;

 private:
  [[nodiscard]] std::optional<Nanoseconds> limit() const noexcept;

  Nanoseconds max_on_;
  bool on_;
  Nanoseconds since_;  ///< of the present state
  std::optional<Nanoseconds> until_;
};

}  // namespace tidegate::plugins::gpio
