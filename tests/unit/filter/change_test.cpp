// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Delta, PassesTheFirstValueAndThenWhatIsSoFarFromTheLastThatPassed) {
  // ESPHome's example: 1.0 passes, 2.0 does not, only what is at least 6.0 or at most -4.0.
  EXPECT_THAT(Chain("{ delta = 5 }").pass({1.0, 2.0, 5.9, 6.0, 6.5}), ElementsAre(Value(1.0), Value(6.0)));
  EXPECT_THAT(Chain("{ delta = 5 }").pass({1.0, -3.9, -4.0}), ElementsAre(Value(1.0), Value(-4.0)));
}

TEST(Delta, ComparesWithTheLastThatPassedSoThatASlowDriftIsSeen) {
  EXPECT_THAT(Chain("{ delta = 0.5 }").pass({0.0, 0.25, 0.5, 0.75, 1.0}),
              ElementsAre(Value(0.0), Value(0.5), Value(1.0)));
}

TEST(Delta, InPercentIsAShareOfTheLastThatPassed) {
  EXPECT_THAT(Chain("{ delta = \"5%\" }").pass({100.0, 104.5, 105.0, 110.0, 110.25, -105.0}),
              ElementsAre(Value(100.0), Value(105.0), Value(110.25), Value(-105.0)));
  EXPECT_THAT(Chain("{ delta = \"12.5 %\" }").pass({-8.0, -8.75, -9.0}), ElementsAre(Value(-8.0), Value(-9.0)));
}

TEST(Delta, OfNothingPassesEveryChange) {
  EXPECT_THAT(Chain("{ delta = 0 }").pass({1.0, 1.0, 1.25, 1.25}), ElementsAre(Value(1.0), Value(1.25)));
  EXPECT_THAT(Chain("{ delta = \"5%\" }").pass({0.0, 0.0, 0.25}), ElementsAre(Value(0.0), Value(0.25)));
}

TEST(Delta, LeavesIntegersWhatTheyAreAndPassesTextsAndSwitches) {
  using I = std::int64_t;
  EXPECT_THAT(Chain("{ delta = 2 }").pass({I{1}, I{2}, I{3}}), ElementsAre(Value(I{1}), Value(I{3})));
  EXPECT_THAT(Chain("{ delta = 2 }").pass({true, true, std::string("a")}),
              ElementsAre(Value(true), Value(true), Value(std::string("a"))));
}

TEST(Delta, LetsBadReadingsPassWithoutComparingWithThem) {
  Chain chain("{ delta = 5 }");
  chain.put(1.0);
  chain.put(100.0, Quality::bad);
  chain.put(std::nan(""));
  chain.put(2.0);
  ASSERT_EQ(chain.out.size(), 3U);
  EXPECT_EQ(chain.out[1].value, Value(100.0));
  EXPECT_EQ(chain.out[1].quality, Quality::bad);
  EXPECT_TRUE(std::isnan(std::get<double>(chain.out[2].value)));
  EXPECT_EQ(chain.out[2].quality, Quality::bad) << "what is no number is no good reading";
}

TEST(Delta, ComplainsAboutWhatIsNoDistance) {
  EXPECT_EQ(
      complaints_about("{ delta = \"five\" }"),
      "t.toml:2:14: [[null.filters]] delta: \"five\" is no share of the last value; write \"5%\", or a number, 0.5");
  for (const auto* wrong : {"\"%\"", "\"-5%\"", "\"nan%\"", "\"5 %%\"", "\"0x5%\"", "\"inf%\""}) {
    EXPECT_THAT(complaints_about(std::string("{ delta = ") + wrong + " }"), HasSubstr("is no share")) << wrong;
  }
  EXPECT_THAT(complaints_about("{ delta = -1 }"), HasSubstr("t.toml:2:14: [[null.filters]] delta: -1 is out of range"));
  EXPECT_THAT(complaints_about("{ delta = true }"), HasSubstr("expected a number, found true"));
}

TEST(Deadband, PassesWhatMovedByItsBand) {
  EXPECT_THAT(Chain("{ deadband = { band = 0.5, most = \"1h\" } }").pass({20.0, 20.25, 20.5, 20.25, 19.75, 20.0}),
              ElementsAre(Value(20.0), Value(20.5), Value(19.75)));
}

TEST(Deadband, ReportsTheNewestReadingWhenNothingPassedForSoLong) {
  Chain chain("{ deadband = { band = 5, most = \"20ms\" } }");
  chain.put(1.0);
  chain.clock.advance(15ms);
  const WallTime taken = chain.clock.wall();
  chain.put(2.0);
  ASSERT_THAT(chain.seen(), ElementsAre(Value(1.0)));
  chain.turn_for(40ms);
  EXPECT_EQ(chain.out.size(), 1U) << "by the clock only 15 ms have passed";
  chain.clock.advance(5ms);
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 2; })) << "a quiet sensor does not report";
  EXPECT_EQ(chain.out[1].value, Value(2.0));
  EXPECT_EQ(chain.out[1].taken, taken);
  chain.put(6.5);
  EXPECT_EQ(chain.out.size(), 2U) << "it compares with what passed before the report";
  chain.put(7.0);
  EXPECT_EQ(chain.out.size(), 3U);
  chain.clock.advance(20ms);
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 4; }));
  EXPECT_EQ(chain.out[3].value, Value(7.0));
  chain.clock.advance(20ms);
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 5; })) << "it reports only once";
}

TEST(Deadband, ReportsABadReadingAsBadAndDoesNotCompareWithIt) {
  Chain chain("{ deadband = { band = 5, most = \"10ms\" } }");
  chain.put(1.0);
  chain.put(50.0, Quality::bad);
  ASSERT_EQ(chain.out.size(), 2U);
  chain.clock.advance(10ms);
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 3; }));
  EXPECT_EQ(chain.out[2].quality, Quality::bad) << "a sensor that failed reports as if it worked";
  chain.put(2.0);
  EXPECT_EQ(chain.out.size(), 3U);
}

TEST(Deadband, SaysNothingAfterItsChannelIsGone) {
  Chain chain("{ deadband = { band = 5, most = \"1ms\" } }");
  chain.put(1.0);
  chain.clock.advance(1h);
  chain.destroy();
  chain.turn_for(20ms);
  EXPECT_EQ(chain.out.size(), 1U);
}

TEST(Deadband, NeedsItsBandAndItsInterval) {
  EXPECT_EQ(complaints_about("{ deadband = {} }"),
            "t.toml:2:25: [null.filters.deadband]: has no band; write { band = 0.5, most = \"5m\" }\n"
            "t.toml:2:25: [null.filters.deadband]: has no most; write { band = 0.5, most = \"5m\" }");
  EXPECT_THAT(complaints_about("{ deadband = { band = 0.5, most = 5 } }"),
              HasSubstr("5 has no unit; did you mean \"5m\"?"));
  EXPECT_THAT(complaints_about("{ deadband = { band = 0.5, most = \"0s\" } }"), HasSubstr("the least is 1ms"));
  EXPECT_THAT(complaints_about("{ deadband = { band = -0.5, most = \"5m\" } }"), HasSubstr("out of range"));
  EXPECT_THAT(complaints_about("{ deadband = 0.5 }"), HasSubstr("expected one table"));
  EXPECT_THAT(complaints_about("{ deadband = { bend = 0.5, band = 1, most = \"5m\" } }"),
              HasSubstr("\"bend\": unknown key; did you mean \"band\"?"));
}

}  // namespace
}  // namespace tidegate::test
