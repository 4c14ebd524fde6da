// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A segment that grows as it is written is exchanged for one that was written through, once that pays.
#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "unit/spool/bench.hpp"

namespace tidegate::spool {
namespace {

using namespace std::chrono_literals;
using test::Bench;
using test::comes_true;
using test::numbers;
using testing::Contains;
using testing::SizeIs;

/// Segments of 64 KiB: an exchange pays after more than four syncs.
constexpr std::uint64_t syncs_that_pay = 4;

struct Growing : Bench {
  Growing() { options.memory = 0; }

  /// Each synced on its own.
  std::uint64_t append_and_sync(std::uint64_t first, std::uint64_t count) const {
    std::uint64_t last = 0;
    for (std::uint64_t n = first; n < first + count; ++n) {
      last = append(n, 1);
      EXPECT_TRUE(lane->wait_durable(last, patience));
    }
    return last;
  }
  [[nodiscard]] std::uint64_t size() const {
    const auto names = segments();
    return names.size() == 1 ? disk->sizes(lane_folder)[names.front().filename()] : 0;
  }
  [[nodiscard]] bool exchanged() const { return size() == options.segment_size; }
  [[nodiscard]] std::uint64_t zeros() const { return disk->bytes_written("spare-"); }
};

TEST(ASegmentThatGrows, IsExchangedOnceItsSyncsHaveCostAsMuchAsZerosDo) {
  Growing bench;
  bench.open();
  bench.append_and_sync(1, syncs_that_pay);
  EXPECT_LT(bench.size(), 1000U);
  EXPECT_EQ(bench.zeros(), 0U);
  bench.append_and_sync(syncs_that_pay + 1, 1);
  ASSERT_TRUE(comes_true([&] { return bench.exchanged(); })) << bench.disk->log();
  EXPECT_THAT(bench.segments(), SizeIs(1));
  const auto last = bench.append_and_sync(syncs_that_pay + 2, 100);
  EXPECT_TRUE(bench.exchanged()) << "it grows no more";
  EXPECT_EQ(bench.read_sequences(), numbers(1, last));
  bench.reopen_after_kill();
  EXPECT_EQ(bench.read_sequences(), numbers(1, last));
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
}

TEST(ASegmentThatGrows, CostsNoZerosWhereLittleIsSynced) {
  Growing bench;
  std::uint64_t last = 0;
  for (int opening = 0; opening < 10; ++opening) {
    bench.open();
    last = bench.append_and_sync(last + 1, 1);
    bench.close();
  }
  EXPECT_EQ(bench.zeros(), 0U) << "ten openings with a message each";
  bench.options.sync = Sync::off;
  bench.open();
  for (int n = 0; n < 20; ++n) {
    last = bench.append(last + 1, 1);
    bench.spool->sync();
  }
  bench.close();
  EXPECT_EQ(bench.zeros(), 0U) << "a lane that never syncs";
}

TEST(ASegmentThatWasExchanged, CostsNoZerosAtTheNextOpening) {
  Growing bench;
  bench.open();
  auto last = bench.append_and_sync(1, 10);
  ASSERT_TRUE(comes_true([&] { return bench.exchanged(); }));
  bench.close();
  const auto before = bench.zeros();
  for (int opening = 0; opening < 3; ++opening) {
    bench.open();
    last = bench.append_and_sync(last + 1, 10);
    bench.close();
  }
  EXPECT_EQ(bench.zeros(), before);
}

TEST(ALaneThatIsIdle, WritesNoZerosAtItsOpenings) {
  Growing bench;
  bench.open();
  auto last = bench.append(1, 40, 1000);  // more than half a segment
  ASSERT_TRUE(bench.lane->wait_durable(last, Bench::patience));
  last = bench.append_and_sync(last + 1, 2);
  ASSERT_TRUE(comes_true([&] { return bench.zeros() == bench.options.segment_size; }));
  for (int opening = 0; opening < 3; ++opening) {
    bench.reopen_after_kill();  // on a disk that counts anew
    ASSERT_TRUE(bench.lane->wait_durable(last, Bench::patience)) << "what the process before may have left";
    bench.spool->sync();
    bench.close();
    EXPECT_EQ(bench.zeros(), 0U);
  }
}

TEST(ASegmentThatGrows, LosesNothingThatIsAppendedDuringTheExchange) {
  Growing bench;
  bench.options.segment_size = 1U << 20;
  bench.open();
  std::uint64_t last = bench.append_and_sync(1, 64);
  bench.disk->hold_syncs("spare-");
  last = bench.append_and_sync(last + 1, 1);
  ASSERT_TRUE(bench.disk->wait_for_held_sync()) << "of zeros";
  bench.disk->delay_syncs(5ms);
  bench.disk->release_syncs();
  while (!bench.exchanged() && last < 3000) last = bench.append(last + 1, 1);
  ASSERT_TRUE(comes_true([&] { return bench.exchanged(); })) << bench.size();
  bench.disk->delay_syncs(0ms);
  last = bench.append(last + 1, 10);
  EXPECT_EQ(bench.read_sequences(), numbers(1, last));
  EXPECT_TRUE(bench.lane->wait_durable(last, Bench::patience));
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Bench after;
    after.options = bench.options;
    after.disk = bench.disk->after_power_cut(seed);
    after.open();
    EXPECT_EQ(after.read_sequences(), numbers(1, last)) << seed;
  }
}

TEST(ASegmentThatGrows, KeepsWhatIsDurableWhereverThePowerGoesDuringTheExchange) {
  bool done = false;
  for (std::uint64_t step = 1; !done; ++step) {
    Growing bench;
    bench.options.segment_size = 4096;  // an exchange pays after two syncs
    bench.open();
    bench.disk->cut_at(step);
    try {
      for (std::uint64_t n = 1; n <= 4; ++n) {
        bench.append(n, 1);
        static_cast<void>(bench.lane->wait_durable(n, Bench::patience));
      }
      ASSERT_TRUE(comes_true([&] { return bench.exchanged() || bench.disk->is_cut(); }));
      bench.append(5, 1);
      static_cast<void>(bench.lane->wait_durable(5, Bench::patience));
    } catch (const std::exception&) {
      ASSERT_TRUE(bench.disk->is_cut());
    }
    done = !bench.disk->is_cut();
    const auto durable = bench.lane->durable();
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      Bench after;
      after.options = bench.options;
      after.disk = bench.disk->after_power_cut(seed);
      after.open();
      const auto read = after.read_sequences();
      for (std::uint64_t n = 1; n <= durable; ++n) {
        ASSERT_THAT(read, Contains(n)) << "step " << step << ", seed " << seed << '\n' << bench.disk->log();
      }
      ASSERT_TRUE(std::ranges::is_sorted(read));
    }
  }
}

