// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/bucket.hpp"

#include <gtest/gtest.h>

namespace tidegate::forward {
namespace {

using namespace std::chrono_literals;

constexpr Bucket::Time start{1'000s};

/// How many of this size go in the time, each as soon as it may.
int sent(Rate rate, std::size_t bytes, std::chrono::nanoseconds within) {
  Bucket bucket(rate);
  int count = 0;
  for (auto now = start; now <= start + within; now = std::max(now, bucket.ready_at())) {
    bucket.take(bytes, now);
    ++count;
  }
  return count;
}

TEST(ABucket, NeverDelaysWithoutALimit) {
  Bucket bucket({});
  for (int n = 0; n < 1000; ++n) bucket.take(1 << 20, start);
  EXPECT_LE(bucket.ready_at(), start);
}

TEST(ABucket, LetsABurstOfOneSecondGoAndThenTheRate) {
  EXPECT_EQ(sent({10, 0}, 1, 0s), 10);
  EXPECT_EQ(sent({10, 0}, 1, 100s), 10 + 1000);
}

TEST(ABucket, KeepsARateOfOneMessageInFifteenSeconds) {
  const Rate rate{1.0 / 15, 0};
  EXPECT_EQ(sent(rate, 1, 14s), 1);
  EXPECT_EQ(sent(rate, 1, 15s + 1ms), 2);
  EXPECT_EQ(sent(rate, 1, 3600s + 1ms), 1 + 240);
}

TEST(ABucket, FillsNoFurtherThanABurst) {
  Bucket bucket({10, 0});
  bucket.take(1, start);
  const auto later = start + 1h;
  int burst = 0;
  for (; bucket.ready_at() <= later; ++burst) bucket.take(1, later);
  EXPECT_EQ(burst, 10);
}

TEST(ABucket, CountsBytes) {
  EXPECT_EQ(sent({0, 1000}, 100, 0s), 10);
  EXPECT_EQ(sent({0, 1000}, 100, 10s), 10 + 100);
}

TEST(ABucket, LetsAMessageLargerThanTheBurstGoAndPaysForItAfterwards) {
  Bucket bucket({0, 1000});
  EXPECT_LE(bucket.ready_at(), start);
  bucket.take(10'000, start);
  EXPECT_GT(bucket.ready_at(), start + 9s);
  EXPECT_LE(bucket.ready_at(), start + 9s + 1us);
}

TEST(ABucket, WaitsForTheSlowerOfTheTwoLimits) {
  Bucket bucket({1, 10});
  bucket.take(100, start);
  EXPECT_GT(bucket.ready_at(), start + 8s);
  Bucket other({1, 1000});
  other.take(1, start);
  EXPECT_EQ(other.ready_at(), start + 1s);
}

TEST(ABucket, ChargesThoseThatDidNotWait) {
  Bucket bucket({1, 0});
  for (int n = 0; n < 5; ++n) bucket.take(1, start);
  EXPECT_EQ(bucket.ready_at(), start + 5s);
}

TEST(ABucket, SurvivesADebtThatNobodyCouldPay) {
  Bucket bucket({0.000001, 0.000001});
  for (int n = 0; n < 100; ++n) bucket.take(268'435'455, start);
  EXPECT_GT(bucket.ready_at(), start);
  EXPECT_LT(bucket.ready_at(), start + 24h * 366);
}

}  // namespace
}  // namespace tidegate::forward
