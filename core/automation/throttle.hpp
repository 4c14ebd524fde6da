// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include <sys/types.h>

#include <tidegate/loop.hpp>

namespace tidegate::automation {

/// Keeps a script to its share of a processor where no control group does: pauses it (SIGSTOP to its process group)
/// while its process has used more than its share, with a second's worth as a start. Thread: loop.
class Throttle final {
 public:
  /// group: a process and its group, ours, not waited for before this is gone. share: 1 is all of one processor.
  Throttle(Loop& loop, pid_t group, double share);
  ~Throttle();  ///< lets it go on
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

 private:
  void look();

  const pid_t group_;
  const double share_;
  std::chrono::steady_clock::time_point last_;
  std::chrono::duration<double> used_{0}, credit_;
  bool paused_ = false;
  Source turns_;
};

}  // namespace tidegate::automation
