// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/spool.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/error.hpp>

#include "spool/file.hpp"
#include "unit/spool/bench.hpp"
#include "unit/spool/temporary_folder.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// GCC has the function and not its header.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace tidegate::spool {
namespace {

using namespace std::chrono_literals;
using test::Bench;
using test::numbers;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(ASpool, KeepsItsUuid) {
  Bench bench;
  bench.open();
  const auto uuid = bench.spool->uuid();
  EXPECT_THAT(uuid, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
  bench.reopen();
  EXPECT_EQ(bench.spool->uuid(), uuid);
  bench.reopen_after_power_cut(1);
  EXPECT_EQ(bench.spool->uuid(), uuid);
  Bench other;
  other.open();
  EXPECT_NE(other.spool->uuid(), uuid);
}

TEST(ASpool, MakesANewUuidWhenTheOldOneIsDamaged) {
  Bench bench;
  bench.open();
  bench.close();
  for (const auto& damage : {std::string(), std::string(36, '\0'), std::string("short"), std::string(5000, 'z')}) {
    bench.disk->replace("/state/spool/identity", damage);
    bench.open();
    EXPECT_EQ(bench.spool->uuid().size(), 36U);
    EXPECT_EQ(bench.spool->uuid().find_first_not_of("0123456789abcdef-"), std::string::npos);
    const auto made = bench.spool->uuid();
    bench.reopen();
    EXPECT_EQ(bench.spool->uuid(), made);
    bench.close();
  }
}

TEST(ASpool, ReturnsTheSameLaneWhenAskedAgain) {
  Bench bench;
  auto& lane = bench.open();
  EXPECT_EQ(&bench.spool->lane("cloud", "default", bench.options), &lane);
  auto& other = bench.spool->lane("cloud", "other", bench.options);
  auto& elsewhere = bench.spool->lane("second", "default", bench.options);
  EXPECT_NE(&other, &lane);
  EXPECT_NE(&elsewhere, &lane);
  EXPECT_THAT(bench.spool->lanes(), UnorderedElementsAre(&lane, &other, &elsewhere));
}

TEST(ASpool, KeepsItsLanesApart) {
  Bench bench;
  auto& lane = bench.open();
  auto& other = bench.spool->lane("cloud", "other", bench.options);
  EXPECT_EQ(lane.append(Bench::message(1)), 1U);
  EXPECT_EQ(other.append(Bench::message(2)), 1U);
  EXPECT_EQ(lane.append(Bench::message(3)), 2U);
  EXPECT_EQ(bench.read_sequences(), numbers(1, 2));
  const auto records = other.read(10, 1000);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].message, Bench::message(2));
}

TEST(ASpool, ChecksNames) {
  Bench bench;
  bench.open();
  const std::vector<std::string> bad{
      "", ".", "..", ".hidden", "a/b", "a b", std::string("a\0b", 3), "\xc3\xa4", "a\n", std::string(65, 'x'), "../up"};
  for (const auto& name : bad) {
    EXPECT_THROW(bench.spool->lane(name, "default", bench.options), Error) << name;
    EXPECT_THROW(bench.spool->lane("cloud", name, bench.options), Error) << name;
  }
  EXPECT_EQ(bench.spool->lanes().size(), 1U);
  EXPECT_THAT(bench.disk->list("/state"), ElementsAre("spool"));
  for (const auto& name :
       {std::string("a"), std::string("A-1_b.c"), std::string(64, 'x'), std::string("-"), std::string("7")}) {
    EXPECT_NO_THROW(bench.spool->lane(name, name, bench.options)) << name;
  }
}

TEST(ASpool, KnowsTheLanesThatNobodyOpened) {
  Bench bench;
  bench.open();
  bench.append(1, 3);
  static_cast<void>(bench.spool->lane("cloud", "old", bench.options).append(Bench::message(1)));
  bench.spool->lane("elsewhere", "other", bench.options);
  bench.close();
  bench.open();
  EXPECT_THAT(bench.spool->forgotten(), ElementsAre(LaneName{"cloud", "old"}, LaneName{"elsewhere", "other"}));
  auto& old = bench.spool->lane("cloud", "old", bench.options);
  EXPECT_THAT(bench.spool->forgotten(), ElementsAre(LaneName{"elsewhere", "other"}));
  EXPECT_EQ(old.read(10, 1000).size(), 1U);
}

