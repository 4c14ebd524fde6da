// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/lane.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <random>
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
using test::numbers;
using testing::HasSubstr;
using testing::IsEmpty;

// ------------------------------------------------------------------------------------------------- order and content

TEST(ALane, NumbersWhatItAcceptsFromOne) {
  Bench bench;
  auto& lane = bench.open();
  for (std::uint64_t n = 1; n <= 5; ++n) EXPECT_EQ(lane.append(Bench::message(n)), n);
}

TEST(ALane, ReturnsRecordsInTheOrderOfAcceptance) {
  Bench bench;
  bench.open();
  bench.append(1, 1000);
  const auto records = bench.read_all();
  ASSERT_EQ(records.size(), 1000U);
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    EXPECT_EQ(records[n - 1].sequence, n);
    EXPECT_EQ(records[n - 1].message, Bench::message(n));
  }
}

TEST(ALane, NumbersOnAfterARestart) {
  Bench bench;
  bench.open();
  bench.append(1, 3);
  EXPECT_EQ(bench.reopen().append(Bench::message(4)), 4U);
  EXPECT_EQ(bench.reopen_after_kill().append(Bench::message(5)), 5U);
  EXPECT_EQ(bench.read_sequences(), numbers(1, 5));
}

TEST(ALane, NumbersOnWhenAllWasDeliveredBeforeTheRestart) {
  Bench bench;
  bench.open();
  bench.append(1, 3);
  for (const auto sequence : bench.read_sequences()) bench.lane->acknowledge(sequence);
  EXPECT_EQ(bench.reopen().append(Bench::message(4)), 4U);
}

TEST(ALane, GrowsItsEpochWithEachOpening) {
  Bench bench;
  std::uint32_t previous = 0;
  for (int round = 0; round < 5; ++round) {
    auto& lane = round % 2 == 0 ? bench.reopen() : bench.reopen_after_kill();
    const auto epoch = lane.status().epoch;
    EXPECT_GT(epoch, previous);
    bench.append(1, 1);
    EXPECT_EQ(bench.read_all().back().epoch, epoch);
    previous = epoch;
  }
}

Message everything() {
  Message message;
  message.topic = "loft/motion1/\xc3\xa4";
  message.payload = std::string("\0\x01TGR1\xff\n", 8);
  message.qos = Qos::exactly_once;
  message.retain = true;
  message.properties.expiry = 7200s;
  message.properties.content_type = "application/json";
  message.properties.utf8 = true;
  message.properties.response_topic = "answers/here";
  message.properties.correlation_data = std::string("\0\xfe\x00id", 5);
  message.properties.user = {{"a", "1"}, {"a", "2"}, {"", ""}, {"key", std::string(3000, 'v')}};
  return message;
}

TEST(ALane, KeepsEveryFieldOfAMessageInMemoryAndOnDisk) {
  Bench bench;
  bench.clock.set_quality(ClockQuality::rtc);
  auto& lane = bench.open();
  const auto wall = bench.clock.wall();
  const auto age = lane.age();
  ASSERT_TRUE(lane.append(everything()));
  for (const auto* where : {"memory", "disk"}) {
    SCOPED_TRACE(where);
    const auto records = bench.read_all();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].message, everything());
    EXPECT_EQ(records[0].wall, wall);
    EXPECT_EQ(records[0].age, age);
    EXPECT_EQ(records[0].clock, ClockQuality::rtc);
    EXPECT_EQ(records[0].epoch, 1U);
    bench.clock.advance(5s);
    bench.clock.set_quality(ClockQuality::unsynced);
    bench.reopen();
  }
}

