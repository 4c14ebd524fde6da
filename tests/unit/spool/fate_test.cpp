// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/fate.hpp"

#include <string>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "support/simulated_disk.hpp"

namespace tidegate::spool {
namespace {

using namespace std::chrono_literals;
using test::SimulatedDisk;

const WallTime noon{std::chrono::seconds{1'790'000'000}};
constexpr const char* folder = "/state";
constexpr const char* path = "/state/fates";

bool same(const Fates& left, const Fates& right) {
  return std::equal(
      left.all().begin(), left.all().end(), right.all().begin(), right.all().end(), [](const Fate& a, const Fate& b) {
        return a.first == b.first && a.last == b.last && a.discard == b.discard && a.when == b.when && a.why == b.why;
      });
}

Fates loaded(SimulatedDisk& disk) {
  Fates fates;
  fates.load(disk, folder);
  return fates;
}

TEST(Fates, OfDeliveriesWithinASecondAreOne) {
  Fates fates;
  for (std::uint64_t n = 1; n <= 2000; ++n) fates.note(n, n, std::nullopt, noon + n * 1ms);
  ASSERT_EQ(fates.all().size(), 2U);
  EXPECT_EQ(fates.all()[0].first, 1U);
  EXPECT_EQ(fates.all()[0].last, 1001U);
  EXPECT_EQ(fates.all()[0].when, noon + 1001ms);
  EXPECT_EQ(fates.all()[1].last, 2000U);
  EXPECT_EQ(fates.all()[1].when, noon + 2s);
}

TEST(Fates, OfDiscardsAreOneWhenKindAndReasonAreTheSame) {
  Fates fates;
  fates.note(1, 1, Discard::expired, noon);
  fates.note(2, 2, Discard::expired, noon);
  fates.note(3, 3, Discard::evicted, noon);
  fates.note(4, 4, Discard::dead_lettered, noon, "too big");
  fates.note(5, 5, Discard::dead_lettered, noon, "not authorized");
  fates.note(6, 9, Discard::dead_lettered, noon, "not authorized");
  ASSERT_EQ(fates.all().size(), 4U);
  EXPECT_EQ(fates.all()[0].last, 2U);
  EXPECT_EQ(fates.all()[3].first, 5U);
  EXPECT_EQ(fates.all()[3].last, 9U);
  EXPECT_EQ(fates.all()[3].why, "not authorized");
}

TEST(Fates, OfTwoPartsThatAreDeliveredInTurnAreTwo) {
  Fates fates;
  for (std::uint64_t n = 1; n <= 100; ++n) {
    fates.note(n, n, std::nullopt, noon);
    fates.note(1000 + n, 1000 + n, std::nullopt, noon);
    if (n % 10 == 0) fates.note(5000 + n, 5000 + n, Discard::expired, noon);
  }
  EXPECT_EQ(fates.all().size(), 12U);
  EXPECT_EQ(fates.all()[0].last, 100U);
}

TEST(Fates, AreNotJoinedOverAJumpOfTheClock) {
  Fates fates;
  fates.note(1, 1, std::nullopt, noon);
  fates.note(2, 2, std::nullopt, noon - 24h * 3653);
  fates.note(3, 3, std::nullopt, noon + 24h * 3653);
  EXPECT_EQ(fates.all().size(), 3U);
}

TEST(Fates, ForgetTheOldest) {
  Fates fates;
  for (std::uint64_t n = 1; n <= Fates::most + 10; ++n) fates.note(10 * n, 10 * n, std::nullopt, noon);
  EXPECT_EQ(fates.all().size(), Fates::most);
  EXPECT_EQ(fates.all().front().first, 110U);
}

TEST(Fates, CutAReasonShortBetweenCharacters) {
  Fates fates;
  std::string why = "x";
  while (why.size() < 200) why += "ü";
  fates.note(1, 1, Discard::dead_lettered, noon, why);
  EXPECT_EQ(fates.all().front().why, why.substr(0, 119));
  fates.note(2, 2, Discard::dead_lettered, noon, why);
  EXPECT_EQ(fates.all().size(), 1U) << "the same reason";
}

TEST(SavedFates, ComeBack) {
  SimulatedDisk disk;
  Fates fates;
  fates.note(1, 7, std::nullopt, noon);
  fates.note(8, 8, Discard::corrupt, noon + 1s, "damaged on disk");
  EXPECT_GT(fates.save(disk, folder), 0U);
  EXPECT_EQ(fates.save(disk, folder), 0U) << "nothing is new";
  EXPECT_TRUE(same(loaded(disk), fates));
}

TEST(SavedFates, GrowByWhatIsNewAndNotByWhatIsKnown) {
  SimulatedDisk disk;
  Fates fates;
  for (std::uint64_t n = 1; n <= 1000; ++n) fates.note(10 * n, 10 * n, std::nullopt, noon + n * 2s);
  fates.save(disk, folder);
  std::uint64_t sequence = 100'000;
  for (int round = 0; round < 500; ++round) {
    fates.note(sequence, sequence + 1, std::nullopt, noon + 10'000s + round * 3s);
    EXPECT_LE(fates.save(disk, folder), 64U);
    fates.note(sequence + 2, sequence + 2, std::nullopt, noon + 10'000s + round * 3s + 1s);  // goes on
    fates.note(sequence + 5, sequence + 5, Discard::expired, noon + 10'000s + round * 3s);
    EXPECT_LE(fates.save(disk, folder), 64U);
    sequence += 10;
    EXPECT_TRUE(round % 100 != 0 || same(loaded(disk), fates)) << round;
  }
  EXPECT_TRUE(same(loaded(disk), fates));
}

TEST(SavedFates, TakeABoundedFile) {
  SimulatedDisk disk;
  Fates fates;
  const std::string why(120, 'w');
  for (std::uint64_t n = 1; n <= 20'000; ++n) {
    fates.note(10 * n, 10 * n, Discard::dead_lettered, noon, why);
    if (n % 50 == 0) fates.save(disk, folder);
  }
  EXPECT_LE(disk.contents(path).size(), 2 * Fates::most * 152 + 8);
  EXPECT_TRUE(same(loaded(disk), fates));
  EXPECT_LE(disk.bytes_written(), 20'000U * 152 * 3);
}

TEST(SavedFates, GoOnWhereAnotherProcessEnded) {
  SimulatedDisk disk;
  {
    Fates fates;
    fates.note(1, 5, std::nullopt, noon);
    fates.save(disk, folder);
  }
  auto fates = loaded(disk);
  fates.note(6, 6, std::nullopt, noon + 500ms);
  fates.note(7, 7, Discard::dropped, noon + 2s, "by hand");
  fates.save(disk, folder);
  const auto again = loaded(disk);
  EXPECT_TRUE(same(again, fates));
  ASSERT_EQ(again.all().size(), 2U);
  EXPECT_EQ(again.all()[0].last, 6U);
}

TEST(SavedFates, KeepWhatStandsBeforeTheDamage) {
  SimulatedDisk disk;
  Fates fates;
  for (std::uint64_t n = 1; n <= 20; ++n) fates.note(10 * n, 10 * n, std::nullopt, noon + n * 2s);
  fates.save(disk, folder);
  const auto sound = disk.contents(path);
  for (std::size_t size = 0; size < sound.size(); ++size) {
    disk.replace(path, sound.substr(0, size));
    const auto torn = loaded(disk);
    EXPECT_EQ(torn.all().size(), size < 8 ? 0 : (size - 8) / 32);
    disk.replace(path, sound);
    disk.flip_bit(path, size, size % 8);
    const auto flipped = loaded(disk);
    EXPECT_EQ(flipped.all().size(), size < 8 ? 0 : (size - 8) / 32);
    EXPECT_TRUE(std::equal(flipped.all().begin(), flipped.all().end(), fates.all().begin(),
                           [](const Fate& a, const Fate& b) { return a.first == b.first && a.when == b.when; }));
  }
  for (const auto& rubbish : {std::string(), std::string(100'000, '\0'), std::string(9'000'000, 'x')}) {
    disk.replace(path, rubbish);
    auto none = loaded(disk);
    EXPECT_TRUE(none.all().empty());
    none.note(1, 1, std::nullopt, noon);
    none.save(disk, folder);
    EXPECT_TRUE(same(loaded(disk), none));
  }
}

TEST(SavedFates, AreWholeOrShorterAfterAPowerCutAtAnyMoment) {
  const auto live = [](SimulatedDisk& disk) {
    Fates fates;
    for (std::uint64_t round = 1; round <= 3000; ++round) {
      fates.note(10 * round, 10 * round, std::nullopt, noon + round * 2s);
      if (round % 97 == 0) fates.save(disk, folder);
    }
  };
  for (std::uint64_t cut = 1; cut < 45; ++cut) {
    SimulatedDisk disk;
    disk.cut_at(cut);
    try {
      live(disk);
    } catch (const test::PowerCut&) {
    }
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const auto after = disk.after_power_cut(seed);
      auto fates = loaded(*after);
      for (const auto& fate : fates.all()) {
        EXPECT_EQ(fate.first, fate.last);
        EXPECT_EQ(fate.when, noon + fate.first / 10 * 2s);
      }
      fates.note(1, 1, Discard::dropped, noon);
      fates.save(*after, folder);
      EXPECT_EQ(loaded(*after).all().back().first, 1U);
    }
  }
}

TEST(SavedFates, TryAgainWhenTheDiskRefused) {
  SimulatedDisk disk;
  Fates fates;
  fates.note(1, 1, std::nullopt, noon);
  fates.save(disk, folder);
  fates.note(5, 5, std::nullopt, noon);
  disk.fail_writes("fates");
  EXPECT_THROW(fates.save(disk, folder), SystemError);
  fates.note(9, 9, std::nullopt, noon);
  EXPECT_THROW(fates.save(disk, folder), SystemError);
  disk.heal();
  EXPECT_GT(fates.save(disk, folder), 0U);
  EXPECT_TRUE(same(loaded(disk), fates));
}

}  // namespace
}  // namespace tidegate::spool
