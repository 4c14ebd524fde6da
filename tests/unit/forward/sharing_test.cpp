// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/sharing.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::forward {
namespace {

/// Everybody has something of this size to send, always.
std::vector<std::int64_t> units_sent(std::vector<unsigned> weights, std::vector<std::int64_t> sizes, int messages) {
  std::vector<std::int64_t> units(weights.size());
  Sharing sharing(std::move(weights));
  for (int n = 0; n < messages; ++n) {
    const auto who = sharing.next([](std::size_t) { return true; });
    sharing.charge(*who, sizes[*who]);
    units[*who] += sizes[*who];
  }
  return units;
}

TEST(Sharing, LetsEqualsTakeTurns) {
  Sharing sharing({4, 4, 4});
  std::string order;
  for (int n = 0; n < 6; ++n) {
    const auto who = *sharing.next([](std::size_t) { return true; });
    sharing.charge(who, 1);
    order += std::to_string(who);
  }
  EXPECT_EQ(order, "012012");
}

TEST(Sharing, GivesEachHisWeight) {
  const auto units = units_sent({16, 4, 1}, {1, 1, 1}, 2100);
  EXPECT_NEAR(units[0], 1600, 16);
  EXPECT_NEAR(units[1], 400, 4);
  EXPECT_NEAR(units[2], 100, 1);
}

TEST(Sharing, ReckonsInSizeNotInMessages) {
  const auto units = units_sent({1, 1}, {1, 50}, 5100);
  EXPECT_NEAR(static_cast<double>(units[0]) / static_cast<double>(units[1]), 1.0, 0.05);
}

TEST(Sharing, GivesAllToTheOnlyOneWhoHasSomethingWhateverHeOwes) {
  Sharing sharing({1, 1'000});
  sharing.charge(0, 1'000'000);
  for (int n = 0; n < 10; ++n) {
    const auto who = sharing.next([](std::size_t index) { return index == 0; });
    ASSERT_EQ(who, 0U);
    sharing.charge(0, 1'000'000);
  }
}

TEST(Sharing, LetsNobodySaveUpWhileHeHasNothing) {
  Sharing sharing({1, 1});
  for (int n = 0; n < 1000; ++n) {
    const auto who = sharing.next([](std::size_t index) { return index == 0; });
    sharing.charge(*who, 1);
  }
  int second = 0;
  for (int n = 0; n < 100; ++n) {
    const auto who = *sharing.next([](std::size_t) { return true; });
    sharing.charge(who, 1);
    second += who == 1 ? 1 : 0;
  }
  EXPECT_NEAR(second, 50, 1);
}

TEST(Sharing, HasNobodyWhenNobodyHasSomethingAndAsksEachOnce) {
  Sharing sharing({3, 1, 2});
  int asked = 0;
  EXPECT_FALSE(sharing.next([&](std::size_t) {
    ++asked;
    return false;
  }));
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(Sharing({}).next([](std::size_t) { return true; }));
}

TEST(Sharing, AsksNobodyButHimWhoIsToSend) {
  Sharing sharing({1, 1, 1, 1});
  for (int n = 0; n < 8; ++n) {
    std::vector<std::size_t> asked;
    const auto who = *sharing.next([&](std::size_t index) {
      asked.push_back(index);
      return true;
    });
    sharing.charge(who, 1);
    EXPECT_EQ(asked, std::vector<std::size_t>{who});
  }
}

}  // namespace
}  // namespace tidegate::forward
