// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Throttle, PassesOneInItsTime) {
  Chain chain("{ throttle = \"10s\" }");
  std::vector<double> given;
  for (int second = 0; second < 25; ++second) {
    chain.put(double(second));
    chain.clock.advance(1s);
  }
  EXPECT_THAT(chain.seen(), ElementsAre(Value(0.0), Value(10.0), Value(20.0)));
}

TEST(Throttle, WorksOnTextsAndSwitchesToo) {
  EXPECT_THAT(Chain("{ throttle = \"10s\" }").pass({true, false}), ElementsAre(Value(true)));
  EXPECT_THAT(Chain("{ throttle = \"10s\" }").pass({std::string("a"), std::string("b")}),
              ElementsAre(Value(std::string("a"))));
}

TEST(Throttle, LetsAReadingThatTurnedBadPassAtOnceAndThenNoMoreOfThem) {
  Chain chain("{ throttle = \"10s\" }");
  chain.put(1.0);
  chain.clock.advance(1s);
  chain.put(1.0, Quality::bad);
  chain.put(2.0, Quality::bad);
  ASSERT_EQ(chain.out.size(), 2U);
  EXPECT_EQ(chain.out[1].quality, Quality::bad);
  chain.clock.advance(9s);
  chain.put(3.0);
  EXPECT_EQ(chain.out.size(), 3U) << "the bad one put the next turn off";
}

TEST(Heartbeat, SendsTheLastReadingOnItsGridAndNothingElse) {
  Chain chain("{ heartbeat = \"20ms\" }");
  chain.put(1.0);
  const WallTime taken = chain.clock.wall();
  chain.put(2.0);
  EXPECT_TRUE(chain.out.empty());
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() >= 2; })) << "it sends only once";
  EXPECT_EQ(chain.out[0].value, Value(2.0));
  EXPECT_EQ(chain.out[1].value, Value(2.0));
  EXPECT_EQ(chain.out[1].taken, taken) << "a repetition is no new observation";
}

TEST(Heartbeat, SendsNothingBeforeTheFirstReading) {
  Chain chain("{ heartbeat = \"1ms\" }");
  chain.turn_for(20ms);
  EXPECT_TRUE(chain.out.empty());
}

TEST(Heartbeat, ThatIsOptimisticPassesEachAsItComesToo) {
  Chain chain("{ heartbeat = { interval = \"20ms\", optimistic = true } }");
  EXPECT_THAT(chain.pass({std::string("a"), true}), ElementsAre(Value(std::string("a")), Value(true)));
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() >= 3; }));
  EXPECT_EQ(chain.out[2].value, Value(true));
}

TEST(Heartbeat, SaysOfABadReadingThatItIsBad) {
  Chain chain("{ heartbeat = \"5ms\" }");
  chain.put(1.0);
  chain.put(1.0, Quality::bad);
  ASSERT_TRUE(chain.turn_until([&] { return !chain.out.empty(); }));
  EXPECT_EQ(chain.out[0].quality, Quality::bad);
}

TEST(Timeout, SaysTheLastReadingOnceMoreAsBad) {
  Chain chain("{ timeout = \"20ms\" }");
  const WallTime taken = chain.clock.wall();
  chain.put(21.5);
  chain.clock.advance(19ms);
  chain.turn_for(40ms);
  ASSERT_EQ(chain.out.size(), 1U) << "too early";
  chain.clock.advance(1ms);
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 2; }));
  EXPECT_EQ(chain.out[1].value, Value(21.5));
  EXPECT_EQ(chain.out[1].quality, Quality::bad);
  EXPECT_EQ(chain.out[1].taken, taken);
  EXPECT_EQ(chain.out[1].unit, "u");
  chain.clock.advance(1h);
  chain.turn_for(40ms);
  EXPECT_EQ(chain.out.size(), 2U) << "it is to say so once";
  chain.put(22.0);
  chain.clock.advance(20ms);
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 4; })) << "a second silence is not noticed";
  EXPECT_EQ(chain.out[2].quality, Quality::good);
  EXPECT_EQ(chain.out[3].quality, Quality::bad);
}