TEST(ALane, KeepsMessagesOfEveryShape) {
  Bench bench;
  bench.options.segment_size = 8U << 20;
  bench.options.memory = 0;
  std::vector<Message> messages(8);
  messages[0] = {"t", "", Qos::at_most_once, true, {}};  // removes a retained message
  messages[1] = {std::string(65'535, 't'), "long topic", Qos::at_least_once, false, {}};
  messages[2] = {"big", std::string(default_payload_cap, '\xaa'), Qos::exactly_once, false, {}};
  messages[3] = {"", "", Qos::at_least_once, false, {}};
  messages[4] = {"soon", "x", Qos::at_least_once, false, {}};
  messages[4].properties.expiry = 4'294'967'294s;
  messages[5] = {"zeros", std::string(5000, '\0'), Qos::at_least_once, false, {}};
  messages[6] = {"marks", "TGR1TGR1TGR1TGSEGMT1", Qos::at_least_once, false, {}};
  messages[7] = {"correlated", "x", Qos::at_least_once, false, {}};
  messages[7].properties.correlation_data = std::string(65'535, '\0');
  auto& lane = bench.open();
  for (const auto& message : messages) ASSERT_TRUE(lane.append(message));
  for (const auto* how : {"same opening", "reopened"}) {
    SCOPED_TRACE(how);
    const auto records = bench.read_all();
    ASSERT_EQ(records.size(), messages.size());
    for (std::size_t n = 0; n < messages.size(); ++n) EXPECT_TRUE(records[n].message == messages[n]) << n;
    bench.reopen();
  }
}

TEST(ALane, TakesARecordThatIsLargerThanASegment) {
  Bench bench;
  bench.options.segment_size = 4096;
  bench.options.memory = 0;
  bench.options.capacity = 1U << 20;
  bench.open();
  bench.append(1, 3);
  bench.append(4, 1, 50'000);
  bench.append(5, 3);
  for (int round = 0; round < 2; ++round) {
    const auto records = bench.read_all();
    ASSERT_EQ(records.size(), 7U);
    EXPECT_TRUE(records[3].message == Bench::message(4, 50'000));
    EXPECT_EQ(records[6].message, Bench::message(7));
    bench.reopen();
  }
}

TEST(ALane, ReturnsTheSameFromDiskAsFromMemory) {
  for (const std::uint64_t memory : {0U, 2000U, 256U << 10}) {
    Bench bench;
    bench.options.memory = memory;
    bench.options.segment_size = 4096;
    bench.open();
    std::mt19937 random(7);
    std::uint64_t appended = 0;
    std::uint64_t read = 0;
    while (read < 2000) {
      for (auto more = random() % 20; more > 0; --more) bench.append(++appended, 1, random() % 300);
      for (const auto& record : bench.lane->read(random() % 20, 1U << 20)) {
        ASSERT_EQ(record.sequence, ++read) << "memory " << memory;
        ASSERT_THAT(record.message.payload, HasSubstr("payload-" + std::to_string(read) + ";"));
      }
    }
  }
}

// ----------------------------------------------------------------------------------------------- reading and settling

TEST(ALane, GivesEachRecordOncePerOpening) {
  Bench bench;
  bench.open();
  bench.append(1, 10);
  EXPECT_EQ(bench.read_sequences(), numbers(1, 10));
  EXPECT_THAT(bench.read_sequences(), IsEmpty());
  bench.append(11, 1);
  EXPECT_EQ(bench.read_sequences(), numbers(11, 11));
  bench.reopen();
  EXPECT_EQ(bench.read_sequences(), numbers(1, 11));
}

TEST(ALane, GivesAtMostSoManyRecordsAndAboutSoManyBytes) {
  for (const std::uint64_t memory : {0U, 256U << 10}) {
    Bench bench;
    bench.options.memory = memory;
    bench.options.segment_size = 4096;
    auto& lane = bench.open();
    bench.append(1, 200, 500);
    EXPECT_EQ(lane.read(7, 1U << 20).size(), 7U);
    EXPECT_THAT(lane.read(0, 1U << 20), IsEmpty());
    const auto some = lane.read(1000, 20'000).size();
    EXPECT_GE(some, 20U) << memory;
    EXPECT_LE(some, 50U) << memory;
    EXPECT_EQ(lane.read(1000, 1).size(), 1U) << "a record larger than the bytes asked for must not block the lane";
  }
}

TEST(ALane, StartsReadingAfterWhatWasAcknowledged) {
  for (const bool kill : {false, true}) {
    Bench bench;
    auto& lane = bench.open();
    bench.append(1, 10);
    static_cast<void>(bench.read_all());
    for (std::uint64_t n = 1; n <= 6; ++n) lane.acknowledge(n);
    static_cast<void>(kill ? bench.reopen_after_kill() : bench.reopen());
    EXPECT_EQ(bench.read_sequences(), numbers(7, 10));
  }
}

TEST(ALane, RemembersAcknowledgementsOutOfOrder) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 10);
  static_cast<void>(bench.read_all());
  for (const std::uint64_t n : {9, 2, 4, 3, 7}) lane.acknowledge(n);
  EXPECT_EQ(lane.status().waiting, 5U);
  bench.reopen();
  EXPECT_EQ(bench.lane->status().waiting, 5U);
  EXPECT_EQ(bench.read_sequences(), (std::vector<std::uint64_t>{1, 5, 6, 8, 10}));
  for (const std::uint64_t n : {10, 8, 6, 5, 1}) bench.lane->acknowledge(n);
  EXPECT_EQ(bench.lane->status().waiting, 0U);
  bench.reopen();
  EXPECT_THAT(bench.read_sequences(), IsEmpty());
}

TEST(ALane, KeepsSyncedAcknowledgementsThroughAPowerCut) {
  Bench bench;
  bench.open();
  bench.append(1, 1000);
  static_cast<void>(bench.read_all());
  // So many holes that the cursor takes several sectors: one that is being written must not hurt the one that was
  // synced.
  std::vector<std::uint64_t> left;
  for (std::uint64_t n = 1; n <= 1000; ++n) n % 2 == 0 ? bench.lane->acknowledge(n) : left.push_back(n);
  bench.spool->sync();
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      Bench after;
      after.disk = bench.disk->after_power_cut(seed);
      after.open();
      const auto read = after.read_sequences();
      EXPECT_TRUE(std::includes(left.begin(), left.end(), read.begin(), read.end())) << "a duplicate, seed " << seed;
      EXPECT_EQ(read.back(), 999U);
    }
    for (std::uint64_t n = 1; n < 20; n += 2) bench.lane->acknowledge(static_cast<std::uint64_t>(round) * 20 + n);
    if (round == 1) bench.spool->sync();
  }
}

TEST(ALane, IgnoresASecondAcknowledgement) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 3);
  static_cast<void>(bench.read_all());
  for (const std::uint64_t n : {1, 1, 3, 3, 1}) lane.acknowledge(n);
  lane.discard(3, Discard::dead_lettered);
  EXPECT_EQ(lane.status().delivered, 2U);
  EXPECT_EQ(lane.status().waiting, 1U);
  EXPECT_EQ(bench.discarded(Discard::dead_lettered), 0U);
  lane.acknowledge(4711);
  EXPECT_EQ(lane.status().delivered, 2U);
  EXPECT_EQ(lane.append(Bench::message(4)), 4U);
}

TEST(ALane, CountsWhatWasDiscardedByReason) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 4);
  static_cast<void>(bench.read_all());
  lane.discard(2, Discard::dead_lettered);
  lane.discard(3, Discard::expired);
  EXPECT_EQ(bench.discarded(Discard::dead_lettered), 1U);
  EXPECT_EQ(bench.discarded(Discard::expired), 1U);
  bench.reopen();
  EXPECT_EQ(bench.read_sequences(), (std::vector<std::uint64_t>{1, 4}));
}

