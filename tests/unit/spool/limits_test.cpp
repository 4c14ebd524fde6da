// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// What bounds a lane: messages, age, the budget of all lanes, the disk itself; and when it syncs.
#include <algorithm>
#include <atomic>
#include <cerrno>
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
using testing::HasSubstr;
using testing::IsEmpty;

// ----------------------------------------------------------------------------------------------------------- messages

TEST(ALaneOfSoManyMessages, LetsTheOldestGo) {
  Bench bench;
  bench.options.capacity_messages = 100;
  bench.open();
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    bench.append(n, 1);
    EXPECT_LE(bench.lane->status().waiting, 100U);
  }
  EXPECT_EQ(bench.discarded(Discard::evicted), 900U);
  EXPECT_EQ(bench.read_sequences(), numbers(901, 1000));
}

TEST(ALaneOfSoManyMessages, LetsNothingGoThatIsUnderWay) {
  Bench bench;
  bench.options.capacity_messages = 10;
  bench.open();
  bench.append(1, 10);
  ASSERT_EQ(bench.lane->read(3, 1U << 20).size(), 3U);
  bench.append(11, 20);
  EXPECT_EQ(bench.lane->status().waiting, 10U);
  for (std::uint64_t n = 1; n <= 3; ++n) bench.lane->acknowledge(n);
  EXPECT_EQ(bench.lane->status().delivered, 3U);
  EXPECT_EQ(bench.read_sequences(), numbers(24, 30));
  // What was under way waits again, and may go then.
  bench.lane->rewind();
  bench.append(31, 20);
  EXPECT_EQ(bench.read_sequences(), numbers(41, 50));
}

TEST(ALaneOfSoManyMessages, RefusesWhenToldTo) {
  Bench bench;
  bench.options.capacity_messages = 10;
  bench.options.when_full = WhenFull::reject;
  bench.open();
  bench.append(1, 10);
  EXPECT_EQ(bench.lane->append(Bench::message(11)), std::nullopt);
  EXPECT_EQ(bench.discarded(Discard::refused), 1U);
  static_cast<void>(bench.read_all());
  bench.lane->acknowledge(1);
  EXPECT_EQ(bench.lane->append(Bench::message(11)), 11U);
}

TEST(ALaneOfSoManyMessages, HoldsThemAfterARestartToo) {
  Bench bench;
  bench.open();
  bench.append(1, 1000);
  bench.options.capacity_messages = 100;
  bench.reopen_after_kill();
  EXPECT_EQ(bench.lane->status().waiting, 100U);
  EXPECT_EQ(bench.read_sequences(), numbers(901, 1000));
}

// ---------------------------------------------------------------------------------------------------------------- age

Bench& aging(Bench& bench) {
  bench.options.segment_size = 4096;
  bench.options.capacity = 1U << 20;
  bench.options.expiry = 1h;
  bench.options.memory = 1000;
  return bench;
}

TEST(ALaneThatNobodyReads, LetsWholeSegmentsGoWhenTheyHaveExpired) {
  for (const bool reopened : {false, true}) {
    Bench bench;
    aging(bench).open();
    bench.append(1, 200, 100);
    bench.clock.advance(40min);
    bench.append(201, 200, 100);
    if (reopened) bench.reopen();
    bench.clock.advance(30min);
    ASSERT_TRUE(comes_true([&] { return bench.lane->status().waiting <= 230; })) << bench.lane->status().waiting;
    const auto expired = bench.discarded(Discard::expired);
    EXPECT_GE(expired, 170U);
    EXPECT_LE(expired, 200U);
    EXPECT_EQ(bench.lane->status().waiting, 400 - expired);
    EXPECT_EQ(bench.read_sequences(), numbers(201, 400));
    EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
  }
}

