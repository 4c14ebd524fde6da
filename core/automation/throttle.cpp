// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/throttle.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>

namespace tidegate::automation {
namespace {

constexpr std::chrono::milliseconds interval{100};

/// What the process has used of all processors, in all of its threads.
std::chrono::duration<double> used_by(pid_t pid) noexcept {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

Throttle::Throttle(Loop& loop, pid_t group, double share)
    : group_(group),
      share_(share),
      last_(std::chrono::steady_clock::now()),
      credit_(share),
      turns_(loop.every(interval, [this] { look(); })) {}

Throttle::~Throttle() {
  if (paused_) kill(-group_, SIGCONT);
}

void Throttle::look() {
  const auto now = std::chrono::steady_clock::now();
  const auto used = std::max(used_by(group_), used_);
  credit_ += share_ * std::chrono::duration<double>(now - last_) - (used - used_);
  credit_ = std::min(credit_, std::chrono::duration<double>(share_));
  last_ = now;
  used_ = used;
  if (const bool pause = credit_.count() < 0; pause != paused_) {
    paused_ = pause;
    kill(-group_, pause ? SIGSTOP : SIGCONT);
  }
}

}  // namespace tidegate::automation