TEST(ASpool, DoesNotTakeAForeignFileForAForgottenLane) {
  Bench bench;
  bench.open();
  bench.close();
  bench.disk->replace("/state/spool/cloud/README", "not a lane");
  bench.disk->replace("/state/spool/cloud/bad name", "not a lane");
  bench.disk->make_folder("/state/spool/cloud/photos");
  bench.disk->replace("/state/spool/cloud/photos/1.jpg", "not a lane");
  bench.disk->make_folder("/state/spool/bad name/default");
  bench.disk->replace("/state/spool/bad name/default/epoch", "nobody could open it");
  bench.open();
  EXPECT_THAT(bench.spool->forgotten(), IsEmpty());
}

TEST(ASpool, MakesEverythingDurableOnSync) {
  Bench bench;
  auto& lane = bench.open();
  auto& other = bench.spool->lane("cloud", "other", bench.options);
  bench.append(1, 5);
  ASSERT_TRUE(other.append(Bench::message(1)));
  bench.spool->sync();
  EXPECT_EQ(lane.durable(), 5U);
  EXPECT_EQ(other.durable(), 1U);
  bench.spool->sync();
}

TEST(ASpool, MakesEverythingDurableOnClosing) {
  Bench bench;
  bench.open();
  bench.append(1, 10);
  static_cast<void>(bench.read_all());
  for (const std::uint64_t n : {1, 2, 5}) bench.lane->acknowledge(n);
  bench.close();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench after;
    after.disk = bench.disk->after_power_cut(seed);
    after.open();
    EXPECT_EQ(after.read_sequences(), (std::vector<std::uint64_t>{3, 4, 6, 7, 8, 9, 10})) << "seed " << seed;
  }
}

TEST(ASpool, ClosesOnADiskThatRefusesEverything) {
  Bench bench;
  bench.open();
  bench.append(1, 10);
  bench.disk->cut_at(1);
  bench.close();
}

// ---------------------------------------------------------------------------------------------------------------- age

TEST(TheAgeOfAGateway, GrowsWithTheBootClockAndNotWithTheWallClock) {
  Bench bench;
  bench.open();
  const auto before = bench.spool->age();
  bench.clock.jump(-std::chrono::hours{24 * 3652});
  EXPECT_EQ(bench.spool->age(), before);
  bench.clock.advance(7s);
  EXPECT_EQ(bench.spool->age(), before + 7s);
}

TEST(TheAgeOfAGateway, GoesOnThroughARestart) {
  Bench bench;
  bench.open();
  const auto before = bench.spool->age();
  bench.clock.advance(10s);
  bench.close();
  bench.clock.advance(5s);
  bench.open();
  EXPECT_EQ(bench.spool->age(), before + 15s);
}

TEST(TheAgeOfAGateway, IsTheSumOverBoots) {
  Bench bench;
  bench.open();
  bench.clock.advance(1000s);
  const auto before = bench.spool->age();
  bench.close();
  bench.clock.reboot(20s);
  bench.boot = "boot-2";
  bench.open();
  EXPECT_GE(bench.spool->age(), before);
  EXPECT_LE(bench.spool->age(), before + 20s);
}

TEST(TheAgeOfAGateway, IsNotBelowThatOfItsNewestRecord) {
  Bench bench;
  bench.open();
  bench.clock.advance(1000s);
  bench.append(1, 1);
  bench.spool->sync();
  const auto newest = bench.lane->age();
  auto next = bench.disk->after_power_cut(1);  // the file with the age was not written since the start
  bench.close();
  bench.disk = std::move(next);
  bench.clock.reboot(1s);
  bench.boot = "boot-2";
  bench.open();
  EXPECT_GE(bench.spool->age(), newest);
}