TEST(ALaneThatNobodyReads, IsEmptyInTheEnd) {
  Bench bench;
  aging(bench).open();
  bench.append(1, 200, 100);
  bench.clock.advance(2h);
  EXPECT_TRUE(comes_true([&] { return bench.lane->status().waiting == 0; }));
  EXPECT_EQ(bench.discarded(Discard::expired), 200U);
  EXPECT_TRUE(comes_true([&] {
    bench.spool->sync();
    return bench.segments().size() <= 1;
  }));
  EXPECT_EQ(bench.append(201, 1), 201U);
}

TEST(ALaneThatNobodyReads, ExpiresNothingThatIsUnderWay) {
  Bench bench;
  aging(bench).open();
  bench.append(1, 100, 100);
  const auto flying = bench.lane->read(3, 1U << 20);
  ASSERT_EQ(flying.size(), 3U);
  bench.clock.advance(2h);
  EXPECT_TRUE(comes_true([&] { return bench.lane->status().waiting == 3; }));
  for (const auto& record : flying) bench.lane->acknowledge(record.sequence);
  EXPECT_EQ(bench.lane->status().delivered, 3U);
  EXPECT_EQ(bench.discarded(Discard::expired), 97U);
}

TEST(ALane, ExpiresNothingWhenTheWallClockJumpsByTenYears) {
  constexpr auto ten_years = std::chrono::hours{24 * 3652};
  Bench bench;
  aging(bench).open();
  bench.append(1, 100, 100);
  for (const auto jump : {Nanoseconds{ten_years}, Nanoseconds{-2 * ten_years}, Nanoseconds{ten_years}}) {
    bench.clock.jump(jump);
    const auto last = bench.append(1, 10, 100);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(bench.lane->wait_durable(last, Bench::patience));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
    bench.reopen();
    EXPECT_EQ(bench.lane->status().waiting, last);
    EXPECT_LT(bench.lane->status().oldest_age.value_or(1h), 1min);
  }
  EXPECT_EQ(bench.read_sequences(), numbers(1, 130));
  EXPECT_THAT(bench.lane->status().discarded, IsEmpty());
}

TEST(ALane, KnowsWhenARecordWasAcceptedOnceTheClockIsSet) {
  Bench bench;
  bench.clock.set_quality(ClockQuality::unsynced);
  const auto right = bench.clock.wall();
  bench.clock.jump(-std::chrono::hours{24 * 3652});
  bench.open();
  bench.append(1, 1);
  const auto record = bench.read_all().at(0);
  EXPECT_EQ(bench.lane->accepted_at(record), std::pair(record.wall, ClockQuality::unsynced));
  bench.clock.advance(10s);
  bench.clock.jump(std::chrono::hours{24 * 3652});
  bench.clock.set_quality(ClockQuality::ntp);
  EXPECT_TRUE(comes_true([&] { return bench.lane->accepted_at(record).second == ClockQuality::ntp; }));
  EXPECT_EQ(bench.lane->accepted_at(record).first, right);
  bench.append(2, 1);
  bench.clock.jump(1h);
  const auto later = bench.read_all().at(0);
  EXPECT_EQ(bench.lane->accepted_at(later), std::pair(later.wall, ClockQuality::ntp)) << "as recorded";
}

// ------------------------------------------------------------------------------------------------------------- budget

LaneOptions priority(Priority priority, WhenFull when_full = WhenFull::drop_oldest) {
  LaneOptions options;
  options.priority = priority;
  options.when_full = when_full;
  options.segment_size = 4096;
  options.capacity = 1U << 20;
  options.memory = 1000;
  options.sync_interval = 1h;
  options.sync_bytes = 1ULL << 40;
  return options;
}

std::uint64_t fill(Lane& lane, unsigned count) {
  std::uint64_t accepted = 0;
  for (unsigned n = 0; n < count; ++n) accepted += lane.append(Bench::message(n, 100)).has_value() ? 1 : 0;
  return accepted;
}

std::uint64_t discarded(const Lane& lane, Discard reason) {
  const auto status = lane.status();
  const auto found = status.discarded.find(reason);
  return found == status.discarded.end() ? 0 : found->second;
}

