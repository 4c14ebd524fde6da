// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <vector>

#include <tidegate/clock.hpp>

namespace tidegate::plugins::gpio {

class Output;

/// Outputs of which at most one is on. They know each other through this; it owns none. Thread: loop.
class Interlock final {
 public:
  void add(Output& output) { members_.push_back(&output); }
  void remove(Output& output) noexcept { std::erase(members_, &output); }
  [[nodiscard]] const std::vector<Output*>& members() const noexcept { return members_; }

  /// When the last one that was on went off; the next waits for its interlock_wait from then on.
  Nanoseconds released{};

 private:
  std::vector<Output*> members_;
};

}  // namespace tidegate::plugins::gpio
