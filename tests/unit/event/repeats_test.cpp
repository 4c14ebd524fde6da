// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "event/repeats.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::event {
namespace {

using namespace std::chrono_literals;

const Repeats::Time start{1h};

TEST(Repeats, LetAFewOfTheSameLinePassAndHoldTheRestBack) {
  Repeats repeats;
  for (int n = 0; n < Repeats::most; ++n) EXPECT_EQ(repeats.pass("same", start), 0U) << n;
  EXPECT_FALSE(repeats.pass("same", start + 1s));
  EXPECT_EQ(repeats.pass("other", start + 1s), 0U);
}

TEST(Repeats, SayHowManyWereHeldBackWithTheNextThatPasses) {
  Repeats repeats;
  for (int n = 0; n < Repeats::most + 7; ++n) static_cast<void>(repeats.pass("same", start));
  EXPECT_FALSE(repeats.pass("same", start + Repeats::within - 1ns));
  EXPECT_EQ(repeats.pass("same", start + Repeats::within), 8U);
  EXPECT_EQ(repeats.pass("same", start + Repeats::within), 0U);
}

TEST(Repeats, ForgetTheOldestOfManyLines) {
  Repeats repeats;
  for (int n = 0; n < Repeats::most; ++n) static_cast<void>(repeats.pass("oldest", start));
  EXPECT_FALSE(repeats.pass("oldest", start + 1s));
  for (std::size_t n = 0; n < Repeats::known; ++n) static_cast<void>(repeats.pass(std::to_string(n), start + 2s));
  EXPECT_TRUE(repeats.pass("oldest", start + 3s));
}

}  // namespace
}  // namespace tidegate::event
