// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/switch.hpp"

#include <gtest/gtest.h>

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;
using Change = Switch::Change;

TEST(ASwitch, GoesOffWhenItWasOnForMaxOn) {
  Switch output(10s);
  output.set(true, 100s);
  EXPECT_EQ(output.due(), 110s);
  EXPECT_EQ(output.tick(109s), Change::none);
  EXPECT_EQ(output.tick(110s), Change::on_for_too_long);
  EXPECT_FALSE(output.on());
  EXPECT_EQ(output.due(), std::nullopt);
}

TEST(ASwitch, DoesNotBeginMaxOnAnewWhenItIsToldOnAgain) {
  Switch output(10s);
  output.set(true, 100s);
  output.set(true, 109s);
  output.set(true, 109s, 30s);
  EXPECT_EQ(output.due(), 110s) << "nor does a pulse last longer";
  EXPECT_EQ(output.tick(110s), Change::on_for_too_long);
}

TEST(ASwitch, HasItsMaxOnFromTheStartWhenItWasOnAlready) {
  const Switch output(10s, true, 50s);
  EXPECT_EQ(output.due(), 60s);
}

TEST(ASwitch, EndsAPulseEitherWay) {
  Switch output(0s);
  output.set(true, 0s, 500ms);
  EXPECT_EQ(output.tick(499ms), Change::none);
  EXPECT_EQ(output.tick(500ms), Change::pulse_over);
  EXPECT_FALSE(output.on());
  output.set(true, 1s);
  output.set(false, 2s, 1s);
  EXPECT_EQ(output.due(), 3s);
  EXPECT_EQ(output.tick(3s), Change::pulse_over);
  EXPECT_TRUE(output.on());
}

TEST(ASwitch, ForgetsAPulseWhenItIsToldOtherwise) {
  Switch output(0s);
  output.set(true, 0s, 500ms);
  output.set(true, 100ms);
  EXPECT_EQ(output.due(), std::nullopt);
  EXPECT_EQ(output.tick(1h), Change::none);
  EXPECT_TRUE(output.on());
}

}  // namespace
}  // namespace tidegate::plugins::gpio