TEST(ASegmentThatGrows, GoesOnGrowingWhenItCannotBeExchanged) {
  Growing bench;
  bench.open();
  auto last = bench.append_and_sync(1, syncs_that_pay);
  bench.disk->hold_syncs("spare-");
  last = bench.append_and_sync(last + 1, 1);
  ASSERT_TRUE(bench.disk->wait_for_held_sync()) << "of zeros";
  bench.disk->fail_names(".seg");
  bench.disk->release_syncs();
  const auto is_spare = [](const std::string& name) { return name.starts_with("spare-"); };
  // Its copy must not be what another segment is made of.
  ASSERT_TRUE(comes_true([&] { return std::ranges::none_of(bench.disk->list(Bench::lane_folder), is_spare); }));
  bench.disk->heal();
  last = bench.append_and_sync(last + 1, 10);
  EXPECT_FALSE(bench.exchanged()) << "not for some seconds";
  EXPECT_EQ(bench.read_sequences(), numbers(1, last));
  bench.reopen_after_power_cut(1);
  EXPECT_EQ(bench.read_sequences(), numbers(1, last));
}

TEST(ASegmentThatGrows, IsLeftAloneWhereTheDiskHasNoRoom) {
  Growing bench;
  bench.limits.floor = 1U << 20;
  bench.disk->limit_space((1U << 20) + (60U << 10));  // not for a segment more
  bench.open();
  bench.append_and_sync(1, 20);
  bench.close();
  EXPECT_EQ(bench.zeros(), 0U);
}

TEST(ALaneWhoseSegmentWasExchanged, TakesAsMuchAsOneWhoseWasNot) {
  std::vector<std::uint64_t> taken;
  for (const auto sync : {Sync::off, Sync::grouped}) {
    Growing bench;
    bench.options.segment_size = 4096;
    bench.options.capacity = 16U << 10;
    bench.options.when_full = WhenFull::reject;
    bench.options.sync = sync;
    bench.open();
    std::uint64_t accepted = 0;
    for (; accepted < 3; ++accepted) {
      bench.append(1, 1);
      EXPECT_EQ(bench.lane->wait_durable(accepted + 1, Bench::patience), sync != Sync::off);
    }
    ASSERT_TRUE(sync == Sync::off || comes_true([&] { return bench.exchanged(); }));
    while (bench.lane->append(Bench::message(1, 100))) ++accepted;
    taken.push_back(accepted);
  }
  EXPECT_EQ(taken[0], taken[1]);
}

}  // namespace
}  // namespace tidegate::spool