TEST(TheAgeOfAGateway, SurvivesEveryKindOfRubbishInItsFile) {
  for (const auto& rubbish :
       {std::string(), std::string(200, '\0'), std::string("boot-1"), std::string("boot-1 x y"),
        std::string("boot-1 -5 -7\n"), std::string("boot-1 9223372036854775807 9223372036854775807"),
        std::string("boot-9 1 99999999999999999999999"), std::string(5000, 'a')}) {
    Bench bench;
    bench.open();
    bench.append(1, 1);
    bench.close();
    bench.disk->replace("/state/spool/age", rubbish);
    bench.open();
    EXPECT_GE(bench.spool->age(), 0ns) << rubbish;
    EXPECT_EQ(bench.read_sequences(), numbers(1, 1)) << rubbish;
  }
}

// ------------------------------------------------------------------------------------------------------ the real disk

TEST(ASpoolOnTheRealDisk, KeepsRecordsOverARestart) {
  const TemporaryFolder folder;
  LaneOptions options;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    Spool spool(folder.path() / "state" / "spool", machine_disk(), machine_clock());
    auto& lane = spool.lane("cloud", "default", options);
    EXPECT_EQ(lane.status().epoch, round);
    EXPECT_EQ(lane.append(Bench::message(round)), round);
    const auto records = lane.read(100, 1U << 20);
    ASSERT_EQ(records.size(), round);
    EXPECT_EQ(records.front().message, Bench::message(1));
  }
}

TEST(ASpoolOnTheRealDisk, IsHeldByOneProcess) {
  const TemporaryFolder folder;
  int ready[2];
  int done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const auto child = ::fork();
  ASSERT_NE(child, -1);
  if (child == 0) {
    char byte = 0;
    try {
      const Spool spool(folder.path(), machine_disk(), machine_clock());
      static_cast<void>(!::write(ready[1], &byte, 1));
      static_cast<void>(!::read(done[0], &byte, 1));
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  try {
    const Spool spool(folder.path(), machine_disk(), machine_clock());
    ADD_FAILURE() << "two processes hold the spool";
  } catch (const UnavailableError& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(child)));
    EXPECT_THAT(error.what(), HasSubstr(folder.path().string()));
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_NO_THROW(Spool(folder.path(), machine_disk(), machine_clock())) << "a dead process holds nothing";
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) ::close(fd);
}

TEST(ASpoolOnTheRealDisk, SaysWhichFolderItCannotMake) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "in the way";
  const auto below = folder.path() / "file" / "spool";
  try {
    const Spool spool(below, machine_disk(), machine_clock());
    ADD_FAILURE() << "no error";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.code(), ENOTDIR);
    EXPECT_THAT(error.what(), HasSubstr(below.string()));
  }
}

TEST(ASpoolOnTheRealDisk, SaysWhichFolderItMayNotWrite) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  try {
    const Spool spool(folder.path() / "spool", machine_disk(), machine_clock());
    ADD_FAILURE() << "no error";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.code(), EACCES);
    EXPECT_THAT(error.what(), HasSubstr((folder.path() / "spool").string()));
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

/// Bytes that this process has on its heap.
std::size_t heap() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return __sanitizer_get_current_allocated_bytes();
#else
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

TEST(ASpoolOnTheRealDisk, NeedsNoMoreMemoryForALongerBacklog) {
  const TemporaryFolder folder;
  Spool spool(folder.path(), machine_disk(), machine_clock());
  LaneOptions options;
  options.segment_size = 1U << 20;
  auto& lane = spool.lane("cloud", "default", options);
  Message message;
  message.topic = "a/b";
  message.payload.assign(64, 'x');
  const auto append = [&](unsigned count) {
    for (unsigned n = 0; n < count; ++n) ASSERT_TRUE(lane.append(message).has_value());
  };
  append(10'000);
  const auto before = heap();
  append(150'000);
  const auto growth = heap() - std::min(before, heap());
  EXPECT_LT(growth, 1U << 20) << "150,000 more records waiting took " << growth << " bytes";
  const auto records = lane.read(100, 1U << 20);
  ASSERT_EQ(records.size(), 100U);
  EXPECT_EQ(records.front().sequence, 1U);
  EXPECT_LT(heap() - std::min(before, heap()), 2U << 20);
}

}  // namespace
}  // namespace tidegate::spool
