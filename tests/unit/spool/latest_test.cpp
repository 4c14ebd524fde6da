// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A lane that keeps the latest of each topic.
#include "spool/latest.hpp"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/spool/bench.hpp"

namespace tidegate::spool {
namespace {

using namespace std::chrono_literals;
using test::Bench;
using testing::ElementsAre;
using testing::IsEmpty;
using State = std::map<std::string, std::string>;

struct LatestLane : Bench {
  LatestLane() {
    options.when_full = WhenFull::keep_latest;
    options.segment_size = 4096;
    options.capacity = 1U << 20;
    options.memory = 1000;
    open();
  }
  std::uint64_t set(const std::string& topic, const std::string& value) const {
    Message message;
    message.topic = topic;
    message.payload = value;
    return lane->append(message).value();
  }
  /// What is read: of each topic one value, or the test fails.
  [[nodiscard]] State state() const {
    State result;
    for (const auto& record : read_all()) {
      EXPECT_TRUE(result.emplace(record.message.topic, record.message.payload).second)
          << record.message.topic << " twice";
    }
    return result;
  }
  /// Every sequence is waiting, delivered or discarded.
  void expect_conserved() const {
    const auto status = lane->status();
    std::uint64_t discarded_sum = 0;
    for (const auto& [reason, count] : status.discarded) discarded_sum += count;
    EXPECT_EQ(status.accepted, status.waiting + status.delivered + discarded_sum);
  }
};

TEST(ALaneThatKeepsTheLatest, HasOneMessageOfEachTopicWaiting) {
  LatestLane bench;
  for (int round = 0; round < 100; ++round) {
    for (const auto* topic : {"a", "b", "c"}) bench.set(topic, std::to_string(round));
    EXPECT_EQ(bench.lane->status().waiting, 3U);
  }
  EXPECT_EQ(bench.discarded(Discard::superseded), 297U);
  EXPECT_EQ(bench.state(), (State{{"a", "99"}, {"b", "99"}, {"c", "99"}}));
  bench.expect_conserved();
}

TEST(ALaneThatKeepsTheLatest, NeverReplacesWhatIsUnderWay) {
  LatestLane bench;
  const auto first = bench.set("a", "1");
  ASSERT_EQ(bench.read_sequences(), std::vector{first});
  const auto second = bench.set("a", "2");
  const auto third = bench.set("a", "3");
  EXPECT_EQ(bench.lane->status().waiting, 2U);
  EXPECT_EQ(bench.discarded(Discard::superseded), 1U) << second;
  bench.lane->acknowledge(first);
  EXPECT_EQ(bench.lane->status().delivered, 1U);
  EXPECT_EQ(bench.read_sequences(), std::vector{third});
}

TEST(ALaneThatKeepsTheLatest, LetsGoWhatWasUnderWayWhenItIsNoMore) {
  LatestLane bench;
  bench.set("a", "1");
  bench.set("b", "1");
  static_cast<void>(bench.read_all());
  bench.set("a", "2");
  bench.lane->rewind();
  EXPECT_EQ(bench.state(), (State{{"a", "2"}, {"b", "1"}}));
  EXPECT_EQ(bench.discarded(Discard::superseded), 1U);
}

TEST(ALaneThatKeepsTheLatest, HasOneOfEachTopicAfterAKillAndAfterARestart) {
  for (const bool kill : {false, true}) {
    LatestLane bench;
    for (int round = 0; round < 3000; ++round) bench.set("topic/" + std::to_string(round % 70), std::to_string(round));
    for (int again = 0; again < 3; ++again) {
      static_cast<void>(kill ? bench.reopen_after_kill() : bench.reopen());
      EXPECT_EQ(bench.lane->status().waiting, 70U);
      const auto state = bench.state();
      ASSERT_EQ(state.size(), 70U);
      for (int n = 0; n < 70; ++n) {
        EXPECT_EQ(state.at("topic/" + std::to_string(n)), std::to_string((2999 - n) / 70 * 70 + n));
      }
      EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
    }
  }
}

TEST(ALaneThatKeepsTheLatest, DoesNotRepeatAnOlderValueThanWasDelivered) {
  LatestLane bench;
  bench.set("a", "old");
  bench.spool->sync();
  const auto fresh = bench.set("a", "new");
  ASSERT_EQ(bench.read_sequences(), std::vector{fresh});
  bench.lane->acknowledge(fresh);
  {
    auto killed = bench.disk->after_kill();
    LatestLane after;
    after.close();
    after.disk = std::move(killed);
    after.open();
    EXPECT_THAT(after.state(), IsEmpty());
  }
  bench.spool->sync();
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    LatestLane after;
    after.close();
    after.disk = bench.disk->after_power_cut(seed);
    after.open();
    EXPECT_THAT(after.state(), IsEmpty()) << "seed " << seed;
  }
  bench.reopen_after_kill();
  EXPECT_THAT(bench.state(), IsEmpty());
}

TEST(ALaneThatKeepsTheLatest, LosesNoDurableStateToAPowerCutThatTakesItsSuccessor) {
  LatestLane bench;
  for (int n = 0; n < 40; ++n) bench.set("t" + std::to_string(n), "durable");
  bench.spool->sync();
  for (int n = 0; n < 40; ++n) bench.set("t" + std::to_string(n), "not durable");
  static_cast<void>(bench.lane->read(5, 10'000));
  bench.lane->acknowledge(bench.lane->status().accepted);  // writes the cursor
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    LatestLane after;
    after.close();
    after.disk = bench.disk->after_power_cut(seed);
    after.open();
    EXPECT_GE(after.state().size(), 39U) << "seed " << seed;
  }
}

TEST(ALaneThatKeepsTheLatest, IsNotHeldUpByATopicThatRarelyChanges) {
  LatestLane bench;
  bench.set("rare", "value");
  for (int round = 0; round < 5000; ++round) {
    bench.set("often/" + std::to_string(round % 10), std::string(100, 'x') + std::to_string(round));
    if (round % 100 == 0) bench.spool->sync();
  }
  // The sync thread moves what lives once a second at most.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (bench.segments().size() > 3 && std::chrono::steady_clock::now() < deadline) {
    bench.set("often/1", "again");
    bench.spool->sync();
  }
  EXPECT_LE(bench.segments().size(), 3U);
  EXPECT_EQ(bench.discarded(Discard::evicted), 0U);
  bench.expect_conserved();
  const auto state = bench.state();
  EXPECT_EQ(state.size(), 11U);
  EXPECT_EQ(state.at("rare"), "value");
  bench.reopen_after_kill();
  EXPECT_EQ(bench.state().size(), 11U);
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
}

TEST(ALaneThatKeepsTheLatest, EvictsNoStateThatFits) {
  LatestLane bench;
  bench.options.capacity = 64U << 10;
  bench.reopen();
  // 150 topics of 250 bytes: some 40 of 64 KiB.
  std::mt19937 random(3);
  State model;
  for (int round = 0; round < 20'000; ++round) {
    // A few change often, most rarely.
    const auto topic = "t" + std::to_string(random() % 10 == 0 ? random() % 150 : random() % 10);
    model[topic] = std::string(180, 'v') + std::to_string(round);
    bench.set(topic, model[topic]);
  }
  EXPECT_EQ(bench.discarded(Discard::evicted), 0U) << bench.lane->status().trouble;
  bench.spool->sync();
  EXPECT_LE(bench.lane->status().disk_bytes, (64U << 10) + 3 * 4096);
  EXPECT_EQ(bench.state(), model);
  bench.expect_conserved();
  bench.reopen_after_kill();
  EXPECT_EQ(bench.state(), model);
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
}

TEST(ALaneThatKeepsTheLatest, DropsTheOldestWhenItsStateDoesNotFitAndSaysSo) {
  LatestLane bench;
  bench.options.capacity = 16U << 10;
  bench.reopen();
  for (int n = 0; n < 500; ++n) bench.set("t" + std::to_string(n), std::string(100, 'v'));
  EXPECT_GT(bench.discarded(Discard::evicted), 300U);
  EXPECT_THAT(bench.lane->status().trouble, testing::HasSubstr("state was lost"));
  EXPECT_EQ(bench.state().count("t499"), 1U);
  bench.expect_conserved();
}

TEST(ALaneThatKeepsTheLatest, MovesARecordAsItIs) {
  LatestLane bench;
  const auto wall = bench.clock.wall();
  const auto age = bench.lane->age();
  bench.set("rare", "value");
  const auto first = bench.segments().front();
  for (int round = 0; round < 500; ++round) {
    bench.clock.advance(1s);
    bench.set("often/" + std::to_string(round % 40), std::string(150, 'x'));
  }
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (bench.segments().front() == first && std::chrono::steady_clock::now() < deadline) bench.spool->sync();
  for (const auto& record : bench.read_all()) {
    if (record.message.topic != "rare") continue;
    EXPECT_GT(record.sequence, 1U) << "it did not move";
    EXPECT_EQ(record.wall, wall);
    EXPECT_EQ(record.age, age);
    EXPECT_EQ(record.message.payload, "value");
  }
  bench.clock.advance(bench.options.expiry);
  bench.lane->rewind();
  EXPECT_EQ(bench.state().count("rare"), 0U) << "it expires by the age it had";
}

TEST(ALaneThatKeepsTheLatest, CutsIntoHistoryAndLive) {
  LatestLane bench;
  for (int n = 0; n < 30; ++n) bench.set("t" + std::to_string(n), "old");
  bench.lane->cut();
  for (int n = 0; n < 10; ++n) bench.set("t" + std::to_string(n), "new");
  std::size_t history = 0;
  for (const auto& record : bench.lane->read(100, 100'000, Part::history)) {
    EXPECT_EQ(record.message.payload, "old");
    ++history;
  }
  EXPECT_EQ(history, 20U);
  EXPECT_EQ(bench.lane->read(100, 100'000, Part::live).size(), 10U);
}

TEST(ALaneThatKeepsTheLatest, DropsTheOldestOfTopicsBeyondItsIndexAndSaysSo) {
  LatestLane bench;
  bench.options.segment_size = 1U << 20;
  bench.options.capacity = 64U << 20;
  bench.options.sync = Sync::off;
  bench.reopen();
  for (std::size_t n = 0; n < Latest::most_topics; ++n) bench.set(std::to_string(n), "x");
  EXPECT_THAT(bench.lane->status().trouble, IsEmpty());
  bench.set("one more", "1");
  bench.set("one more", "2");
  EXPECT_EQ(bench.lane->status().waiting, Latest::most_topics + 2);
  EXPECT_THAT(bench.lane->status().trouble, testing::HasSubstr("65536 topics"));
  bench.set("7", "y");
  EXPECT_EQ(bench.lane->status().waiting, Latest::most_topics + 2) << "those it knows are kept at one";
}

}  // namespace
}  // namespace tidegate::spool
