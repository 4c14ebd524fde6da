// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "base/pulse.hpp"

#include <latch>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(APulse, ThatHasNotBeatenForLongerThanTheLimitIsStuck) {
  const Pulse pulse("one");
  EXPECT_THAT(Pulse::stuck(-1ns), ElementsAre("one"));
  EXPECT_THAT(Pulse::stuck(1h), IsEmpty());
}

TEST(APulse, AtRestIsNotStuckUntilItBeatsAgain) {
  Pulse pulse("one");
  pulse.rest();
  EXPECT_THAT(Pulse::stuck(-1h), IsEmpty());
  pulse.beat();
  EXPECT_THAT(Pulse::stuck(-1ns), ElementsAre("one"));
}

TEST(APulse, OfAThreadThatHasEndedIsForgotten) {
  std::thread([] { const Pulse pulse("gone"); }).join();
  EXPECT_THAT(Pulse::stuck(-1h), IsEmpty());
}

TEST(APulse, IsSeenFromAnotherThreadAndNamesItsOwn) {
  std::latch made(1);
  std::latch seen(1);
  std::string name(16, '\0');
  std::thread thread([&] {
    const Pulse pulse("upstream with a long name");
    pthread_getname_np(pthread_self(), name.data(), name.size());
    made.count_down();
    seen.wait();
  });
  made.wait();
  EXPECT_THAT(Pulse::stuck(-1ns), ElementsAre("upstream with a long name"));
  seen.count_down();
  thread.join();
  EXPECT_STREQ(name.c_str(), "upstream with a");
}

}  // namespace
}  // namespace tidegate
