// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/button.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class AButton : public testing::Test {
 protected:
  std::vector<std::string> told;
  std::vector<Nanoseconds> times;
  Button button{{}, [this](Button::Event event, Nanoseconds at) {
                  told.emplace_back(to_string(event));
                  times.push_back(at);
                }};

  void press(Nanoseconds at) { button.edge(true, at); }
  void release(Nanoseconds at) { button.edge(false, at); }
};

TEST_F(AButton, TellsAClickOnceNoSecondOneCanFollow) {
  press(10ms);
  release(110ms);
  EXPECT_THAT(told, ElementsAre("press", "release"));
  ASSERT_EQ(button.due(), 410ms);
  button.tick(409ms);
  EXPECT_EQ(told.size(), 2U);
  button.tick(410ms);
  EXPECT_THAT(told, ElementsAre("press", "release", "click"));
  EXPECT_EQ(button.due(), std::nullopt);
}

TEST_F(AButton, TellsTwoClicksInTimeAsADoubleOneAndNoClick) {
  press(0ms);
  release(100ms);
  press(399ms);
  release(500ms);
  button.tick(10s);
  EXPECT_THAT(told, ElementsAre("press", "release", "press", "release", "double"));
}

TEST_F(AButton, TellsTwoClicksWhenTheSecondComesTooLate) {
  press(0ms);
  release(100ms);
  press(400ms);
  release(500ms);
  button.tick(10s);
  EXPECT_THAT(told, ElementsAre("press", "release", "click", "press", "release", "click"));
}

TEST_F(AButton, TellsAHoldWhenItIsReachedAndNoClickAfterIt) {
  press(0ms);
  ASSERT_EQ(button.due(), 1s);
  button.tick(1s);
  EXPECT_THAT(told, ElementsAre("press", "hold"));
  release(5s);
  button.tick(20s);
  EXPECT_THAT(told, ElementsAre("press", "hold", "release"));
}

TEST_F(AButton, GoesByTheTimesOfTheEdgesHoweverLateTheyAreGiven) {
  press(0ms);
  release(900ms);  // given long after the second in which a hold is due
  button.tick(10s);
  EXPECT_THAT(told, ElementsAre("press", "release", "click"));

  told.clear();
  press(20s);
  release(22s);  // nobody ticked meanwhile
  EXPECT_THAT(told, ElementsAre("press", "hold", "release"));
  EXPECT_EQ(times[times.size() - 2], 21s);
}

TEST_F(AButton, TellsTheFirstOfTwoPressesAsAClickWhenTheSecondIsHeld) {
  press(0ms);
  release(100ms);
  press(200ms);
  button.tick(2s);
  release(3s);
  EXPECT_THAT(told, ElementsAre("press", "release", "press", "click", "hold", "release"));
}

TEST_F(AButton, IgnoresAnEdgeToTheLevelThatIsThere) {
  press(0ms);
  press(10ms);
  release(20ms);
  release(30ms);
  EXPECT_THAT(told, ElementsAre("press", "release"));
}

TEST_F(AButton, AssumedPressedAtTheStartTellsItsReleaseAlone) {
  button.assume(true);
  EXPECT_THAT(told, IsEmpty());
  EXPECT_EQ(button.due(), std::nullopt);
  release(5s);
  button.tick(10s);
  EXPECT_THAT(told, ElementsAre("release"));
}

TEST(AButtonWithoutDoubleClicks, TellsAClickAtTheRelease) {
  std::vector<std::string> told;
  Button button({.hold = 0s, .double_click = 0ms},
                [&](Button::Event event, Nanoseconds) { told.emplace_back(to_string(event)); });
  button.edge(true, 0s);
  EXPECT_EQ(button.due(), std::nullopt);
  button.edge(false, 50s);
  EXPECT_THAT(told, ElementsAre("press", "release", "click"));
}

}  // namespace
}  // namespace tidegate::plugins::gpio
