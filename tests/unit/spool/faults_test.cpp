// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A disk that cannot be read in places, and a lane's folder with things in it that do not belong there.
#include <cerrno>
#include <filesystem>
#include <string>
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
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::filesystem::path folder = Bench::lane_folder;

/// Reads all, again when the disk cannot be read; how often it could not is counted.
std::vector<std::uint64_t> read_patiently(Bench& bench, unsigned& errors) {
  std::vector<std::uint64_t> sequences;
  for (errors = 0; errors < 100;) {
    try {
      const auto some = bench.lane->read(50, 1U << 20);
      if (some.empty()) break;
      for (const auto& record : some) {
        EXPECT_EQ(record.message, Bench::message(record.sequence, 1000));
        sequences.push_back(record.sequence);
      }
    } catch (const SystemError&) {
      ++errors;
    }
  }
  return sequences;
}

struct BadDisk : Bench {
  BadDisk() {
    options.segment_size = 64U << 10;
    options.memory = 0;
    open();
    append(1, 300, 1000);
  }
};

TEST(ADiskWithABadPlace, CostsWhatStandsThereAndNoMore) {
  BadDisk bench;
  bench.disk->fail_reads_of(bench.segments().at(1).string(), 20'000, 20'001);
  unsigned errors = 0;
  const auto read = read_patiently(bench, errors);
  const auto lost = bench.discarded(Discard::corrupt);
  EXPECT_LE(errors, 1U);
  EXPECT_GE(lost, 1U);
  EXPECT_LE(lost, 6U) << "4 KiB and what reaches into it";
  EXPECT_EQ(read.size() + lost, 300U);
  EXPECT_EQ(read.back(), 300U);
  const auto name = bench.segments().at(1).filename();
  bench.lane->acknowledge(read);
  bench.disk->heal();
  bench.spool->sync();
  EXPECT_THAT(bench.disk->list(folder / "quarantine"), Contains(name.string()));
}

TEST(ADiskThatCannotBeReadAtAll, CostsNothingWhenItComesBackInTime) {
  BadDisk bench;
  bench.disk->fail_reads(".seg");
  for (int tries = 0; tries < 5; ++tries) {
    EXPECT_THROW(static_cast<void>(bench.lane->read(10, 1U << 20)), SystemError);
    bench.clock.advance(5s);
  }
  EXPECT_THAT(bench.lane->status().trouble, HasSubstr("Input/output error"));
  bench.disk->heal();
  EXPECT_EQ(bench.read_sequences(), numbers(1, 300));
  EXPECT_THAT(bench.lane->status().trouble, IsEmpty());
}

TEST(ASegmentThatCannotBeReadAtAll, BlocksItsLaneForAMinute) {
  BadDisk bench;
  bench.disk->fail_reads(bench.segments().at(1).string());
  unsigned errors = 0;
  auto read = read_patiently(bench, errors);
  EXPECT_EQ(errors, 100U);
  bench.clock.advance(61s);
  for (const auto sequence : read_patiently(bench, errors)) read.push_back(sequence);
  EXPECT_LT(errors, 5U);
  EXPECT_EQ(read.size() + bench.discarded(Discard::corrupt), 300U);
  EXPECT_GT(read.size(), 230U);
  EXPECT_EQ(read.back(), 300U);
}

TEST(ASegmentThatIsTakenAway, BlocksNobody) {
  BadDisk bench;
  bench.reopen();
  bench.disk->erase(bench.segments().at(1));
  unsigned errors = 0;
  const auto read = read_patiently(bench, errors);
  EXPECT_LT(errors, 5U);
  EXPECT_EQ(read.size() + bench.discarded(Discard::corrupt), 300U);
  EXPECT_EQ(read.back(), 300U);
}

TEST(ADiskWithABadPlace, DoesNotKeepALaneFromOpening) {
  BadDisk bench;
  bench.close();
  bench.disk->fail_reads_of(bench.segments().back().string(), 8192, 8193);
  bench.open();
  unsigned errors = 0;
  const auto read = read_patiently(bench, errors);
  EXPECT_GE(read.size(), 290U);
  EXPECT_EQ(read.size() + bench.discarded(Discard::corrupt), 300U);
  const auto next = bench.append(301, 1, 1000);
  EXPECT_GT(next, read.back());
}

TEST(ALaneWithADamagedFolder, OpensWhateverIsInTheWay) {
  for (const auto* name : {"epoch", "cursor"}) {
    for (const auto* how : {"folder", "unreadable", "forbidden"}) {
      SCOPED_TRACE(std::string(name) + " " + how);
      BadDisk bench;
      bench.lane->acknowledge(bench.lane->read(1, 1).front().sequence);
      const auto epoch = bench.lane->status().epoch;
      bench.close();
      if (how == std::string("folder")) {
        bench.disk->erase(folder / name);
        bench.disk->make_folder(folder / name);
        bench.disk->replace(folder / name / "inside", "somebody's");
      } else if (how == std::string("unreadable")) {
        bench.disk->fail_reads(std::string("default/") + name, EIO, 1);
      } else {
        bench.disk->fail_opens(std::string("default/") + name, EACCES);
      }
      bench.open();
      EXPECT_THAT(bench.lane->status().trouble, HasSubstr(name));
      EXPECT_GT(bench.lane->status().epoch, epoch);
      const auto read = bench.read_sequences();
      EXPECT_EQ(read.size(), name == std::string("cursor") ? 300U : 299U);
      EXPECT_EQ(bench.append(301, 1), 301U);
      EXPECT_TRUE(bench.lane->wait_durable(301, Bench::patience));
      EXPECT_THAT(bench.disk->list(folder), Contains(std::string(name) + ".unusable-1"));
      bench.disk->heal();
      EXPECT_GT(bench.reopen().status().epoch, epoch);
    }
  }
}