TEST(ABudget, MakesTheLanesOfTheLowestPriorityGiveWayFirst) {
  Bench bench;
  bench.limits.capacity = 100U << 10;
  bench.open();
  auto& low = bench.spool->lane("cloud", "low", priority(Priority::low));
  auto& high = bench.spool->lane("cloud", "high", priority(Priority::high));
  fill(low, 400);
  EXPECT_EQ(discarded(low, Discard::evicted), 0U);
  fill(high, 300);
  EXPECT_TRUE(comes_true([&] {
    return low.status().disk_bytes + high.status().disk_bytes + bench.lane->status().disk_bytes <= (100U << 10);
  })) << low.status().disk_bytes
      << " + " << high.status().disk_bytes;
  EXPECT_GT(discarded(low, Discard::evicted), 50U);
  EXPECT_EQ(discarded(high, Discard::evicted), 0U);
  EXPECT_GE(low.status().waiting, 1U) << "the last segment stays";
  // With nothing left below, the high ones give way themselves.
  fill(high, 1000);
  EXPECT_TRUE(comes_true([&] { return discarded(high, Discard::evicted) > 0; }));
  EXPECT_TRUE(comes_true([&] { return low.status().disk_bytes + high.status().disk_bytes <= (100U << 10) + 4096; }));
}

TEST(ABudget, MakesALaneRefuseThatIsToldTo) {
  Bench bench;
  bench.limits.capacity = 40U << 10;
  bench.open();
  auto& lane = bench.spool->lane("cloud", "careful", priority(Priority::normal, WhenFull::reject));
  const auto accepted = fill(lane, 1000);
  EXPECT_LT(accepted, 400U);
  EXPECT_EQ(discarded(lane, Discard::refused), 1000 - accepted);
  EXPECT_EQ(discarded(lane, Discard::evicted), 0U);
  EXPECT_EQ(lane.status().waiting, accepted);
}

