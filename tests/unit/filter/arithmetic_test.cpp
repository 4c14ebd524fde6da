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
using I = std::int64_t;

TEST(Clamp, PutsTheBoundInThePlaceOfWhatIsBeyondIt) {
  EXPECT_THAT(Chain("{ clamp = { min = 10, max = 75 } }").pass({9.5, 10.0, 42.5, 75.0, 80.0}),
              ElementsAre(Value(10.0), Value(10.0), Value(42.5), Value(75.0), Value(75.0)));
  EXPECT_THAT(Chain("{ clamp = { min = 0 } }").pass({-1.0, 1e300}), ElementsAre(Value(0.0), Value(1e300)));
  EXPECT_THAT(Chain("{ clamp = { max = 0 } }").pass({-1e300, 1.0}), ElementsAre(Value(-1e300), Value(0.0)));
}

TEST(Clamp, MarksWhatItChangedAsUncertain) {
  Chain chain("{ clamp = { min = 0, max = 10 } }");
  chain.put(5.0);
  chain.put(11.0);
  ASSERT_EQ(chain.out.size(), 2U);
  EXPECT_EQ(chain.out[0].quality, Quality::good);
  EXPECT_EQ(chain.out[1].quality, Quality::uncertain);
}

TEST(Clamp, LeavesOutWhatIsBeyondWhenItIsToIgnoreIt) {
  EXPECT_THAT(Chain("{ clamp = { min = 10, max = 75, ignore_out_of_range = true } }").pass({9.5, 10.0, 75.5, 75.0}),
              ElementsAre(Value(10.0), Value(75.0)));
}

TEST(Clamp, LeavesAnIntegerInItsRangeWhatItIs) {
  EXPECT_THAT(Chain("{ clamp = { min = 0, max = 10 } }").pass({I{3}, I{30}}), ElementsAre(Value(I{3}), Value(10.0)));
}

TEST(Clamp, ComplainsAboutBoundsThatAreNone) {
  EXPECT_EQ(complaints_about("{ clamp = {} }"),
            "t.toml:2:22: [null.filters.clamp]: has neither min nor max; write { min = 0, max = 100 }");
  EXPECT_EQ(complaints_about("{ clamp = { min = 5, max = 1.5 } }"),
            "t.toml:2:24: [null.filters.clamp] min: 5 is more than max, which is 1.5; exchange them");
  EXPECT_THAT(complaints_about("{ clamp = { min = nan } }"), HasSubstr("out of range"));
  EXPECT_THAT(complaints_about("{ clamp = { minimum = 1, max = 2 } }"), HasSubstr("\"minimum\": unknown key"));
  EXPECT_THAT(complaints_about("{ clamp = 5 }"), HasSubstr("expected one table"));
}

/// One number through calibrate_linear.
double calibrated(const std::string& points, double number) {
  Chain chain("{ calibrate_linear = " + points + " }");
  chain.put(number);
  return chain.out.size() == 1 ? std::get<double>(chain.out[0].value) : NAN;
}

TEST(CalibrateLinear, IsTheLineThroughTwoPoints) {
  // ESPHome's example: 0.0 measured is 1.0, 10.0 measured is 12.1.
  EXPECT_NEAR(calibrated("[[0.0, 1.0], [10.0, 12.1]]", 0), 1.0, 1e-12);
  EXPECT_NEAR(calibrated("[[0.0, 1.0], [10.0, 12.1]]", 10), 12.1, 1e-12);
  EXPECT_NEAR(calibrated("[[0.0, 1.0], [10.0, 12.1]]", 5), 6.55, 1e-12);
  EXPECT_NEAR(calibrated("[[0.0, 1.0], [10.0, 12.1]]", 20), 23.2, 1e-12);
}

