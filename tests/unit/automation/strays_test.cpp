// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/strays.hpp"

#include <csignal>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/process.hpp"

namespace tidegate::automation {
namespace {

using namespace std::chrono_literals;

event::Process sleeper(const std::string& mark) {
  event::Launch launch;
  launch.arguments = {"/bin/sleep", "60"};
  launch.environment = {"A=b", mark, "Z=y"};
  auto process = event::Process::start(launch, [](const event::Process&) {});
  // Its environment is the one above only once the program has begun.
  while (!event::Process::find(process.pid(), process.started(), "60") && !process.wait(1ms)) {
  }
  return process;
}

class AStray : public testing::Test {
 protected:
  const std::string name = fmt::format("TIDEGATE_STRAY_TEST_{}", getpid());
};

TEST_F(AStray, IsEndedByTheWholeMarkAlone) {
  auto one = sleeper(name + "=run.1");
  auto other = sleeper(name + "=run.12");
  EXPECT_EQ(end_strays(name + "=run.1", true), 1);
  EXPECT_TRUE(one.wait(0ms));
  EXPECT_FALSE(other.wait(0ms));
  EXPECT_EQ(end_strays(name + "=run.", false), 1);
  EXPECT_TRUE(other.wait(0ms));
  EXPECT_EQ(event::show_end(one.reap()), "it was killed by signal 9 (Killed)");
  other.reap();
  EXPECT_EQ(end_strays(name + "=run.", false), 0);
}

TEST_F(AStray, IsFoundInWhateverSessionItHasMovedTo) {
  event::Launch launch;
  launch.arguments = {"/bin/sh", "-c", "setsid sleep 60 & echo"};
  launch.environment = {"PATH=/usr/bin:/bin", name + "=1"};
  auto process = event::Process::start(launch, [](const event::Process&) {});
  ASSERT_TRUE(process.wait(10s));
  process.reap();
  EXPECT_GE(end_strays(name + "=1", true), 1);
  EXPECT_EQ(end_strays(name + "=1", true), 0);
}

}  // namespace
}  // namespace tidegate::automation
