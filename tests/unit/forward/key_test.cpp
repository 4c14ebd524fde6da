// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/key.hpp"

#include <gtest/gtest.h>

namespace tidegate::forward {
namespace {

spool::Record record(std::uint32_t epoch, std::uint64_t sequence) {
  spool::Record made;
  made.epoch = epoch;
  made.sequence = sequence;
  return made;
}

constexpr WallTime time{std::chrono::milliseconds{1'700'000'000'007}};

TEST(ADedupeKey, NamesGatewayLaneEpochSequenceTimeAndClock) {
  KeyWriter writer("uuid", "default");
  EXPECT_EQ(writer.write(record(3, 41), time, ClockQuality::ntp, false),
            "uuid/default/3/41/2023-11-14T22:13:20.007Z/ntp");
}

TEST(ADedupeKey, EndsWithResentWhenItMayHaveBeenSentBefore) {
  KeyWriter writer("uuid", "default");
  EXPECT_EQ(writer.write(record(3, 41), time, ClockQuality::rtc, true),
            "uuid/default/3/41/2023-11-14T22:13:20.007Z/rtc/resent");
}

TEST(ADedupeKey, KeepsNothingOfTheOneBefore) {
  KeyWriter writer("uuid", "default");
  (void)writer.write(record(3, 123456), time, ClockQuality::ntp, true);
  EXPECT_EQ(writer.write(record(4, 7), time + std::chrono::milliseconds{992}, ClockQuality::unsynced, false),
            "uuid/default/4/7/2023-11-14T22:13:20.999Z/none");
  EXPECT_EQ(writer.write(record(4, 8), time + std::chrono::milliseconds{993}, ClockQuality::unsynced, false),
            "uuid/default/4/8/2023-11-14T22:13:21.000Z/none");
  EXPECT_EQ(writer.write(record(4, 9), time, ClockQuality::unsynced, false),
            "uuid/default/4/9/2023-11-14T22:13:20.007Z/none");
  EXPECT_EQ(writer.write(record(4, 10), WallTime{std::chrono::milliseconds{-1}}, ClockQuality::unsynced, false),
            "uuid/default/4/10/1969-12-31T23:59:59.999Z/none");
}

TEST(ADedupeKey, IsReadBackAsItWasWritten) {
  KeyWriter writer("uuid", "default");
  for (const bool resent : {false, true}) {
    const auto key =
        parse_key(writer.write(record(4'294'967'295, 18'446'744'073'709'551'615U), time, ClockQuality::rtc, resent));
    ASSERT_TRUE(key);
    EXPECT_EQ(*key, (Key{"uuid", "default", 4'294'967'295, 18'446'744'073'709'551'615U, "2023-11-14T22:13:20.007Z",
                         ClockQuality::rtc, resent}));
  }
}

TEST(ADedupeKey, IsNotReadFromWhatIsNotOne) {
  for (const auto* text :
       {"", "uuid", "uuid/lane/1/2/t", "uuid/lane/1/2/t/sundial", "uuid/lane/1/2/t/ntp/again", "uuid/lane/1/2/t/ntp/",
        "uuid/lane/1/2/t/ntp/resent/", "uuid/lane/-1/2/t/ntp", "uuid/lane/4294967296/2/t/ntp", "uuid/lane/1/2x/t/ntp",
        "uuid/lane//2/t/ntp", "/lane/1/2/t/ntp", "uuid//1/2/t/ntp", "uuid/lane/1/2//ntp"}) {
    EXPECT_FALSE(parse_key(text)) << text;
  }
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
