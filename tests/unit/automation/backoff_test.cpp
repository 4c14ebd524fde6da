// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/backoff.hpp"

#include <gtest/gtest.h>

namespace tidegate::automation {
namespace {

using namespace std::chrono_literals;

TEST(ABackoff, DoublesUpToItsMost) {
  Backoff backoff(1s, 5s);
  EXPECT_EQ(backoff.next(0s), 1s);
  EXPECT_EQ(backoff.next(1s), 2s);
  EXPECT_EQ(backoff.next(0s), 4s);
  EXPECT_EQ(backoff.next(0s), 5s);
  EXPECT_EQ(backoff.next(29s), 5s);
}

TEST(ABackoff, BeginsAgainAfterASteadyRun) {
  Backoff backoff(1s, 1min);
  for (int n = 0; n < 10; ++n) static_cast<void>(backoff.next(0s));
  EXPECT_EQ(backoff.next(0s), 1min);
  EXPECT_EQ(backoff.next(Backoff::steady_after), 1s);
  EXPECT_EQ(backoff.next(0s), 2s);
}

TEST(ABackoff, NeverWaitsLessThanItsFirst) {
  Backoff backoff(10s, 1s);
  EXPECT_EQ(backoff.next(0s), 10s);
  EXPECT_EQ(backoff.next(0s), 10s);
}

}  // namespace
}  // namespace tidegate::automation
