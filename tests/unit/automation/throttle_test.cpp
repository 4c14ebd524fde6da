// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/throttle.hpp"

#include <chrono>
#include <csignal>
#include <ctime>

#include <gtest/gtest.h>

#include "event/process.hpp"

namespace tidegate::automation {
namespace {

using namespace std::chrono_literals;

double seconds_used(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  EXPECT_EQ(clock_getcpuclockid(pid, &clock), 0);
  clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

TEST(AThrottle, KeepsABusyProcessToItsShareAndLetsItGo) {
  event::Launch launch;
  launch.arguments = {"/bin/sh", "-c", "while :; do :; done"};
  auto process = event::Process::start(launch, [](const event::Process&) {});
  Loop loop;
  const auto run_for = [&](std::chrono::nanoseconds time) {
    const auto until = loop.after(time, [&] { loop.stop(); });
    loop.run();
  };
  {
    const Throttle throttle(loop, process.pid(), 0.1);
    run_for(3s);
    // A tenth of three seconds, one tenth of a second as a start, and what one look is late.
    EXPECT_LT(seconds_used(process.pid()), 0.9);
  }
  const double before = seconds_used(process.pid());
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (seconds_used(process.pid()) < before + 0.2 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_GE(seconds_used(process.pid()), before + 0.2) << "it goes on when the throttle is gone";
  process.signal(SIGKILL);
  ASSERT_TRUE(process.wait(10s));
  process.reap();
}

}  // namespace
}  // namespace tidegate::automation
