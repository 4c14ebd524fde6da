// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"

namespace tidegate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Filters, ThatAreNoneLeaveTheChannelWhatItIs) {
  StillClock clock;
  RecordingContext context(clock);
  const Lines lines("");
  const Filters filters(lines.block());
  EXPECT_TRUE(filters.empty());
  auto channel = context.channel("a");
  const auto* before = channel.get();
  EXPECT_EQ(filters.before(std::move(channel), context.loop(), clock).get(), before);
}

TEST(Filters, WorkInTheOrderInWhichTheyStand) {
  EXPECT_THAT(Chain("{ clamp = { max = 10 } }, { calibrate_linear = [[0, 0], [1, 2]] }").pass({20.0}),
              ElementsAre(Value(20.0)));
  EXPECT_THAT(Chain("{ calibrate_linear = [[0, 0], [1, 2]] }, { clamp = { max = 10 } }").pass({20.0}),
              ElementsAre(Value(10.0)));
  // The median takes the spike away, so that delta never sees it.
  EXPECT_THAT(Chain("{ median = 3 }, { delta = 5 }").pass({20.0, 20.0, 90.0, 20.0, 20.0}), ElementsAre(Value(20.0)));
}

TEST(Filters, OfTwoChannelsKnowNothingOfEachOther) {
  StillClock clock;
  RecordingContext context(clock);
  const Lines lines("filters = [{ delta = 5 }]\n");
  const ChannelOptions options = channel_options(lines.block());
  const auto one = context.channel("one", options);
  const auto two = context.channel("two", options);
  one->put({.value = 1.0, .unit = ""});
  two->put({.value = 2.0, .unit = ""});
  one->put({.value = 3.0, .unit = ""});
  ASSERT_EQ(context.records.size(), 2U);
  EXPECT_EQ(context.records[1].name, "two");
}

TEST(Filters, ThatDoNotExistAreComplainedAboutWithTheOneThatWasMeant) {
  EXPECT_EQ(complaints_about("{ medain = 5 }"),
            "t.toml:2:14: [[null.filters]] \"medain\": unknown key; did you mean \"median\"?");
  EXPECT_THAT(complaints_about("{ kalman = 5 }"),
              HasSubstr("unknown key; known here: calibrate_linear, clamp, deadband, delta, heartbeat, median, round, "
                        "sliding_average, throttle, timeout"));
}

TEST(Filters, OfOtherNamesElsewhereAreToldByTheirNamesHere) {
  EXPECT_THAT(complaints_about("{ sliding_window_moving_average = 5 }"), HasSubstr("is called sliding_average here"));
  EXPECT_THAT(complaints_about("{ multiply = 2 }"), HasSubstr("is called calibrate_linear here"));
}

TEST(Filters, HaveATableEach) {
  EXPECT_EQ(complaints_about("{ median = 5, delta = 0.5 }"),
            "t.toml:2:12: [[null.filters]]: has 2 keys (delta, median); each filter has a table of its own, in the "
            "order in which "
            "they are to work: [{ median = 5 }, { delta = 0.5 }]");
  EXPECT_EQ(complaints_about("{}"),
            "t.toml:2:12: [[null.filters]]: is empty; name a filter in it, as in { median = 5 }");
  EXPECT_THAT(complaints_about("\"median\""), HasSubstr("t.toml:2:1: [null] filters: expected"));
}

TEST(Filters, ThatAreOneTableAreToldToBeAList) {
  const Lines lines("filters = { median = 5 }\n");
  (void)Filters(lines.block());
  lines.block().finish();
  EXPECT_THAT(lines.complaints(), HasSubstr("filters: is one table; filters are a list"));
  EXPECT_THAT(lines.complaints(), Not(HasSubstr("unknown")));
}

TEST(Filters, AreAllReadSoThatOnePassFindsEveryMistake) {
  const auto all = complaints_about("{ median = 0 }, { delta = -1 }, { rond = 1 }");
  EXPECT_THAT(all, testing::AllOf(HasSubstr("t.toml:2:14:"), HasSubstr("t.toml:2:30:"), HasSubstr("t.toml:2:46:")));
}

}  // namespace
}  // namespace tidegate::test