TEST(Timeout, BeginsAnewWithEachReading) {
  Chain chain("{ timeout = \"10ms\" }");
  for (int n = 0; n < 5; ++n) {
    chain.put(double(n));
    chain.clock.advance(9ms);
    chain.turn_for(12ms);
  }
  EXPECT_EQ(chain.out.size(), 5U);
}

TEST(Timeout, PutsAnotherValueInPlaceWhenItHasOne) {
  for (const auto& [given, value] : std::vector<std::pair<std::string, Value>>{
           {"0", 0.0}, {"-1.5", -1.5}, {"false", false}, {"\"gone\"", std::string("gone")}}) {
    Chain chain("{ timeout = { after = \"5ms\", value = " + given + " } }");
    chain.put(true);
    chain.clock.advance(5ms);
    ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 2; })) << given;
    EXPECT_EQ(chain.out[1].value, value) << given;
    EXPECT_EQ(chain.out[1].quality, Quality::good);
    EXPECT_EQ(chain.out[1].taken, chain.clock.wall());
  }
}

TEST(Timeout, TakesNoBadReadingForASignOfLife) {
  Chain chain("{ timeout = { after = \"10ms\", value = 0 } }");
  chain.put(5.0);
  chain.clock.advance(6ms);
  chain.put(5.0, Quality::bad);
  chain.clock.advance(6ms);
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 3; }));
  EXPECT_EQ(chain.out[2].value, Value(0.0));
  chain.put(5.0, Quality::bad);
  chain.clock.advance(1h);
  chain.turn_for(20ms);
  EXPECT_EQ(chain.out.size(), 4U);
}

TEST(Timeout, NoticesASensorThatWasBadFromTheBeginning) {
  Chain chain("{ timeout = { after = \"5ms\", value = 0 } }");
  chain.put(5.0, Quality::bad);
  chain.clock.advance(5ms);
  ASSERT_TRUE(chain.turn_until([&] { return chain.out.size() == 2; }));
}

TEST(ATimer, EndsWithItsChannel) {
  for (const auto* filter : {"{ heartbeat = \"1ms\" }", "{ timeout = \"1ms\" }"}) {
    Chain chain(filter);
    chain.put(1.0);
    chain.clock.advance(1h);
    const auto before = chain.out.size();
    chain.destroy();
    chain.turn_for(20ms);
    EXPECT_EQ(chain.out.size(), before) << filter;
  }
}

TEST(APace, ComplainsAboutTimesThatAreNone) {
  EXPECT_EQ(complaints_about("{ throttle = 10 }"),
            "t.toml:2:14: [[null.filters]] throttle: 10 has no unit; did you mean \"10s\"?");
  EXPECT_THAT(complaints_about("{ throttle = \"0s\" }"), HasSubstr("the least is 1ms"));
  EXPECT_THAT(complaints_about("{ throttle = \"400d\" }"), HasSubstr("the most is 366d"));
  EXPECT_THAT(complaints_about("{ heartbeat = \"0s\" }"), HasSubstr("the least is 1ms"));
  EXPECT_EQ(complaints_about("{ heartbeat = { optimistic = true } }"),
            "t.toml:2:26: [null.filters.heartbeat]: has no interval; write { interval = \"60s\", optimistic = true }");
  EXPECT_THAT(complaints_about("{ heartbeat = { interval = \"1s\", optimistc = true } }"),
              HasSubstr("did you mean \"optimistic\"?"));
  EXPECT_THAT(complaints_about("{ timeout = true }"), HasSubstr("expected a duration in quotes"));
  EXPECT_THAT(complaints_about("{ timeout = { value = 0 } }"),
              HasSubstr("has no after; write { after = \"5m\", value = 0 }"));
  EXPECT_THAT(complaints_about("{ timeout = { after = \"5m\", value = [1] } }"),
              HasSubstr("expected a number, found a list"));
}

}  // namespace
}  // namespace tidegate::test
