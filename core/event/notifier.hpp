// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace tidegate::event {

/// Tells systemd how this process stands (sd_notify). What was not started by systemd, or by a unit that does not ask,
/// tells nobody. Thread: one at a time.
class Notifier final {
 public:
  Notifier();

  /// The service is up. Said once; later calls do nothing.
  void ready();
  /// A line for people in `systemctl status`. The same one is not said twice in a row.
  void status(const std::string& text);
  void stopping();
  /// What is under way now (starting, stopping) may take so long from now on, whatever its timeout was.
  void extend(std::chrono::microseconds time);
  /// For the watchdog: this process works.
  void alive();
  /// Within which alive() has to be said; nothing when nobody watches.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const noexcept { return watchdog_; }

 private:
  std::optional<std::chrono::microseconds> watchdog_;
  bool ready_ = false;
  std::string status_;
};

}  // namespace tidegate::event
