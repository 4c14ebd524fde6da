// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/pulse_rate.hpp"

#include <gtest/gtest.h>

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;

TEST(APulseRate, IsExactAtAnyPhaseOfTheInterval) {
  PulseRate rate(1min);
  for (int pulse = 0; pulse <= 70; ++pulse) rate.pulse(3ms + pulse * 100ms);  // to 7.003 s
  EXPECT_DOUBLE_EQ(rate.take(7090ms), 10);
  for (int pulse = 71; pulse <= 99; ++pulse) rate.pulse(3ms + pulse * 100ms);
  EXPECT_DOUBLE_EQ(rate.take(10s), 10);
}

TEST(APulseRate, SpansIntervalsWithoutAPulse) {
  PulseRate rate(1min);
  rate.pulse(0s);
  EXPECT_EQ(rate.take(10s), 0) << "one pulse has no frequency";
  rate.pulse(20s);
  EXPECT_DOUBLE_EQ(rate.take(21s), 1.0 / 20);
  EXPECT_DOUBLE_EQ(rate.take(31s), 1.0 / 20) << "the next is not late yet";
  EXPECT_DOUBLE_EQ(rate.take(60s), 1.0 / 40) << "it can be no more than this";
  EXPECT_EQ(rate.take(80s), 0) << "stopped";
}

TEST(APulseRate, BeginsAnewAfterAStop) {
  PulseRate rate(1min);
  rate.pulse(0s);
  rate.pulse(1s);
  EXPECT_DOUBLE_EQ(rate.take(2s), 1);
  EXPECT_EQ(rate.take(10min), 0);
  rate.pulse(11min);
  EXPECT_EQ(rate.take(11min), 0);
  rate.pulse(11min + 500ms);
  EXPECT_DOUBLE_EQ(rate.take(11min + 600ms), 2);
}

TEST(APulseRate, CountsThoseWhoseTimesAreLost) {
  PulseRate rate(1min);
  rate.pulse(0s);
  rate.pulse(1s, 99);
  EXPECT_DOUBLE_EQ(rate.take(1s), 100);
}

}  // namespace
}  // namespace tidegate::plugins::gpio