TEST(ALane, GivesANewReaderWhatTheLastOneLeftUnderWay) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 10);
  static_cast<void>(bench.read_all());
  for (const std::uint64_t n : {1, 2, 5}) lane.acknowledge(n);
  lane.rewind();
  EXPECT_EQ(bench.read_sequences(), (std::vector<std::uint64_t>{3, 4, 6, 7, 8, 9, 10}));
}

TEST(ALane, GoesOnWhereAnyAcknowledgementLeftIt) {
  Bench bench;
  bench.options.segment_size = 4096;
  bench.options.memory = 1000;
  bench.options.capacity = 1U << 20;
  bench.open();
  std::mt19937 random(11);
  std::vector<std::uint64_t> waiting;
  std::uint64_t appended = 0;
  for (int round = 0; round < 30; ++round) {
    const auto more = random() % 60;
    for (std::uint64_t n = 0; n < more; ++n) {
      bench.append(++appended, 1, random() % 200);
      waiting.push_back(appended);
    }
    ASSERT_EQ(bench.read_sequences(), waiting) << "round " << round;
    std::shuffle(waiting.begin(), waiting.end(), random);
    for (auto settle = random() % (waiting.size() + 1); settle > 0; --settle) {
      bench.lane->acknowledge(waiting.back());
      waiting.pop_back();
    }
    std::sort(waiting.begin(), waiting.end());
    EXPECT_EQ(bench.lane->status().waiting, waiting.size());
    bench.reopen();
  }
}

// -------------------------------------------------------------------------------------------------------- age, expiry

TEST(ALane, SkipsAndCountsExpiredRecords) {
  Bench bench;
  bench.options.expiry = 60s;
  auto& lane = bench.open();
  bench.append(1, 3);
  bench.clock.advance(40s);
  bench.append(4, 3);
  bench.clock.advance(30s);
  EXPECT_EQ(bench.read_sequences(), numbers(4, 6));
  EXPECT_EQ(bench.discarded(Discard::expired), 3U);
  EXPECT_EQ(lane.status().waiting, 3U);
  EXPECT_EQ(lane.status().delivered, 0U);
  bench.reopen();
  EXPECT_EQ(bench.read_sequences(), numbers(4, 6));
}

TEST(ALane, IsNotAtItsEndBehindManyExpiredRecords) {
  for (const std::uint64_t memory : {0U, 256U << 10}) {
    Bench bench;
    bench.options.memory = memory;
    bench.options.expiry = 60s;
    auto& lane = bench.open();
    bench.append(1, 1000, 100);
    bench.clock.advance(70s);
    bench.append(1001, 1, 100);
    const auto records = lane.read(10, 1000);
    ASSERT_EQ(records.size(), 1U) << "an empty answer means the end";
    EXPECT_EQ(records[0].sequence, 1001U);
    EXPECT_EQ(bench.discarded(Discard::expired), 1000U);
  }
}

TEST(ALane, TakesTheShorterOfItsOwnAndTheMessagesExpiry) {
  Bench bench;
  bench.options.expiry = 100s;
  auto& lane = bench.open();
  auto shorter = Bench::message(1);
  shorter.properties.expiry = 10s;
  auto longer = Bench::message(2);
  longer.properties.expiry = 1000s;
  ASSERT_TRUE(lane.append(shorter));
  ASSERT_TRUE(lane.append(longer));
  bench.clock.advance(11s);
  EXPECT_EQ(bench.read_sequences(), numbers(2, 2));
  bench.reopen();
  bench.clock.advance(90s);
  EXPECT_THAT(bench.read_sequences(), IsEmpty());
}

TEST(ALane, ExpiresByAgeAcrossARestartAndAReboot) {
  Bench bench;
  bench.options.expiry = 100s;
  bench.open();
  bench.append(1, 1);
  bench.clock.advance(60s);
  bench.append(2, 1);
  bench.close();
  bench.clock.reboot();
  bench.boot = "boot-2";
  bench.open();
  bench.clock.advance(50s);
  EXPECT_EQ(bench.read_sequences(), numbers(2, 2)) << "110 s old and 50 s old";
}

TEST(ALane, IsNotTroubledWhenTheWallClockJumps) {
  Bench bench;
  bench.options.expiry = 100s;
  auto& lane = bench.open();
  constexpr auto ten_years = std::chrono::hours{24 * 3652};
  bench.append(1, 1);
  bench.clock.jump(ten_years);
  bench.append(2, 1);
  bench.clock.jump(-2 * ten_years);
  bench.append(3, 1);
  EXPECT_EQ(bench.read_sequences(), numbers(1, 3));
  EXPECT_LT(lane.status().oldest_age.value_or(1h), 1s);
  bench.reopen();
  EXPECT_EQ(bench.read_sequences(), numbers(1, 3));
}

TEST(ALane, TellsTheAgeOfItsOldestRecord) {
  for (const std::uint64_t memory : {0U, 256U << 10}) {
    Bench bench;
    bench.options.memory = memory;
    auto& lane = bench.open();
    EXPECT_FALSE(lane.status().oldest_age.has_value());
    bench.append(1, 1);
    bench.clock.advance(10s);
    bench.append(2, 1);
    bench.clock.advance(5s);
    EXPECT_EQ(lane.status().oldest_age, 15s);
    static_cast<void>(bench.read_all());
    EXPECT_EQ(lane.status().oldest_age, 15s);
    lane.acknowledge(1);
    EXPECT_EQ(lane.status().oldest_age, 5s);
    bench.reopen();
    EXPECT_EQ(bench.lane->status().oldest_age, 5s) << memory;
  }
}

