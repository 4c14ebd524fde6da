// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/socket.hpp"

#include <chrono>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace tidegate::mqtt {
namespace {

using namespace std::chrono_literals;

TEST(ANudge, WakesTheThreadThatWaitsNowOrNext) {
  const Nudge nudge;
  nudge.ring();
  nudge.wait_until(Steady::now() + 1h);
  std::thread ringer([&] { nudge.ring(); });
  nudge.wait_until(Steady::now() + 1h);
  ringer.join();
}

TEST(ANudge, GivesItsDescriptorBackAndNeverRingsAnothersThatHasTheNumber) {
  Nudge nudge;
  nudge.close();
  const Descriptor others(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));  // the lowest number that is free
  nudge.ring();
  std::uint64_t count = 0;
  EXPECT_EQ(::read(others.get(), &count, sizeof count), -1);
}

}  // namespace
}  // namespace tidegate::mqtt