TEST(AFloorOfFreeDisk, IsKeptByGivingUpTheOldest) {
  Bench bench;
  bench.limits.floor = 1U << 20;
  bench.options = priority(Priority::normal);
  bench.open();
  fill(*bench.lane, 300);
  bench.disk->limit_space((1U << 20) - 30'000);  // somebody else fills the disk
  EXPECT_TRUE(comes_true([&] { return bench.disk->space("/state").free >= 1U << 20; }))
      << bench.disk->space("/state").free << ' ' << bench.lane->status().disk_bytes;
  EXPECT_GT(bench.discarded(Discard::evicted), 50U);
  EXPECT_GT(bench.lane->status().waiting, 100U) << "no more than needed";
  const auto before = bench.disk->space("/state").free;
  fill(*bench.lane, 500);
  EXPECT_TRUE(comes_true([&] { return bench.disk->space("/state").free + 4096 >= std::min(before, 1UL << 20); }));
  EXPECT_EQ(bench.read_all().back().message, Bench::message(499, 100));
}

TEST(AFloorOfFreeDisk, IsSaidToBeReached) {
  Bench bench;
  bench.limits.floor = 1U << 20;
  bench.open();
  bench.append(1, 1);
  bench.disk->limit_space(1000);
  EXPECT_TRUE(comes_true([&] { return !bench.lane->status().trouble.empty(); }));
  EXPECT_THAT(bench.lane->status().trouble, HasSubstr("free"));
  bench.disk->heal();
  EXPECT_TRUE(comes_true([&] { return bench.lane->status().trouble.empty(); }));
}

// ---------------------------------------------------------------------------------------------------------- full disk

TEST(ALaneOnAFullDisk, DropsItsOldestSegmentAndAcceptsAtOnce) {
  for (const auto sync : {Sync::grouped, Sync::off}) {
    Bench bench;
    bench.options = priority(Priority::normal);
    bench.options.sync = sync;
    bench.open();
    bench.append(1, 200, 100);
    bench.disk->limit_space(0);
    const auto last = bench.append(201, 500, 100);
    EXPECT_EQ(last, 700U) << "nothing was refused";
    EXPECT_GT(bench.discarded(Discard::evicted), 100U);
    EXPECT_EQ(bench.discarded(Discard::refused), 0U);
    const auto first = bench.discarded(Discard::evicted) + 1;
    bench.reopen_after_kill();
    EXPECT_EQ(bench.read_sequences(), numbers(first, 700));
    EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
  }
}

TEST(ALaneOnAFullDisk, GivesUpTryingWhenNothingItFreesIsEnough) {
  for (const auto when_full : {WhenFull::drop_oldest, WhenFull::keep_latest, WhenFull::reject}) {
    Bench bench;
    bench.options = priority(Priority::normal, when_full);
    bench.open();
    for (std::uint64_t n = 1; n <= 3; ++n) bench.append(n, 1, 3000);
    bench.disk->limit_space(100);
    EXPECT_THROW(static_cast<void>(bench.lane->append(Bench::message(4, 50'000))), SystemError);
    EXPECT_EQ(bench.discarded(Discard::refused), 1U);
    EXPECT_GE(bench.lane->status().waiting, 1U);
    bench.disk->heal();
    EXPECT_EQ(bench.append(4, 1), 4U);
    const auto left = bench.lane->status().waiting;
    bench.reopen_after_kill();
    EXPECT_EQ(bench.read_all().size(), left);
    EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
  }
}

TEST(ALaneOnAFullDisk, RefusesWithNothingToGiveUpAndRecovers) {
  Bench bench;
  bench.options = priority(Priority::normal);
  bench.open();
  bench.append(1, 5, 100);
  bench.disk->limit_space(10);
  EXPECT_THROW(static_cast<void>(bench.lane->append(Bench::message(6, 100))), SystemError);
  EXPECT_EQ(bench.discarded(Discard::refused), 1U);
  EXPECT_THAT(bench.lane->status().trouble, HasSubstr("No space left"));
  for (const auto sequence : bench.read_sequences()) bench.lane->acknowledge(sequence);
  EXPECT_EQ(bench.lane->status().waiting, 0U);
  bench.disk->heal();
  EXPECT_EQ(bench.lane->append(Bench::message(6, 100)), 6U);
  EXPECT_THAT(bench.lane->status().trouble, IsEmpty());
}

TEST(ALaneOnAFullDisk, OpensAndDrains) {
  Bench bench;
  bench.options = priority(Priority::normal);
  bench.open();
  bench.append(1, 200, 100);
  bench.disk->limit_space(0);
  for (int round = 0; round < 3; ++round) bench.reopen();
  const auto sequences = bench.read_sequences();
  EXPECT_EQ(sequences, numbers(1, 200));
  bench.lane->acknowledge(sequences);
  bench.spool->sync();
  bench.reopen_after_kill();
  EXPECT_THAT(bench.read_sequences(), IsEmpty());
}

TEST(ALaneWhoseFlushIsHeldUp, StaysNearItsCapacity) {
  Bench bench;
  bench.options = priority(Priority::normal);
  bench.options.capacity = 16U << 10;
  bench.options.sync_interval = 1ms;
  bench.open();
  bench.disk->hold_syncs(".seg");
  bench.append(1, 10, 100);
  ASSERT_TRUE(bench.disk->wait_for_held_sync());
  const auto last = bench.append(11, 2000, 100);
  EXPECT_LE(bench.disk_bytes(), (16U << 10) + 4 * 4096) << "while one flush lasts";
  bench.disk->release_syncs();
  EXPECT_TRUE(bench.lane->wait_durable(last, Bench::patience));
  const auto left = bench.lane->status().waiting;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench after;
    after.options = bench.options;
    after.disk = bench.disk->after_power_cut(seed);
    after.open();
    const auto read = after.read_sequences();
    ASSERT_EQ(read.size(), left) << seed;
    EXPECT_EQ(read.back(), last);
  }
}

// ----------------------------------------------------------------------------------------------------------- the modes

TEST(ALaneThatSyncsEach, ReturnsWhenTheRecordIsDurable) {
  Bench bench;
  bench.options.sync = Sync::each;
  bench.open();
  for (std::uint64_t n = 1; n <= 20; ++n) {
    EXPECT_EQ(bench.lane->append(Bench::message(n)), n);
    EXPECT_GE(bench.lane->durable(), n);
  }
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench after;
    after.disk = bench.disk->after_power_cut(seed);
    after.open();
    EXPECT_EQ(after.read_sequences(), numbers(1, 20));
  }
}

TEST(ALaneThatSyncsEach, ThrowsWhenTheRecordIsAcceptedAndNotDurable) {
  Bench bench;
  bench.options.sync = Sync::each;
  bench.open();
  bench.append(1, 1);
  bench.disk->fail_syncs(".seg", 1);
  EXPECT_THROW(static_cast<void>(bench.lane->append(Bench::message(2))), SystemError);
  EXPECT_EQ(bench.lane->durable(), 1U);
  EXPECT_EQ(bench.lane->status().accepted, 2U);
  EXPECT_THROW(static_cast<void>(bench.lane->append(Bench::message(3))), SystemError) << "behind what is in doubt";
  EXPECT_EQ(bench.read_sequences(), numbers(1, 3));
  for (std::uint64_t n = 1; n <= 3; ++n) bench.lane->acknowledge(n);
  EXPECT_TRUE(comes_true([&] {
    try {
      return bench.lane->append(Bench::message(4)).has_value();
    } catch (const SystemError&) {
      return false;
    }
  }));
}

TEST(ALaneThatSyncsEach, SharesOneSyncBetweenThreads) {
  Bench bench;
  bench.options.sync = Sync::each;
  bench.open();
  bench.disk->delay_syncs(5ms);
  std::vector<std::thread> threads;
  for (int id = 0; id < 8; ++id) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10; ++n) EXPECT_TRUE(bench.lane->append(Bench::message(1)).has_value());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(bench.lane->durable(), 80U);
  EXPECT_LT(bench.disk->syncs("default/0"), 60U);
}

TEST(ALaneThatNeverSyncs, IsNeverDurableAndSurvivesAKill) {
  Bench bench;
  bench.options = priority(Priority::normal);
  bench.options.sync = Sync::off;
  bench.options.sync_interval = 1ms;
  bench.open();
  bench.append(1, 200, 100);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(bench.lane->wait_durable(1, Bench::patience));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s) << "at once";
  bench.spool->sync();
  EXPECT_EQ(bench.lane->durable(), 0U);
  bench.lane->acknowledge(bench.lane->read(100, 1U << 20).front().sequence);
  EXPECT_EQ(bench.disk->syncs(".seg"), 0U);
  bench.reopen_after_kill();
  EXPECT_EQ(bench.read_sequences(), numbers(2, 200));
}

TEST(ALaneThatNeverSyncs, GivesBackTheSpaceOfWhatLeftIt) {
  Bench bench;
  bench.options = priority(Priority::normal);
  bench.options.sync = Sync::off;
  bench.open();
  for (int round = 0; round < 50; ++round) {
    bench.append(1, 40, 100);
    bench.lane->acknowledge(bench.read_sequences());
  }
  EXPECT_TRUE(comes_true([&] { return bench.disk_bytes() <= 3 * 4096; })) << bench.disk_bytes();
}

// ------------------------------------------------------------------------------------------------------------- status

TEST(ALane, SaysHowItIsSetUpAndWhatItWrote) {
  Bench bench;
  bench.options = priority(Priority::high, WhenFull::keep_latest);
  bench.options.sync = Sync::each;
  bench.open();
  bench.append(1, 10, 100);
  bench.lane->acknowledge(bench.read_sequences());
  bench.spool->sync();
  const auto status = bench.lane->status();
  EXPECT_EQ(status.priority, Priority::high);
  EXPECT_EQ(status.when_full, WhenFull::keep_latest);
  EXPECT_EQ(status.sync, Sync::each);
  EXPECT_EQ(status.loss_window, 0ms);
  EXPECT_EQ(status.capacity, 1U << 20);
  EXPECT_EQ(status.expiry, bench.options.expiry);
  bench.close();
  EXPECT_GE(status.bytes_written + 1000, bench.disk->bytes_written("/default/0") + 20);
  EXPECT_GE(status.bytes_written, 1500U);
}

TEST(ALane, TellsWhatBecameOfWhatLeftIt) {
  Bench bench;
  bench.options.capacity_messages = 20;
  bench.open();
  bench.append(1, 30);
  bench.lane->acknowledge(std::vector<std::uint64_t>{11, 12, 13});
  bench.lane->discard(14, Discard::dead_lettered, "the server said no");
  for (int round = 0; round < 2; ++round) {
    std::uint64_t delivered = 0;
    std::uint64_t evicted = 0;
    bool dead = false;
    for (const auto& fate : bench.lane->fates()) {
      if (!fate.discard) delivered += fate.last + 1 - fate.first;
      if (fate.discard == Discard::evicted) evicted += fate.last + 1 - fate.first;
      dead |= fate.discard == Discard::dead_lettered && fate.first == 14 && fate.why == "the server said no";
    }
    EXPECT_EQ(delivered, 3U);
    EXPECT_EQ(evicted, 10U);
    EXPECT_TRUE(dead);
    bench.reopen();
  }
}

TEST(ALane, SaysOfNoMessageThatItWasDeliveredBeforeItCame) {
  Bench bench;
  bench.open();
  std::vector<WallTime> came;
  for (std::uint64_t n = 1; n <= 10; ++n) {
    came.push_back(bench.clock.wall());
    bench.append(n, 1);
    bench.lane->acknowledge(std::vector<std::uint64_t>{n});
    bench.clock.advance(30ms);
  }
  const auto fates = bench.lane->fates();
  for (const auto& fate : fates) {
    EXPECT_GE(fate.when, came[fate.last - 1]) << fate.first << " to " << fate.last;
    EXPECT_LE(fate.when - came[fate.first - 1], 1s);
  }
}

// ------------------------------------------------------------------------------------------------ stalls, when asked

/// Not a test: says how long append() takes while a sync of the disk lasts so long. Run it by its name.
TEST(AMeasurement, DISABLED_OfAppendWhileSyncsAreSlow) {
  for (const auto delay : {200ms, 2000ms}) {
    for (const auto pace : {500us, 50us}) {
      Bench bench;
      bench.options = LaneOptions{};
      bench.open();
      bench.disk->delay_syncs(delay);
      std::vector<Nanoseconds> took;
      const auto start = std::chrono::steady_clock::now();
      auto next = start;
      while (next - start < delay * 5 + 2s) {
        std::this_thread::sleep_until(next);
        next += pace;
        const auto before = std::chrono::steady_clock::now();
        static_cast<void>(bench.lane->append(Bench::message(1, 64)));
        took.push_back(std::chrono::steady_clock::now() - before);
      }
      std::ranges::sort(took);
      const auto at = [&](double part) {
        return static_cast<double>(
                   took[static_cast<std::size_t>(part * static_cast<double>(took.size() - 1))].count()) /
               1e3;
      };
      std::printf(
          "sync %lld ms, one append each %lld us: %zu appends, p50 %.1f us, p99 %.1f us, p99.9 %.1f us, most %.1f us\n",
          static_cast<long long>(delay.count()), static_cast<long long>(pace.count()), took.size(), at(0.5), at(0.99),
          at(0.999), at(1));
    }
  }
}

}  // namespace
}  // namespace tidegate::spool