// ----------------------------------------------------------------------------------------------------------- capacity

Bench& small(Bench& bench) {
  bench.options.segment_size = 4096;
  bench.options.capacity = 16U << 10;
  bench.options.memory = 2000;
  return bench;
}

TEST(AFullLane, DropsItsOldestSegmentsAndCountsThem) {
  Bench bench;
  auto& lane = small(bench).open();
  bench.append(1, 1000, 100);
  const auto evicted = bench.discarded(Discard::evicted);
  EXPECT_GT(evicted, 800U);
  EXPECT_EQ(lane.status().waiting, 1000 - evicted);
  EXPECT_EQ(bench.read_sequences(), numbers(evicted + 1, 1000));
  bench.spool->sync();  // the sync thread has taken away what was dropped
  EXPECT_LE(lane.status().disk_bytes, (16U << 10) + 4096) << "and a spare";
}

TEST(AFullLane, NeverDropsWhatIsInFlight) {
  Bench bench;
  auto& lane = small(bench).open();
  bench.append(1, 100, 100);
  const auto first = lane.status().waiting == 0 ? 0 : 100 - lane.status().waiting + 1;
  const auto flying = lane.read(5, 1U << 20);
  ASSERT_EQ(flying.size(), 5U);
  ASSERT_EQ(flying.front().sequence, first);
  bench.append(101, 500, 100);
  for (const auto& record : flying) lane.acknowledge(record.sequence);
  EXPECT_EQ(lane.status().delivered, 5U);
  lane.rewind();
  const auto rest = bench.read_sequences();
  EXPECT_EQ(rest.size() + 5 + bench.discarded(Discard::evicted), 600U) << "each is delivered, waiting or evicted";
  EXPECT_TRUE(std::is_sorted(rest.begin(), rest.end()));
  EXPECT_EQ(rest.back(), 600U);
}

TEST(AFullLane, KeepsWhatWasInFlightForTheNextOpening) {
  Bench bench;
  auto& lane = small(bench).open();
  bench.append(1, 20, 100);
  ASSERT_EQ(lane.read(3, 1U << 20).size(), 3U);
  bench.append(21, 500, 100);
  const auto evicted = bench.discarded(Discard::evicted);
  ASSERT_GT(evicted, 0U);
  bench.reopen_after_kill();
  const auto rest = bench.read_sequences();
  ASSERT_GE(rest.size(), 3U);
  EXPECT_EQ(std::vector<std::uint64_t>(rest.begin(), rest.begin() + 3), numbers(1, 3));
  EXPECT_EQ(rest.size() + evicted, 520U);
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U) << "what was evicted was not lost";
}

TEST(AFullLane, RefusesWhenToldToAndTakesAgainWhenDelivered) {
  Bench bench;
  small(bench).options.when_full = WhenFull::reject;
  auto& lane = bench.open();
  std::uint64_t accepted = 0;
  while (lane.append(Bench::message(accepted + 1, 100))) {
    ASSERT_LT(++accepted, 1000U);
  }
  EXPECT_GT(accepted, 50U);
  EXPECT_EQ(bench.discarded(Discard::refused), 1U);
  EXPECT_EQ(lane.status().accepted, accepted) << "a refusal takes no sequence";
  EXPECT_EQ(bench.read_sequences(), numbers(1, accepted)) << "nothing was evicted";
  for (std::uint64_t n = 1; n <= accepted; ++n) lane.acknowledge(n);
  EXPECT_EQ(lane.append(Bench::message(0)), accepted + 1);
}

TEST(ALane, StaysWithinItsCapacityWhileAHundredTimesAsMuchFlows) {
  Bench bench;
  small(bench);
  auto& lane = bench.open();
  std::uint64_t sequence = 0;
  std::uint64_t most = 0;
  for (int round = 0; round < 400; ++round) {
    sequence = bench.append(sequence + 1, 40, 100);
    const auto records = bench.read_all();
    ASSERT_EQ(records.size(), 40U);
    for (const auto& record : records) lane.acknowledge(record.sequence);
    bench.spool->sync();
    most = std::max(most, bench.disk_bytes());
    EXPECT_LE(lane.status().disk_bytes, (16U << 10) + 8192);
  }
  EXPECT_EQ(bench.discarded(Discard::evicted), 0U);
  EXPECT_LE(most, (16U << 10) + 2 * 8192) << "bytes on the disk, spare and done segments included";
  EXPECT_GT(bench.disk->bytes_written(".seg"), 100U * (16U << 10));
}

