// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/flight.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::forward {
namespace {

TEST(AFlight, GivesBackEachThingOnceUnderASlotThatNeverComesAgain) {
  Flight<std::string> flight;
  std::set<std::uint64_t> slots;
  for (int n = 0; n < 1000; ++n) {
    const auto slot = flight.add(std::to_string(n)).first;
    EXPECT_TRUE(slots.insert(slot).second);
    EXPECT_EQ(flight.take(slot), std::to_string(n));
    EXPECT_FALSE(flight.take(slot));
  }
  EXPECT_TRUE(flight.empty());
}

TEST(AFlight, KnowsNothingOfSlotsItDidNotGive) {
  Flight<std::string> flight;
  const auto slot = flight.add("a").first;
  EXPECT_FALSE(flight.take(0));
  EXPECT_FALSE(flight.take(slot + 1));
  EXPECT_FALSE(flight.take(~std::uint64_t{0}));
  EXPECT_EQ(flight.size(), 1U);
}

TEST(AFlight, HoldsAsManyAsAWindowCanHave) {
  Flight<int> flight;
  std::vector<std::uint64_t> slots;
  for (int n = 0; n < 65'535; ++n) slots.push_back(flight.add(int{n}).first);
  EXPECT_EQ(flight.size(), 65'535U);
  for (int n = 65'534; n >= 0; --n) ASSERT_EQ(flight.take(slots[static_cast<std::size_t>(n)]), n);
  EXPECT_TRUE(flight.empty());
}

}  // namespace
}  // namespace tidegate::forward