TEST(ALaneWithADamagedFolder, LeavesASegmentAloneThatItMayNotOpen) {
  BadDisk bench;
  const auto segment = bench.segments().at(1);
  const auto contents = bench.disk->contents(segment);
  bench.close();
  bench.disk->fail_opens(segment.filename().string(), EACCES);
  bench.open();
  EXPECT_THAT(bench.lane->status().trouble, HasSubstr(segment.filename().string()));
  const auto read = bench.read_sequences();
  EXPECT_EQ(read.size() + bench.discarded(Discard::corrupt), 300U);
  EXPECT_EQ(bench.append(301, 1, 1000), 301U);
  bench.lane->acknowledge(read);
  bench.spool->sync();
  EXPECT_EQ(bench.disk->contents(segment), contents);
}

TEST(ALaneWithADamagedFolder, OpensWithFoldersInTheNamesOfFiles) {
  BadDisk bench;
  bench.close();
  const auto segment = bench.segments().at(1);
  bench.disk->erase(segment);
  bench.disk->make_folder(segment);
  bench.disk->make_folder(folder / "spare-1");
  bench.disk->make_folder(folder / "fates");
  bench.disk->replace(folder / "quarantine", "a file");
  bench.disk->replace(folder / "00000000000000ff.seg", "rubbish");
  bench.open();
  EXPECT_THAT(bench.lane->status().trouble, HasSubstr(segment.filename().string()));
  EXPECT_THAT(bench.lane->status().trouble, HasSubstr("spare-1"));
  const auto read = bench.read_sequences();
  EXPECT_EQ(read.size() + bench.discarded(Discard::corrupt), 300U);
  EXPECT_EQ(bench.append(301, 1, 1000), 301U);
}

TEST(ALaneOnADiskThatCannotBeWritten, SaysSoWhenItIsOpened) {
  for (const int code : {EROFS, ENOSPC}) {
    BadDisk bench;
    bench.close();
    bench.disk->fail_writes("", 0, code);
    bench.disk->fail_names("", code);
    try {
      bench.open();
      ADD_FAILURE() << "no error";
    } catch (const SystemError& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_THAT(error.what(), HasSubstr(folder.string()));
    }
    bench.close();
    bench.disk->heal();
    bench.open();
    EXPECT_EQ(bench.read_sequences(), numbers(1, 300)) << "and nothing was lost";
    EXPECT_THAT(bench.disk->list(folder), Not(Contains(HasSubstr("unusable"))));
  }
}

TEST(ALaneWhoseSyncFails, AnswersNobodyThatItIsDurable) {
  Bench bench;
  bench.options.sync_interval = 1ms;
  bench.open();
  bench.append(1, 3);
  EXPECT_TRUE(bench.lane->wait_durable(3, Bench::patience));
  bench.disk->fail_syncs(".seg");
  for (std::uint64_t n = 4; n < 10; ++n) {
    bench.append(n, 1);
    EXPECT_FALSE(bench.lane->wait_durable(n, n == 4 ? Bench::patience : 50ms));  // the first until its sync has failed
    EXPECT_EQ(bench.lane->durable(), 3U);
    EXPECT_THAT(bench.lane->status().trouble, HasSubstr("Input/output error"));
  }
  bench.disk->heal();
  EXPECT_EQ(bench.read_sequences(), numbers(1, 9));
}

TEST(ALaneWhoseSyncFailed, IsNotBelievedByTheNextProcessEither) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench;
    bench.open();
    bench.append(1, 5);
    bench.disk->fail_syncs(".seg", 1);
    EXPECT_FALSE(bench.lane->wait_durable(5, Bench::patience));
    bench.reopen_after_kill();
    bench.append(6, 5);
    EXPECT_FALSE(bench.lane->wait_durable(10, 5ms));
    EXPECT_THAT(bench.lane->status().trouble, HasSubstr("failed before"));
    EXPECT_EQ(bench.read_sequences(), numbers(1, 10));
    for (std::uint64_t n = 1; n <= 5; ++n) bench.lane->acknowledge(n);
    EXPECT_TRUE(bench.lane->wait_durable(10, Bench::patience));
    bench.reopen_after_power_cut(seed);
    const auto read = bench.read_sequences();
    for (std::uint64_t n = 6; n <= 10; ++n) EXPECT_THAT(read, Contains(n)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tidegate::spool
