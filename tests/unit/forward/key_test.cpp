// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/key.hpp"

#include <gtest/gtest.h>

namespace tidegate::forward {
namespace {

TEST(ADedupeKey, NamesGatewayLaneEpochSequenceTimeAndClock) {
  spool::Record record;
  record.epoch = 3;
  record.sequence = 41;
  record.wall = WallTime{std::chrono::seconds{1'700'000'000}};
  record.clock = ClockQuality::ntp;
  EXPECT_EQ(dedupe_key("uuid", "default", record), "uuid/default/3/41/2023-11-14T22:13:20.000Z/ntp");
}

TEST(ADedupeKey, ReplacesTheOneOfAnotherGatewayAndKeepsOtherProperties) {
  Properties properties;
  properties.user = {{"a", "1"}, {"tidegate", "other/…"}, {"b", "2"}};
  set_key(properties, "mine");
  EXPECT_EQ(properties.user, (decltype(properties.user){{"a", "1"}, {"tidegate", "mine"}, {"b", "2"}}));
}

TEST(AMessage, IsOwnOnlyWithTheMarkOfThisGateway) {
  Properties properties;
  EXPECT_FALSE(is_own(properties, "me"));
  set_key(properties, "me/lane/1/2");
  EXPECT_TRUE(is_own(properties, "me"));
  EXPECT_FALSE(is_own(properties, "you"));
}

}  // namespace
}  // namespace tidegate::forward