TEST(ALane, StaysWithinItsCapacityWhileItDropsTheOldest) {
  Bench bench;
  small(bench).open();
  std::uint64_t most = 0;
  for (int round = 0; round < 200; ++round) {
    bench.append(1, 50, 100);
    bench.spool->sync();
    most = std::max(most, bench.disk_bytes());
  }
  EXPECT_LE(most, (16U << 10) + 2 * 8192) << "spare and done segments included";
  const auto rest = bench.read_sequences();
  EXPECT_EQ(rest.size() + bench.discarded(Discard::evicted), 10'000U);
  EXPECT_EQ(rest.back(), 10'000U);
}

TEST(ALane, GivesBackTheSpaceOfWhatLeftItWithoutBeingAsked) {
  Bench bench;
  small(bench).options.capacity = 1U << 20;
  bench.options.sync_interval = 1ms;
  auto& lane = bench.open();
  std::mutex mutex;
  std::condition_variable condition;
  std::uint64_t durable = 0;
  lane.on_durable([&](std::uint64_t sequence) {
    const std::lock_guard lock(mutex);
    durable = sequence;
    condition.notify_all();
  });
  // Acknowledgements that never stop must not keep the sync thread from tidying up.
  for (int round = 0; round < 200; ++round) {
    const auto last = bench.append(1, 40, 100);
    for (const auto sequence : bench.read_sequences()) lane.acknowledge(sequence);
    lane.want_durable(last);
    std::unique_lock lock(mutex);
    ASSERT_TRUE(condition.wait_for(lock, Bench::patience, [&] { return durable >= last; }));
  }
  EXPECT_LT(bench.disk_bytes(), 1'100'000U) << "200 rounds wrote 2 MB";
}

TEST(ALane, CountsWhatWaits) {
  Bench bench;
  auto& lane = bench.open();
  EXPECT_EQ(lane.status().waiting_bytes, 0U);
  bench.append(1, 10, 100);
  const auto status = lane.status();
  EXPECT_EQ(status.upstream, "cloud");
  EXPECT_EQ(status.name, "default");
  EXPECT_EQ(status.waiting, 10U);
  EXPECT_GE(status.waiting_bytes, 1000U);
  EXPECT_LE(status.waiting_bytes, 3000U);
  EXPECT_EQ(status.accepted, 10U);
  EXPECT_EQ(status.loss_window, bench.options.sync_interval);
  EXPECT_THAT(status.trouble, IsEmpty());
  for (const auto sequence : bench.read_sequences()) lane.acknowledge(sequence);
  EXPECT_EQ(lane.status().waiting, 0U);
  EXPECT_EQ(lane.status().waiting_bytes, 0U);
  EXPECT_EQ(lane.status().delivered, 10U);
  bench.reopen();
  EXPECT_EQ(bench.lane->status().accepted, 10U);
  EXPECT_EQ(bench.lane->status().delivered, 0U);
}

// ---------------------------------------------------------------------------------------------------------- callbacks

TEST(ALane, GivesFromMemoryWhatIsThereAndSaysWhenTheNextIsOnDisk) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 5);
  const auto some = lane.read_memory(3, 1U << 20);
  ASSERT_TRUE(some);
  ASSERT_EQ(some->size(), 3U);
  EXPECT_EQ(some->front().sequence, 1U);
  EXPECT_EQ(lane.read_memory(10, 1U << 20)->size(), 2U);
  EXPECT_THAT(*lane.read_memory(10, 1U << 20), IsEmpty()) << "the end is known without the disk";

  auto& again = bench.reopen();
  EXPECT_FALSE(again.read_memory(10, 1U << 20)) << "all of it was appended by a process before";
  bench.append(6, 1);
  EXPECT_FALSE(again.read_memory(10, 1U << 20)) << "the sixth is in memory, and not the next";
  EXPECT_EQ(again.read(5, 1U << 20).size(), 5U);
  EXPECT_EQ(again.read_memory(10, 1U << 20)->size(), 1U);
}

TEST(ALane, CallsAReaderThatCameToTheEndInMemory) {
  Bench bench;
  auto& lane = bench.open();
  std::atomic<unsigned> calls = 0;
  lane.on_readable([&] { ++calls; });
  EXPECT_THAT(*lane.read_memory(10, 1000), IsEmpty());
  bench.append(1, 5);
  EXPECT_EQ(calls, 1U);
}

TEST(ALane, CallsItsReaderOnceWhenSomethingArrivesAfterTheEnd) {
  Bench bench;
  auto& lane = bench.open();
  std::atomic<unsigned> calls = 0;
  lane.on_readable([&] { ++calls; });
  EXPECT_THAT(lane.read(10, 1000), IsEmpty());
  bench.append(1, 5);
  EXPECT_EQ(calls, 1U);
  EXPECT_EQ(bench.read_all().size(), 5U);
  bench.append(6, 5);
  EXPECT_EQ(calls, 2U);
  EXPECT_EQ(lane.read(2, 1U << 20).size(), 2U);
  bench.append(11, 5);
  EXPECT_EQ(calls, 2U) << "the reader was not at the end";
}

TEST(ALane, MayBeReadFromItsCallback) {
  Bench bench;
  auto& lane = bench.open();
  std::size_t read = 0;
  lane.on_readable([&] { read += lane.read(10, 1000).size(); });
  EXPECT_THAT(lane.read(10, 1000), IsEmpty());
  bench.append(1, 1);
  EXPECT_EQ(read, 1U);
}

TEST(ALane, LosesNoWakeUpBetweenAppenderAndReader) {
  Bench bench;
  bench.options.segment_size = 16U << 10;
  bench.options.memory = 4000;
  auto& lane = bench.open();
  std::mutex mutex;
  std::condition_variable condition;
  bool readable = false;
  lane.on_readable([&] {
    const std::lock_guard lock(mutex);
    readable = true;
    condition.notify_one();
  });
  constexpr std::uint64_t count = 5000;
  std::thread appending([&] { bench.append(1, count); });
  std::uint64_t read = 0;
  bool stuck = false;
  while (read < count && !stuck) {
    const auto records = lane.read(50, 1U << 20);
    for (const auto& record : records) {
      EXPECT_EQ(record.sequence, ++read);
      lane.acknowledge(record.sequence);
    }
    if (!records.empty()) continue;
    std::unique_lock lock(mutex);
    stuck = !condition.wait_for(lock, Bench::patience, [&] { return readable; });
    readable = false;
  }
  appending.join();
  EXPECT_FALSE(stuck) << "after " << read;
}

