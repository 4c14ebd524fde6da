// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/debounce.hpp"

#include <gtest/gtest.h>

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;

TEST(ADebounce, LetsALevelThroughOnceItHasLasted) {
  Debounce debounce(10ms, false);
  EXPECT_FALSE(debounce.edge(true, 100ms));
  EXPECT_EQ(debounce.due(), 110ms);
  EXPECT_FALSE(debounce.tick(109ms));
  const auto settled = debounce.tick(110ms);
  ASSERT_TRUE(settled);
  EXPECT_TRUE(settled->active);
  EXPECT_EQ(settled->since, 100ms);
  EXPECT_EQ(debounce.due(), std::nullopt);
}

TEST(ADebounce, MakesOneOfManyBounces) {
  Debounce debounce(10ms, false);
  int settled = 0;
  for (int bounce = 0; bounce < 9; ++bounce)
    settled += debounce.edge(bounce % 2 == 0, 100ms + bounce * 1ms).has_value() ? 1 : 0;
  EXPECT_EQ(settled, 0);
  const auto at_last = debounce.tick(118ms);
  ASSERT_TRUE(at_last);
  EXPECT_TRUE(at_last->active);
  EXPECT_EQ(at_last->since, 108ms);
}

TEST(ADebounce, ForgetsAGlitch) {
  Debounce debounce(10ms, false);
  EXPECT_FALSE(debounce.edge(true, 100ms));
  EXPECT_FALSE(debounce.edge(false, 103ms));
  EXPECT_EQ(debounce.due(), std::nullopt);
  EXPECT_FALSE(debounce.tick(1s));
}

TEST(ADebounce, TellsWhatHadSettledBeforeALateEdge) {
  Debounce debounce(10ms, false);
  EXPECT_FALSE(debounce.edge(true, 100ms));
  const auto settled = debounce.edge(false, 150ms);  // nobody ticked between
  ASSERT_TRUE(settled);
  EXPECT_TRUE(settled->active);
  EXPECT_EQ(debounce.due(), 160ms);
}

}  // namespace
}  // namespace tidegate::plugins::gpio
