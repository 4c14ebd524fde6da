// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tidegate {

/// The sign of life of one thread, for the watchdog: it beats whenever it goes on, and rests while it waits for work
/// that need never come. What has long done neither is stuck. Made, used and destroyed by the thread that it stands
/// for, which it also gives its name (the first 15 bytes; `top -H` shows them).
class Pulse final {
 public:
  explicit Pulse(const std::string& name);
  ~Pulse();
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;

  void beat() noexcept;
  void rest() noexcept;

  /// The names of this process's threads that have not beaten for longer than limit, and do not rest. Thread-safe.
  [[nodiscard]] static std::vector<std::string> stuck(std::chrono::nanoseconds limit);

 private:
  const std::string name_;
  std::atomic<std::chrono::steady_clock::rep> last_;  ///< 0: at rest
};

}  // namespace tidegate
