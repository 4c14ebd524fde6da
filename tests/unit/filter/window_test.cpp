// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"

namespace tidegate::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Median, IsOfTheLastSoManyValues) {
  // 10 | 10 30: 20 | 10 30 20: 20 | 30 20 90: 30 | 20 90 25: 25
  EXPECT_THAT(Chain("{ median = 3 }").pass({10.0, 30.0, 20.0, 90.0, 25.0}),
              ElementsAre(Value(10.0), Value(20.0), Value(20.0), Value(30.0), Value(25.0)));
}

TEST(Median, OfAnEvenNumberIsBetweenTheTwoInTheMiddle) {
  EXPECT_THAT(Chain("{ median = { window_size = 4 } }").pass({4.0, 1.0, 3.0, 100.0}),
              ElementsAre(Value(4.0), Value(2.5), Value(3.0), Value(3.5)));
}

TEST(Median, OfManyDoesNotDependOnTheirOrder) {
  Chain chain("{ median = 100 }");
  for (int n = 0; n < 100; ++n) chain.put(double(n * 37 % 100));  // each of 0 to 99 once
  EXPECT_EQ(chain.out.back().value, Value(49.5));
}

TEST(Median, TakesOneSpikeAway) {
  for (const auto& value : Chain("{ median = 5 }").pass({20.0, 20.0, 20.0, 850.0, 20.0, 20.0, 20.0, 20.0}))
    EXPECT_EQ(value, Value(20.0));
}

TEST(AWindow, IsSentAtFirstAfterSendFirstAtAndThenEverySendEveryValues) {
  // ESPHome's example: window_size 7, send_every 4, send_first_at 3.
  EXPECT_THAT(Chain("{ median = { window_size = 7, send_every = 4, send_first_at = 3 } }")
                  .pass({1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0}),
              ElementsAre(Value(2.0), Value(4.0), Value(8.0)));
  EXPECT_THAT(Chain("{ sliding_average = { window_size = 15, send_every = 3 } }").pass({1.0, 2.0, 3.0, 4.0, 5.0}),
              ElementsAre(Value(1.0), Value(2.5)));
}

TEST(SlidingAverage, IsTheMeanOfTheLastSoManyValues) {
  EXPECT_THAT(Chain("{ sliding_average = 3 }").pass({3.0, 5.0, 10.0, 0.0}),
              ElementsAre(Value(3.0), Value(4.0), Value(6.0), Value(5.0)));
}

TEST(AWindow, MakesNumbersOfIntegersAndKeepsUnitAndTimeOfTheNewest) {
  Chain chain("{ sliding_average = 2 }");
  chain.put(std::int64_t{1});
  chain.clock.advance(std::chrono::seconds(1));
  chain.put(Reading{std::int64_t{2}, "V", Quality::uncertain, chain.clock.wall(), ClockQuality::rtc});
  ASSERT_EQ(chain.out.size(), 2U);
  EXPECT_EQ(chain.out[0].value, Value(1.0));
  EXPECT_EQ(chain.out[1].value, Value(1.5));
  EXPECT_EQ(chain.out[1].unit, "V");
  EXPECT_EQ(chain.out[1].taken, chain.clock.wall());
  EXPECT_EQ(chain.out[1].clock, ClockQuality::rtc);
  EXPECT_EQ(chain.out[1].quality, Quality::uncertain);
}

TEST(AWindow, NeverHoldsBadReadingsOrWhatIsNoNumber) {
  for (const auto* filter : {"{ sliding_average = 2 }", "{ median = 2 }"}) {
    Chain chain(filter);
    chain.put(2.0);
    chain.put(100.0, Quality::bad);
    chain.put(std::nan(""));
    chain.put(std::string("open"));
    chain.put(true);
    chain.put(HUGE_VAL);
    chain.put(4.0);
    ASSERT_EQ(chain.out.size(), 7U) << filter;
    EXPECT_EQ(chain.out[1].value, Value(100.0));
    EXPECT_EQ(chain.out[1].quality, Quality::bad);
    EXPECT_EQ(chain.out[2].quality, Quality::bad);
    EXPECT_EQ(chain.out[3].value, Value(std::string("open")));
    EXPECT_EQ(chain.out[3].quality, Quality::good);
    EXPECT_EQ(chain.out[4].value, Value(true));
    EXPECT_EQ(chain.out[6].value, Value(3.0)) << filter;
  }
}

TEST(AWindow, DoesNotCountBadReadingsTowardsItsNextTurn) {
  Chain chain("{ median = { window_size = 3, send_every = 2, send_first_at = 2 } }");
  chain.put(1.0);
  chain.put(9.0, Quality::bad);
  ASSERT_EQ(chain.out.size(), 1U);
  chain.put(3.0);
  ASSERT_EQ(chain.out.size(), 2U);
  EXPECT_EQ(chain.out[1].value, Value(2.0));
}

TEST(AWindow, ComplainsAboutASizeOrATurnThatIsNone) {
  EXPECT_EQ(complaints_about("{ median = 0 }"),
            "t.toml:2:14: [[null.filters]] median: 0 is out of range; it goes from 1 to 10000");
  EXPECT_THAT(complaints_about("{ sliding_average = 10001 }"), HasSubstr("sliding_average: 10001 is out of range"));
  EXPECT_THAT(complaints_about("{ median = \"5\" }"), HasSubstr("expected an integer, found the string \"5\""));
  EXPECT_THAT(complaints_about("{ median = { window_size = 0 } }"), HasSubstr("window_size: 0 is out of range"));
  EXPECT_THAT(complaints_about("{ median = { send_every = 0 } }"), HasSubstr("send_every: 0 is out of range"));
  EXPECT_EQ(complaints_about("{ median = { send_every = 2, send_first_at = 3 } }"),
            "t.toml:2:41: [null.filters.median] send_first_at: 3 is more than send_every, which is 2; it goes from 1 "
            "to that");
  EXPECT_THAT(complaints_about("{ median = { windw_size = 5 } }"), HasSubstr("did you mean \"window_size\"?"));
}

}  // namespace
}  // namespace tidegate::test