TEST(ALane, TellsHowItIsWhileItIsReadFromDisk) {  // a race that ThreadSanitizer sees
  Bench bench;
  bench.options.memory = 0;
  bench.open();
  bench.append(1, 200);
  static_cast<void>(bench.read_all());
  bench.lane->acknowledge(1);
  for (int turn = 0; turn < 20; ++turn) {
    auto& lane = bench.reopen();
    std::atomic<bool> over = false;
    std::thread looking([&] {
      while (!over) EXPECT_EQ(lane.status().waiting, 199U);
    });
    EXPECT_EQ(bench.read_sequences(), numbers(2, 200));
    over = true;
    looking.join();
  }
}

TEST(ALane, IsAppendedToByManyThreads) {
  Bench bench;
  bench.options.segment_size = 16U << 10;
  bench.options.sync_interval = 1ms;
  auto& lane = bench.open();
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < 4; ++id) {
    threads.emplace_back([&, id] {
      for (unsigned n = 0; n < 300; ++n) {
        Message message;
        message.topic = std::to_string(id);
        message.payload = std::to_string(n);
        EXPECT_TRUE(lane.append(message).has_value());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto records = bench.read_all();
  ASSERT_EQ(records.size(), 1200U);
  std::map<std::string, unsigned> next;
  for (const auto& record : records) EXPECT_EQ(record.message.payload, std::to_string(next[record.message.topic]++));
}

// ----------------------------------------------------------------------------------------------------------- durable

TEST(ALane, IsDurableAfterTheWait) {
  Bench bench;
  auto& lane = bench.open();
  EXPECT_EQ(lane.durable(), 0U);
  bench.append(1, 10);
  EXPECT_EQ(lane.durable(), 0U);
  EXPECT_TRUE(lane.wait_durable(4, Bench::patience));
  EXPECT_GE(lane.durable(), 4U);
  EXPECT_LE(lane.durable(), 10U);
  EXPECT_TRUE(lane.wait_durable(10, Bench::patience));
  EXPECT_EQ(lane.durable(), 10U);
  EXPECT_EQ(lane.status().durable, 10U);
  EXPECT_TRUE(lane.wait_durable(10, 0ms)) << "it is durable already";
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    bench.reopen_after_power_cut(seed);
    EXPECT_EQ(bench.read_sequences(), numbers(1, 10));
  }
}

TEST(ALane, StopsWaitingWhenTheTimeIsUp) {
  Bench bench;
  auto& lane = bench.open();
  bench.disk->hold_syncs(".seg");
  bench.append(1, 1);
  EXPECT_FALSE(lane.wait_durable(1, 20ms));
  EXPECT_EQ(lane.durable(), 0U);
  bench.disk->release_syncs();
  EXPECT_TRUE(lane.wait_durable(1, Bench::patience));
}

TEST(ALane, DoesNotCallDurableWhatCameWhileTheSyncRan) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 3);
  bench.disk->hold_syncs(".seg");
  auto waiting = std::async(std::launch::async, [&] { return lane.wait_durable(3, Bench::patience); });
  ASSERT_TRUE(bench.disk->wait_for_held_sync());
  bench.append(4, 3);  // an append does not wait for the sync either
  bench.disk->release_syncs();
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(lane.durable(), 3U);
}

TEST(ALane, TellsWhenSomethingBecameDurable) {
  Bench bench;
  auto& lane = bench.open();
  std::mutex mutex;
  std::condition_variable condition;
  std::vector<std::uint64_t> told;
  lane.on_durable([&](std::uint64_t sequence) {
    const std::lock_guard lock(mutex);
    told.push_back(sequence);
    condition.notify_all();
  });
  for (std::uint64_t n = 1; n <= 3; ++n) {
    bench.append(n, 1);
    ASSERT_TRUE(lane.wait_durable(n, Bench::patience));
  }
  std::unique_lock lock(mutex);
  EXPECT_TRUE(condition.wait_for(lock, Bench::patience, [&] { return !told.empty() && told.back() == 3; }));
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
}

TEST(ALane, SyncsByItselfAfterItsInterval) {
  Bench bench;
  bench.options.sync_interval = 5ms;
  auto& lane = bench.open();
  std::promise<std::uint64_t> told;
  lane.on_durable([&](std::uint64_t sequence) { told.set_value(sequence); });
  bench.append(1, 1);
  auto future = told.get_future();
  ASSERT_EQ(future.wait_for(Bench::patience), std::future_status::ready);
  EXPECT_EQ(future.get(), 1U);
  EXPECT_EQ(lane.durable(), 1U);
  bench.close();
}

TEST(ALane, SyncsByItselfAfterSoManyBytes) {
  Bench bench;
  bench.options.sync_bytes = 10'000;
  auto& lane = bench.open();
  std::promise<std::uint64_t> told;
  std::atomic<bool> once = false;
  lane.on_durable([&](std::uint64_t sequence) {
    if (!once.exchange(true)) told.set_value(sequence);
  });
  bench.append(1, 5, 1000);
  auto future = told.get_future();
  EXPECT_EQ(lane.durable(), 0U);
  bench.append(6, 10, 1000);
  ASSERT_EQ(future.wait_for(Bench::patience), std::future_status::ready);
  EXPECT_GE(future.get(), 9U);
  bench.close();
}

