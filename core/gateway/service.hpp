// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <tidegate/loop.hpp>

#include "event/notifier.hpp"

namespace tidegate::gateway {

/// What systemd is told of a program of ours: that it is ready, how it stands, that it lives, that it stops. It is said
/// to live by the loop, and only while no thread of the process is stuck (Pulse). Thread: loop.
class Service final {
 public:
  explicit Service(Loop& loop) : loop_(loop) {}

  /// Ready, and from now on the watchdog is served. summary gives the line for people, and is asked now and then.
  void run(std::function<std::string()> summary);
  /// Stopping; the loop does not run any more, or soon does not.
  void stopping();
  /// While it stops: more time is asked for only when something has moved. Never throws.
  void draining(bool progress) noexcept;

 private:
  void look();
  void serve_watchdog();

  Loop& loop_;
  event::Notifier notifier_;
  std::function<std::string()> summary_;
  Source look_;
  Source beat_;
  std::chrono::steady_clock::time_point extended_;
  bool stuck_ = false;
};

}  // namespace tidegate::gateway
