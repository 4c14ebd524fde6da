// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <tidegate/clock.hpp>

namespace tidegate::plugins::gpio {

/// Debounce in software, for a line whose kernel refuses to: a level counts once it has lasted for the period. A state
/// machine over the times that it is given.
class Debounce final {
 public:
  /// What has settled, and when the level began.
  struct Settled {
    bool active;
    Nanoseconds since;
  };

  Debounce(Nanoseconds period, bool active) noexcept : period_(period), settled_(active), level_(active) {}

  /// The line changed. What had settled before that time comes back.
  [[nodiscard]] std::optional<Settled> edge(bool active, Nanoseconds at) noexcept;
  /// When the present level will have settled; nothing while it is the one that counts.
  [[nodiscard]] std::optional<Nanoseconds> due() const noexcept;
  /// What has settled by now, if it is new.
  [[nodiscard]] std::optional<Settled> tick(Nanoseconds now) noexcept;

 private:
  const Nanoseconds period_;
  bool settled_;
  bool level_;
  Nanoseconds since_{};
};

}  // namespace tidegate::plugins::gpio