TEST(ALane, GroupsManyAppendsIntoFewSyncs) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 1);
  ASSERT_TRUE(lane.wait_durable(1, Bench::patience));
  const auto before = bench.disk->syncs(".seg");
  const auto last = bench.append(2, 500);
  ASSERT_TRUE(lane.wait_durable(last, Bench::patience));
  EXPECT_LE(bench.disk->syncs(".seg") - before, 2U);
}

TEST(ALane, NeedsNoSyncForWhatWasDeliveredBeforeItWasDue) {
  Bench bench;
  bench.options.sync_interval = 250ms;
  auto& lane = bench.open();
  bench.append(1, 1);
  ASSERT_TRUE(lane.wait_durable(1, Bench::patience));
  const auto before = bench.disk->syncs(".seg");
  for (std::uint64_t n = 2; n <= 40; ++n) {
    bench.append(n, 1);
    for (const auto sequence : bench.read_sequences()) lane.acknowledge(sequence);
  }
  // A second lane, appended to later and synced, shows that the interval of the first has passed.
  auto& other = bench.spool->lane("cloud", "other", bench.options);
  std::promise<void> told;
  other.on_durable([&](std::uint64_t) { told.set_value(); });
  ASSERT_TRUE(other.append(Bench::message(1)));
  ASSERT_EQ(told.get_future().wait_for(Bench::patience), std::future_status::ready);
  EXPECT_EQ(bench.disk->syncs("default/0") - before, 0U) << bench.disk->log();
  bench.append(41, 1);
  static_cast<void>(bench.read_all());
  lane.acknowledge(41);
  EXPECT_TRUE(lane.wait_durable(41, Bench::patience)) << "but a caller may wait for it all the same";
  bench.close();
}

TEST(ALane, SyncsWhatSomebodyElseWaitsForThoughItIsDelivered) {
  Bench bench;
  bench.options.sync_interval = 5ms;
  auto& lane = bench.open();
  std::mutex mutex;
  std::condition_variable condition;
  std::uint64_t told = 0;
  lane.on_durable([&](std::uint64_t sequence) {
    const std::lock_guard lock(mutex);
    told = sequence;
    condition.notify_all();
  });
  const auto sequence = bench.append(1, 1);
  lane.want_durable(sequence);
  for (const auto one : bench.read_sequences()) lane.acknowledge(one);
  std::unique_lock lock(mutex);
  EXPECT_TRUE(condition.wait_for(lock, Bench::patience, [&] { return told == sequence; }));
}

TEST(ALane, CallsNothingDurableThatAKilledProcessLeftUnsynced) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Bench bench;
    bench.open();
    bench.append(1, 20, 100);
    auto& lane = bench.reopen_after_kill();
    const auto durable = lane.durable();
    bench.reopen_after_power_cut(seed);
    const auto read = bench.read_sequences();
    for (std::uint64_t n = 1; n <= durable; ++n) EXPECT_THAT(read, testing::Contains(n)) << "seed " << seed;
  }
}

TEST(ALane, MakesDurableWhatAKilledProcessLeftUnsynced) {
  Bench bench;
  bench.open();
  bench.append(1, 20, 100);
  auto& lane = bench.reopen_after_kill();
  EXPECT_TRUE(lane.wait_durable(20, Bench::patience));
  bench.reopen_after_power_cut(3);
  EXPECT_EQ(bench.read_sequences(), numbers(1, 20));
}

// ---------------------------------------------------------------------------------------------------- faults of a disk

TEST(ALaneWhoseSyncFails, CallsNothingDurableAndSaysSo) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 5);
  ASSERT_TRUE(lane.wait_durable(5, Bench::patience));
  bench.append(6, 5);
  bench.disk->fail_syncs(".seg", 1);
  EXPECT_FALSE(lane.wait_durable(10, Bench::patience));
  EXPECT_EQ(lane.durable(), 5U);
  EXPECT_THAT(lane.status().trouble, HasSubstr("sync"));
  EXPECT_THAT(lane.status().trouble, HasSubstr("Input/output error"));
  // What the kernel has given up may be gone at the next power cut: it must never be called durable.
  EXPECT_FALSE(lane.wait_durable(10, 1500ms));
  EXPECT_EQ(lane.durable(), 5U);
}

TEST(ALaneWhoseSyncFails, GoesOnInAnotherSegmentAndLosesNothing) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 5);
  bench.disk->fail_syncs(".seg", 1);
  EXPECT_FALSE(lane.wait_durable(5, Bench::patience));
  const auto before = bench.segments().size();
  bench.append(6, 5);
  EXPECT_EQ(bench.segments().size(), before + 1);
  EXPECT_EQ(bench.read_sequences(), numbers(1, 10));
  bench.reopen_after_kill();
  EXPECT_EQ(bench.read_sequences(), numbers(1, 10));
}

TEST(ALaneWhoseSyncFails, IsDurableAgainOnceTheDoubtfulIsDelivered) {
  Bench bench;
  auto& lane = bench.open();
  bench.append(1, 5);
  bench.disk->fail_syncs(".seg", 1);
  EXPECT_FALSE(lane.wait_durable(5, Bench::patience));
  bench.append(6, 5);
  EXPECT_EQ(bench.read_sequences(), numbers(1, 10));
  for (std::uint64_t n = 1; n <= 5; ++n) lane.acknowledge(n);
  EXPECT_TRUE(lane.wait_durable(10, Bench::patience));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench after;
    after.disk = bench.disk->after_power_cut(seed);
    after.open();
    const auto read = after.read_sequences();
    for (std::uint64_t n = 6; n <= 10; ++n) EXPECT_THAT(read, testing::Contains(n)) << "seed " << seed;
  }
}

