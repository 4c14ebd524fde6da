// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/rate_meter.hpp"

#include <gtest/gtest.h>

namespace tidegate::gateway {
namespace {

using namespace std::chrono_literals;

TEST(ARateMeter, ComesToTheRateOfASteadyCounter) {
  RateMeter meter;
  RateMeter::Time now{};
  for (std::uint64_t second = 0; second <= 300; ++second) meter.sample(second * 20, now + std::chrono::seconds(second));
  EXPECT_NEAR(meter.per_second(), 20, 0.1);
}

TEST(ARateMeter, KnowsNothingAfterOneLookAndForgetsWhatHasStopped) {
  RateMeter meter;
  RateMeter::Time now{};
  meter.sample(1'000'000, now);
  EXPECT_EQ(meter.per_second(), 0);
  meter.sample(1'000'100, now += 1s);
  EXPECT_GT(meter.per_second(), 0);
  for (int second = 0; second < 300; ++second) meter.sample(1'000'100, now += 1s);
  EXPECT_LT(meter.per_second(), 0.01);
}

TEST(ARateMeter, CountsACounterThatBeganAnewFromNothing) {
  RateMeter meter;
  RateMeter::Time now{};
  meter.sample(500, now);
  meter.sample(10, now += 1s);
  EXPECT_GT(meter.per_second(), 0);
  EXPECT_LE(meter.per_second(), 10);
}

}  // namespace
}  // namespace tidegate::gateway
