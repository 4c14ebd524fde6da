// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "forward/pump.hpp"

namespace tidegate::gateway {

/// What a lane's on_readable calls for as long as the lane is open: wakes the pump that empties it now, if there is
/// one. Thread-safe.
class Waker final {
 public:
  void wake() noexcept {
    const std::lock_guard lock(mutex_);
    if (pump_ != nullptr) pump_->wake();
  }
  /// Null: nobody. The former one is not called any more when this returns.
  void point_at(forward::Pump* pump) noexcept {
    const std::lock_guard lock(mutex_);
    pump_ = pump;
  }

 private:
  std::mutex mutex_;
  forward::Pump* pump_ = nullptr;
};

}  // namespace tidegate::gateway