TEST(CalibrateLinear, IsTheLineOfLeastSquaresThroughMore) {
  // Of (0,1), (1,3), (2,4): means 1 and 8/3; slope (1*5/3 + 1*4/3) / 2 = 3/2; offset 8/3 - 3/2 = 7/6.
  EXPECT_NEAR(calibrated("[[0, 1], [1, 3], [2, 4]]", 0), 7.0 / 6, 1e-12);
  EXPECT_NEAR(calibrated("[[0, 1], [1, 3], [2, 4]]", 2), 25.0 / 6, 1e-12);
  // One measured value twice: the line goes between.
  EXPECT_NEAR(calibrated("[[0, 0], [10, 9], [10, 11]]", 10), 10, 1e-12);
}

TEST(CalibrateLinear, MakesANumberOfAnInteger) {
  EXPECT_THAT(Chain("{ calibrate_linear = [[0, 0], [1, 2]] }").pass({I{3}}), ElementsAre(Value(6.0)));
}

TEST(CalibrateLinear, NeedsTwoDifferentPoints) {
  const auto* const needs = "needs at least two points with different measured values";
  EXPECT_THAT(complaints_about("{ calibrate_linear = [] }"), HasSubstr("has 0 pairs of numbers; it needs at least 2"));
  EXPECT_THAT(complaints_about("{ calibrate_linear = [[1, 2]] }"), HasSubstr("has 1 pairs"));
  EXPECT_THAT(complaints_about("{ calibrate_linear = [[1, 2], [1, 3]] }"), HasSubstr(needs));
  EXPECT_THAT(complaints_about("{ calibrate_linear = [[-1e308, 0], [1e308, 1e308]] }"), HasSubstr(needs));
  EXPECT_EQ(
      complaints_about("{ calibrate_linear = [[1, 2], [2]] }"),
      "t.toml:2:42: [[null.filters]] calibrate_linear: expected a pair of numbers, like [0, 0.2], found another list");
  EXPECT_THAT(complaints_about("{ calibrate_linear = 1.5 }"), HasSubstr("expected a list of pairs of numbers"));
}

TEST(Round, KeepsSoManyDecimals) {
  EXPECT_THAT(Chain("{ round = 1 }").pass({21.449, 21.46, -0.25, 3.0}),
              ElementsAre(Value(21.4), Value(21.5), Value(-0.3), Value(3.0)));
  EXPECT_THAT(Chain("{ round = 0 }").pass({2.5, -2.5, 2.4}), ElementsAre(Value(3.0), Value(-3.0), Value(2.0)));
  EXPECT_THAT(Chain("{ round = 15 }").pass({1e300, 0.1}), ElementsAre(Value(1e300), Value(0.1)));
}

TEST(Round, LeavesAnIntegerWhatItIs) {
  const I large = 9'007'199'254'740'993;  // no double
  EXPECT_THAT(Chain("{ round = 2 }").pass({large}), ElementsAre(Value(large)));
}

TEST(Round, ComplainsAboutDecimalsThatThereAreNot) {
  EXPECT_THAT(complaints_about("{ round = -1 }"), HasSubstr("round: -1 is out of range; it goes from 0 to 15"));
  EXPECT_THAT(complaints_about("{ round = 16 }"), HasSubstr("out of range"));
  EXPECT_THAT(complaints_about("{ round = 0.1 }"), HasSubstr("expected an integer"));
}

TEST(Arithmetic, LeavesTextsSwitchesAndBadReadingsAlone) {
  for (const auto* filter :
       {"{ clamp = { min = 5, max = 6 } }", "{ calibrate_linear = [[0, 1], [1, 3]] }", "{ round = 0 }"}) {
    Chain chain(filter);
    EXPECT_THAT(chain.pass({true, std::string("7.77")}), ElementsAre(Value(true), Value(std::string("7.77"))))
        << filter;
    chain.put(7.77, Quality::bad);
    EXPECT_EQ(chain.out.back().value, Value(7.77)) << filter;
    chain.put(std::nan(""));
    EXPECT_TRUE(std::isnan(std::get<double>(chain.out.back().value))) << filter;
    EXPECT_EQ(chain.out.back().quality, Quality::bad) << filter;
  }
}

}  // namespace
}  // namespace tidegate::test
