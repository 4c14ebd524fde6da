// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <tidegate/clock.hpp>

namespace tidegate {
namespace {

using namespace std::chrono_literals;

TEST(TheMachineClock, NeverGoesBackSinceBoot) {
  Nanoseconds last = machine_clock().boot();
  EXPECT_GT(last, 0ns);
  for (int n = 0; n < 1'000; ++n) {
    const Nanoseconds now = machine_clock().boot();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(TheMachineClock, TellsTheSameWallTimeAsTheSystem) {
  const auto before = std::chrono::system_clock::now();
  const auto wall = machine_clock().wall();
  const auto after = std::chrono::system_clock::now();
  EXPECT_GE(wall, before);
  EXPECT_LE(wall, after);
}

TEST(TheMachineClock, TellsItsQualityToManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([] {
      const ClockQuality first = machine_clock().quality();
      EXPECT_LE(first, ClockQuality::rtc);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(AClockQuality, HasAWordForKeysAndJson) {
  EXPECT_STREQ(to_string(ClockQuality::unsynced), "none");
  EXPECT_STREQ(to_string(ClockQuality::ntp), "ntp");
  EXPECT_STREQ(to_string(ClockQuality::rtc), "rtc");
}

TEST(AWallTime, IsWrittenAsIso8601InUtcWithMilliseconds) {
  EXPECT_EQ(iso8601(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso8601(WallTime{1'795'199'938'123ms}), "2026-11-20T18:38:58.123Z");
  EXPECT_EQ(iso8601(WallTime{951'782'400s}), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(iso8601(WallTime{1'800'000'000'999'999'999ns}), "2027-01-15T08:00:00.999Z")
      << "cut, not rounded into the future";
  EXPECT_EQ(iso8601(WallTime{-1ms}), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace tidegate