TEST(ALaneWhoseSyncFails, TriesAgainByItself) {
  Bench bench;
  auto& lane = bench.open();
  bench.disk->fail_syncs("cloud/default", 1);
  bench.append(1, 5);
  EXPECT_FALSE(lane.wait_durable(5, Bench::patience));
  for (const auto sequence : bench.read_sequences()) lane.acknowledge(sequence);
  const auto last = bench.append(6, 5);
  EXPECT_TRUE(lane.wait_durable(last, Bench::patience));
  EXPECT_THAT(lane.status().trouble, IsEmpty());
}

int append_error(Lane& lane, const Message& message) {
  try {
    static_cast<void>(lane.append(message));
  } catch (const SystemError& error) {
    return error.code();
  }
  return 0;
}

TEST(ALaneOnAFullDisk, AcceptsNothingAndRecoversByItself) {
  Bench bench;
  small(bench).options.capacity = 1U << 20;
  bench.options.when_full = WhenFull::reject;
  auto& lane = bench.open();
  bench.append(1, 10, 100);
  bench.disk->limit_space(2000);
  std::uint64_t accepted = 10;
  int code = 0;
  for (int tries = 0; tries < 300; ++tries) {
    if (const auto failed = append_error(lane, Bench::message(accepted + 1, 100)); failed != 0) {
      code = failed;
    } else {
      ++accepted;
    }
  }
  EXPECT_EQ(code, ENOSPC);
  EXPECT_EQ(lane.status().accepted, accepted) << "a failed append takes no sequence";
  EXPECT_LE(bench.disk->list(Bench::lane_folder).size(), 12U) << "failed appends leave files behind";
  bench.disk->heal();
  EXPECT_EQ(lane.append(Bench::message(accepted + 1, 100)), accepted + 1);
  const auto records = bench.read_all();
  ASSERT_EQ(records.size(), accepted + 1);
  for (std::uint64_t n = 0; n < records.size(); ++n) EXPECT_EQ(records[n].message, Bench::message(n + 1, 100));
  bench.reopen_after_kill();
  EXPECT_EQ(bench.read_sequences(), numbers(1, accepted + 1));
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
}

TEST(ALaneOnAFullDisk, CanBeDrained) {
  Bench bench;
  small(bench).options.capacity = 1U << 20;
  auto& lane = bench.open();
  bench.append(1, 200, 100);
  bench.disk->limit_space(0);
  for (const auto sequence : bench.read_sequences()) lane.acknowledge(sequence);
  EXPECT_EQ(lane.status().waiting, 0U);
  bench.reopen();
  EXPECT_THAT(bench.read_sequences(), IsEmpty());
}

TEST(ALaneWhoseWriteFails, AcceptsNothingAndGoesOn) {
  for (const std::uint64_t after : {0U, 10U, 59U, 60U, 100U}) {
    Bench bench;
    auto& lane = bench.open();
    bench.append(1, 3, 200);
    bench.disk->fail_writes(".seg", after, EIO);
    EXPECT_EQ(append_error(lane, Bench::message(4, 300)), EIO);
    bench.disk->heal();
    EXPECT_EQ(lane.append(Bench::message(4)), 4U) << "shorter than what was torn";
    bench.append(5, 2);
    bench.reopen_after_kill();
    const auto records = bench.read_all();
    ASSERT_EQ(records.size(), 6U) << "after " << after;
    EXPECT_EQ(records[3].message, Bench::message(4));
    EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
  }
}

TEST(ALaneOnAReadOnlyDisk, RefusesAndReadsOn) {
  Bench bench;
  bench.options.memory = 0;
  auto& lane = bench.open();
  bench.append(1, 5);
  bench.disk->fail_writes("", 0, EROFS);
  bench.disk->fail_names("", EROFS);
  bench.disk->fail_syncs("", test::SimulatedDisk::always, EROFS);
  EXPECT_EQ(append_error(lane, Bench::message(6)), EROFS);
  EXPECT_FALSE(lane.wait_durable(5, 100ms));
  EXPECT_EQ(bench.read_sequences(), numbers(1, 5));
  for (std::uint64_t n = 1; n <= 5; ++n) lane.acknowledge(n);
  EXPECT_EQ(lane.status().waiting, 0U);
  bench.disk->heal();
  EXPECT_EQ(lane.append(Bench::message(6)), 6U);
}

TEST(ALaneThatCannotBeRead, GoesOnWhenTheDiskAnswersAgain) {
  Bench bench;
  bench.options.memory = 0;
  auto& lane = bench.open();
  bench.append(1, 5);
  bench.disk->fail_reads(".seg");
  try {
    EXPECT_THAT(lane.read(10, 1000), IsEmpty());
  } catch (const SystemError& error) {
    EXPECT_EQ(error.code(), EIO);
  }
  bench.disk->heal();
  EXPECT_EQ(bench.read_sequences(), numbers(1, 5)) << "an error of reading is no damage";
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
}

TEST(ALaneThatCannotBeRead, GoesOnInTheMiddleOfASegment) {
  Bench bench;
  bench.options.memory = 0;
  bench.options.segment_size = 1U << 20;
  auto& lane = bench.open();
  bench.append(1, 700, 1000);
  std::uint64_t next = 1;
  bool failed = false;
  while (next <= 700) {
    if (next > 100 && !failed) bench.disk->fail_reads(".seg");
    try {
      for (const auto& record : lane.read(20, 1U << 20)) EXPECT_EQ(record.sequence, next++);
    } catch (const SystemError&) {
      failed = true;
      bench.disk->heal();
    }
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_TRUE(failed);
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
}

}  // namespace
}  // namespace tidegate::spool
