// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// The spool's promises are only as good as the disk that they are tried on.
#include "support/simulated_disk.hpp"

#include <set>
#include <span>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate::test {
namespace {

using Open = spool::Disk::Open;

void write(spool::File& file, std::uint64_t offset, const std::string& text) {
  file.write(offset, std::as_bytes(std::span(text)));
}

TEST(ASimulatedDisk, KeepsWhatWasSyncedThroughEveryPowerCut) {
  SimulatedDisk disk;
  const auto file = disk.open("/state/a", Open::create);
  write(*file, 0, std::string(3000, 'x'));
  file->sync();
  disk.sync_folder("/state");
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(disk.after_power_cut(seed)->contents("/state/a"), std::string(3000, 'x'));
  }
}

TEST(ASimulatedDisk, LosesKeepsAndTearsWhatWasNotSynced) {
  SimulatedDisk disk;
  const auto file = disk.open("/state/a", Open::create);
  write(*file, 0, std::string(2048, 'a'));
  file->sync();
  disk.sync_folder("/state");
  write(*file, 0, std::string(2048, 'b'));
  write(*file, 0, std::string(2048, 'c'));
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto text = disk.after_power_cut(seed)->contents("/state/a");
    std::string sectors;
    for (std::size_t at = 0; at < 2048; at += SimulatedDisk::sector) {
      EXPECT_EQ(text.substr(at, SimulatedDisk::sector), std::string(SimulatedDisk::sector, text[at]))
          << "a torn sector";
      sectors += text[at];
    }
    seen.insert(sectors);
  }
  EXPECT_TRUE(seen.contains("aaaa"));
  EXPECT_TRUE(seen.contains("cccc"));
  EXPECT_GT(seen.size(), 20U);
}

TEST(ASimulatedDisk, LosesAFileWhoseNameIsNotDurable) {
  SimulatedDisk disk;
  const auto file = disk.open("/state/a", Open::create);
  write(*file, 0, "text");
  file->sync();
  unsigned kept = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) kept += disk.after_power_cut(seed)->exists("/state/a") ? 1 : 0;
  EXPECT_GT(kept, 0U);
  EXPECT_LT(kept, 100U);
}

TEST(ASimulatedDisk, KeepsExactlyOneNameThroughARename) {
  SimulatedDisk disk;
  const auto file = disk.open("/state/a", Open::create);
  disk.sync_folder("/state");
  disk.rename("/state/a", "/state/b");
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto names = disk.after_power_cut(seed)->list("/state");
    ASSERT_EQ(names.size(), 1U);
    seen.insert(names.front());
  }
  EXPECT_EQ(seen, (std::set<std::string>{"a", "b"}));
  disk.sync_folder("/state");
  for (std::uint64_t seed = 0; seed < 50; ++seed) EXPECT_TRUE(disk.after_power_cut(seed)->exists("/state/b"));
}

TEST(ASimulatedDisk, KeepsEverythingWhenOnlyTheProcessDies) {
  SimulatedDisk disk;
  disk.make_folder("/state/f");
  const auto file = disk.open("/state/f/a", Open::create);
  write(*file, 100, "text");
  const auto next = disk.after_kill();
  EXPECT_EQ(next->contents("/state/f/a"), std::string(100, '\0') + "text");
  write(*file, 100, "late");
  EXPECT_EQ(next->contents("/state/f/a").substr(100), "text");
  unsigned kept = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) kept += next->after_power_cut(seed)->exists("/state/f/a") ? 1 : 0;
  EXPECT_LT(kept, 100U) << "a kill made something durable";
}

TEST(ASimulatedDisk, StopsAtTheStepOfTheCutAndAfterIt) {
  SimulatedDisk disk;
  disk.cut_at(2);
  const auto file = disk.open("/state/a", Open::create);
  EXPECT_FALSE(disk.is_cut());
  EXPECT_THROW(write(*file, 0, "x"), PowerCut);
  EXPECT_TRUE(disk.is_cut());
  EXPECT_THROW(file->sync(), PowerCut);
  EXPECT_THROW(disk.sync_folder("/state"), PowerCut);
  EXPECT_THROW(static_cast<void>(disk.open("/state/b", Open::create)), PowerCut);
}

TEST(ASimulatedDisk, NeverMakesDurableWhatAFailedSyncLeftBehind) {
  SimulatedDisk disk;
  const auto file = disk.open("/state/a", Open::create);
  disk.sync_folder("/state");
  write(*file, 0, "text");
  disk.fail_syncs("/state/a", 1);
  EXPECT_THROW(file->sync(), SystemError);
  file->sync();
  EXPECT_EQ(disk.contents("/state/a"), "text");
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(disk.after_power_cut(seed)->contents("/state/a"), std::string(4, '\0'));
  }
}

TEST(ASimulatedDisk, RunsOutOfSpaceOnlyWhereFilesGrow) {
  SimulatedDisk disk;
  const auto file = disk.open("/state/a", Open::create);
  write(*file, 0, std::string(100, 'x'));
  disk.limit_space(50);
  write(*file, 0, std::string(100, 'y'));
  try {
    write(*file, 100, std::string(80, 'z'));
    FAIL() << "no error";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.code(), ENOSPC);
  }
  EXPECT_EQ(disk.contents("/state/a"), std::string(100, 'y') + std::string(50, 'z'));
  disk.remove("/state/a");
  EXPECT_EQ(disk.space("/state").free, 150U);
}

TEST(ASimulatedDisk, SyncsWhatWasThereWhenTheSyncBegan) {
  SimulatedDisk disk;
  const auto file = disk.open("/state/a", Open::create);
  disk.sync_folder("/state");
  write(*file, 0, std::string(512, 'a'));
  disk.hold_syncs();
  std::thread syncing([&] { file->sync(); });
  EXPECT_TRUE(disk.wait_for_held_sync());
  write(*file, 0, std::string(512, 'b'));
  disk.release_syncs();
  syncing.join();
  std::set<char> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) seen.insert(disk.after_power_cut(seed)->contents("/state/a").at(0));
  EXPECT_EQ(seen, (std::set<char>{'a', 'b'}));
}

}  // namespace
}  // namespace tidegate::test
