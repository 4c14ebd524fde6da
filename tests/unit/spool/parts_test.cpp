// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A lane that has been cut into history and live.
#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/spool/bench.hpp"

namespace tidegate::spool {
namespace {

using test::Bench;
using test::numbers;
using testing::IsEmpty;
using Numbers = std::vector<std::uint64_t>;

Numbers read(Lane& lane, Part part, std::size_t count = 100'000) {
  Numbers sequences;
  while (sequences.size() < count) {
    const auto some = lane.read(std::min<std::size_t>(count - sequences.size(), 50), 1U << 20, part);
    if (some.empty()) break;
    for (const auto& record : some) sequences.push_back(record.sequence);
  }
  return sequences;
}

/// Small segments; memory for some, all or none of the records.
struct CutLane : Bench {
  explicit CutLane(std::uint64_t memory = 2000) {
    options.segment_size = 4096;
    options.capacity = 4U << 20;
    options.memory = memory;
    open();
  }
};

TEST(ACutLane, ReadsHistoryAndLiveEachInOrder) {
  for (const std::uint64_t memory : {0U, 2000U, 1U << 20}) {
    CutLane bench(memory);
    bench.append(1, 100, 100);
    bench.lane->cut();
    bench.append(101, 100, 100);
    EXPECT_EQ(read(*bench.lane, Part::live, 30), numbers(101, 130));
    EXPECT_EQ(read(*bench.lane, Part::history, 20), numbers(1, 20));
    EXPECT_EQ(read(*bench.lane, Part::live), numbers(131, 200));
    EXPECT_EQ(read(*bench.lane, Part::history), numbers(21, 100));
    bench.append(201, 10);
    EXPECT_THAT(read(*bench.lane, Part::history), IsEmpty()) << "history has been read to its end";
    EXPECT_EQ(read(*bench.lane, Part::live), numbers(201, 210));
    EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
  }
}

TEST(ALaneWithoutACut, IsAllHistory) {
  CutLane bench;
  bench.append(1, 20);
  EXPECT_THAT(read(*bench.lane, Part::live), IsEmpty());
  EXPECT_EQ(read(*bench.lane, Part::history), numbers(1, 20));
}

TEST(ACutLane, JoinsWhatIsLeftAtASecondCut) {
  for (const std::uint64_t memory : {0U, 2000U, 1U << 20}) {
    CutLane bench(memory);
    bench.append(1, 50, 100);
    EXPECT_EQ(read(*bench.lane, Part::history, 5), numbers(1, 5));
    bench.lane->cut();
    bench.append(51, 50, 100);
    const auto live = read(*bench.lane, Part::live, 10);
    EXPECT_EQ(live, numbers(51, 60));
    for (const std::uint64_t n : {51, 52, 54}) bench.lane->acknowledge(n);
    EXPECT_EQ(read(*bench.lane, Part::history, 5), numbers(6, 10));
    bench.lane->cut();
    bench.append(101, 5, 100);
    auto rest = numbers(11, 50);
    for (const auto n : numbers(61, 100)) rest.push_back(n);
    EXPECT_EQ(read(*bench.lane, Part::history), rest) << "what was read and is not settled is not read again";
    EXPECT_EQ(read(*bench.lane, Part::live), numbers(101, 105));
  }
}

TEST(ACutLane, IsWholeAgainAfterARewind) {
  CutLane bench;
  bench.append(1, 20, 100);
  bench.lane->cut();
  bench.append(21, 20, 100);
  static_cast<void>(read(*bench.lane, Part::live, 10));
  static_cast<void>(read(*bench.lane, Part::history, 10));
  for (const std::uint64_t n : {1, 2, 21, 23}) bench.lane->acknowledge(n);
  bench.lane->rewind();
  EXPECT_THAT(read(*bench.lane, Part::live), IsEmpty());
  auto rest = numbers(3, 40);
  std::erase_if(rest, [](std::uint64_t n) { return n == 21 || n == 23; });
  EXPECT_EQ(read(*bench.lane, Part::history), rest);
}

TEST(ACutLane, WakesTheReaderOfTheLivePartAndNotThatOfTheHistory) {
  CutLane bench;
  std::atomic<unsigned> calls = 0;
  bench.lane->on_readable([&] { ++calls; });
  bench.append(1, 5);
  EXPECT_EQ(calls, 1U);
  static_cast<void>(read(*bench.lane, Part::history));
  bench.lane->cut();
  EXPECT_THAT(read(*bench.lane, Part::history), IsEmpty());
  bench.append(6, 3);
  EXPECT_EQ(calls, 2U) << "the live part was at its end";
  bench.append(9, 3);
  EXPECT_EQ(calls, 2U);
  EXPECT_EQ(read(*bench.lane, Part::live), numbers(6, 11));
  bench.append(12, 1);
  EXPECT_EQ(calls, 3U);
  bench.lane->rewind();
  static_cast<void>(read(*bench.lane, Part::history));
  bench.append(13, 1);
  EXPECT_EQ(calls, 4U);
}

TEST(ACutLane, RemembersOverARestartWhatWasDeliveredOfBothParts) {
  CutLane bench;
  bench.append(1, 300, 100);
  bench.lane->cut();
  bench.append(301, 300, 100);
  for (const auto n : read(*bench.lane, Part::live, 200)) bench.lane->acknowledge(n);
  for (const auto n : read(*bench.lane, Part::history, 10)) bench.lane->acknowledge(n);
  bench.reopen_after_kill();
  auto rest = numbers(11, 300);
  for (const auto n : numbers(501, 600)) rest.push_back(n);
  EXPECT_EQ(bench.read_sequences(), rest);
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U);
}

TEST(ACutLane, GivesTheSpaceOfItsLivePartBackWhileTheHistoryWaits) {
  CutLane bench;
  bench.options.capacity = 32U << 10;
  bench.reopen();
  bench.append(1, 60, 100);
  bench.lane->cut();
  for (int round = 0; round < 100; ++round) {
    bench.append(1, 20, 100);
    bench.lane->acknowledge(read(*bench.lane, Part::live));
    bench.spool->sync();
  }
  EXPECT_EQ(bench.discarded(Discard::evicted), 0U) << "history was dropped for what had been delivered";
  EXPECT_LE(bench.disk_bytes(), 48U << 10);
  EXPECT_EQ(read(*bench.lane, Part::history), numbers(1, 60));
  bench.reopen_after_kill();
  EXPECT_EQ(bench.read_sequences(), numbers(1, 60));
  EXPECT_EQ(bench.discarded(Discard::corrupt), 0U) << "a segment that had done its time is no damage";
}

TEST(ALane, WritesItsCursorOnceForABatch) {
  Bench bench;
  bench.open();
  bench.append(1, 1000);
  std::vector<std::uint64_t> sequences = bench.read_sequences();
  const auto before = bench.disk->bytes_written("cursor");
  bench.lane->acknowledge(sequences);
  EXPECT_EQ(bench.lane->status().waiting, 0U);
  EXPECT_EQ(bench.lane->status().delivered, 1000U);
  EXPECT_LT(bench.disk->bytes_written("cursor") - before, 200U);
  bench.lane->acknowledge(sequences);
  EXPECT_EQ(bench.lane->status().delivered, 1000U) << "a second time is ignored";
}

TEST(ALane, TakesABatchInAnyOrder) {
  Bench bench;
  bench.open();
  bench.append(1, 10);
  static_cast<void>(bench.read_all());
  const Numbers some{7, 3, 3, 4, 9999, 5, 0, 2, 7};
  bench.lane->acknowledge(some);
  EXPECT_EQ(bench.lane->status().delivered, 5U);
  bench.reopen_after_kill();
  EXPECT_EQ(bench.read_sequences(), (Numbers{1, 6, 8, 9, 10}));
}

}  // namespace
}  // namespace tidegate::spool
