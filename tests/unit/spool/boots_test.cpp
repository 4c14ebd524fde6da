// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/boots.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "spool/age.hpp"
#include "support/fake_clock.hpp"
#include "support/simulated_disk.hpp"

namespace tidegate::spool {
namespace {

using namespace std::chrono_literals;
using test::FakeClock;
using test::SimulatedDisk;

constexpr auto ten_years = Nanoseconds{std::chrono::days{3653}};
const WallTime never_set{std::chrono::seconds{30}};
const WallTime now_it_is{std::chrono::seconds{1'790'000'000}};

/// A gateway's age on a simulated disk, over boots.
struct Life {
  SimulatedDisk disk;
  FakeClock clock{10s, never_set};
  std::string boot = "boot-1";
  std::unique_ptr<Age> age;

  Life() {
    clock.set_quality(ClockQuality::unsynced);
    open();
  }
  void open() { age = std::make_unique<Age>(disk, "/state", clock, boot); }
  void close() {
    age->save();
    age.reset();
  }
  /// The machine starts again, and nobody has set its clock.
  void start_again(const std::string& name) {
    close();
    boot = name;
    clock.reboot(10s);
    clock.jump(never_set - clock.wall());
    clock.set_quality(ClockQuality::unsynced);
    open();
  }
  void set_clock(WallTime time, ClockQuality quality = ClockQuality::ntp) {
    clock.jump(time - clock.wall());
    clock.set_quality(quality);
    age->look();
  }
  [[nodiscard]] std::optional<WallTime> wall_at(Nanoseconds when) const { return age->boots().wall_at(when); }
};

TEST(ATimeTakenBeforeTheClockWasSet, IsPutRightWhenTheClockIsSetInTheSameBoot) {
  Life life;
  const auto then = life.age->now();
  EXPECT_EQ(life.wall_at(then), std::nullopt);
  EXPECT_EQ(life.age->boots().quality_at(then), ClockQuality::unsynced);
  life.clock.advance(1h);
  life.set_clock(now_it_is);
  EXPECT_EQ(life.wall_at(then), now_it_is - 1h);
  EXPECT_EQ(life.age->boots().quality_at(then), ClockQuality::ntp);
}

TEST(ATimeTakenBeforeTheClockWasSet, IsPutRightAfterARestartOfTheProcess) {
  Life life;
  const auto then = life.age->now();
  life.clock.advance(1h);
  life.close();
  life.open();
  EXPECT_EQ(life.wall_at(then), std::nullopt);
  life.clock.advance(1h);
  life.set_clock(now_it_is);
  EXPECT_EQ(life.wall_at(then), now_it_is - 2h);
  life.close();
  life.open();
  EXPECT_EQ(life.wall_at(then), now_it_is - 2h);
}

TEST(ATimeTakenBeforeTheClockWasSet, IsPutRightInAnEarlierBootThatWasSetLater) {
  Life life;
  const auto then = life.age->now();
  life.clock.advance(1h);
  life.set_clock(now_it_is);
  life.start_again("boot-2");
  const auto later = life.age->now();
  EXPECT_EQ(life.wall_at(then), now_it_is - 1h);
  EXPECT_EQ(life.wall_at(later), std::nullopt);
  life.clock.advance(1min);
  life.set_clock(now_it_is + 24h);
  EXPECT_EQ(life.wall_at(then), now_it_is - 1h);
  EXPECT_EQ(life.wall_at(later), now_it_is + 24h - 1min);
}

TEST(ATimeTakenBeforeTheClockWasSet, StaysUnknownInABootThatWasNeverSet) {
  Life life;
  const auto then = life.age->now();
  life.clock.advance(1h);
  life.start_again("boot-2");
  life.set_clock(now_it_is);
  EXPECT_EQ(life.wall_at(then), std::nullopt);
  EXPECT_EQ(life.wall_at(life.age->now()), now_it_is);
}

TEST(ATimeTakenBeforeTheClockWasSet, IsFoundByTheAgeOfTheNewestRecordWhenTheAgeWasNotSavedLately) {
  Life life;
  life.age->save();
  life.clock.advance(50s);
  life.set_clock(now_it_is);  // known to nobody: the power goes before it is saved
  const auto newest = life.age->now();
  life.age.reset();
  life.boot = "boot-2";
  life.clock.reboot(5s);
  life.clock.set_quality(ClockQuality::unsynced);
  life.open();
  life.age->at_least(newest);
  life.clock.advance(10s);
  life.set_clock(now_it_is + 1h);
  EXPECT_EQ(life.wall_at(newest - 1ns), std::nullopt) << "that was the boot before";
  EXPECT_EQ(life.wall_at(newest + 10s), now_it_is + 1h);
}

TEST(AJumpOfTenYears, IsNotBelievedFromAClockThatNobodySet) {
  Life life;
  const auto then = life.age->now();
  for (const auto jump : {ten_years, -ten_years, -ten_years}) {
    life.clock.jump(jump);
    life.age->look();
    EXPECT_EQ(life.wall_at(then), std::nullopt);
  }
}

TEST(AJumpOfTenYears, ByHandDoesNotReplaceWhatNtpSaid) {
  for (const auto jump : {ten_years, -ten_years}) {
    Life life;
    const auto then = life.age->now();
    life.set_clock(now_it_is);
    life.clock.set_quality(ClockQuality::unsynced);  // as the kernel has it
    life.clock.jump(jump);
    EXPECT_FALSE(life.age->look() && life.wall_at(then) != now_it_is);
    EXPECT_EQ(life.wall_at(then), now_it_is);
    life.close();
    life.open();
    EXPECT_EQ(life.wall_at(then), now_it_is);
  }
}

TEST(AJumpOfTenYears, ThatNtpMakesIsTaken) {
  for (const auto jump : {ten_years, -ten_years}) {
    Life life;
    const auto then = life.age->now();
    life.set_clock(now_it_is);
    life.set_clock(now_it_is + jump);
    EXPECT_EQ(life.wall_at(then), now_it_is + jump);
  }
}

TEST(AClockSetFromABattery, IsBelievedUntilNtpKnowsBetter) {
  Life life;
  const auto then = life.age->now();
  life.set_clock(now_it_is - ten_years, ClockQuality::rtc);
  EXPECT_EQ(life.wall_at(then), now_it_is - ten_years);
  EXPECT_EQ(life.age->boots().quality_at(then), ClockQuality::rtc);
  life.set_clock(now_it_is, ClockQuality::ntp);
  EXPECT_EQ(life.wall_at(then), now_it_is);
  life.set_clock(now_it_is - ten_years, ClockQuality::rtc);
  EXPECT_EQ(life.wall_at(then), now_it_is);
  EXPECT_EQ(life.age->boots().quality_at(then), ClockQuality::ntp);
}

TEST(AnAge, SaysWhenThereIsSomethingToSaveSoon) {
  Life life;
  EXPECT_TRUE(life.age->look()) << "a boot that nobody knows of yet";
  life.age->save();
  EXPECT_FALSE(life.age->look());
  life.clock.set_quality(ClockQuality::rtc);
  EXPECT_TRUE(life.age->look());
  EXPECT_TRUE(life.age->look()) << "it has not been saved";
  life.age->save();
  EXPECT_FALSE(life.age->look());
  life.clock.jump(ten_years);
  EXPECT_FALSE(life.age->look()) << "nothing better than before";
  life.clock.set_quality(ClockQuality::ntp);
  EXPECT_TRUE(life.age->look());
}

TEST(AnAgeFile, OfAnOlderVersionIsRead) {
  SimulatedDisk disk;
  disk.replace("/state/age", "boot-1 50000000000 70000000000\n");
  FakeClock clock{60s, now_it_is};
  Age age(disk, "/state", clock, "boot-1");
  EXPECT_EQ(age.now(), 80s);
  // It cannot say when this boot began; but it did not begin before the machine did.
  EXPECT_EQ(age.boots().wall_at(70s), now_it_is - 10s);
  EXPECT_EQ(age.boots().wall_at(19s), std::nullopt);
}

TEST(AnAgeFile, IsReadByAnOlderVersion) {
  Life life;
  life.age->save();
  const auto text = life.disk.contents("/state/age");
  EXPECT_EQ(text.substr(0, text.find('\n') - 9), "boot-1 10000000000 10000000000");
}

TEST(AnAgeFile, ThatIsDamagedMakesNoTimeWrong) {
  Life life;
  life.set_clock(now_it_is);
  life.start_again("boot-2");
  const auto second = life.age->now();
  life.clock.advance(1h);
  life.set_clock(now_it_is + 5h);
  life.start_again("boot-3");
  const auto third = life.age->now();
  life.clock.advance(1h);
  life.set_clock(now_it_is + 9h);
  life.close();
  const auto sound = life.disk.contents("/state/age");
  for (std::size_t at = 0; at < sound.size(); ++at) {
    auto damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    life.disk.replace("/state/age", damaged);
    life.open();
    for (const auto& [age, wall] : {std::pair{second, now_it_is + 4h}, std::pair{third, now_it_is + 8h}}) {
      const auto found = life.wall_at(age);
      EXPECT_TRUE(!found || found == wall) << at;
    }
    // A boot before a line that cannot be read may have ended anywhere; others are as they were.
    const auto line = std::count(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    EXPECT_TRUE(line >= 1 || life.wall_at(second) == now_it_is + 4h) << at;
    EXPECT_TRUE(line >= 2 || life.wall_at(third) == now_it_is + 8h) << at;
    life.age.reset();
  }
}

TEST(TheBoots, AreForgottenFromTheOldestOn) {
  Boots boots;
  for (int n = 0; n < 100; ++n) {
    boots.begin(std::chrono::hours{n});
    EXPECT_TRUE(boots.look(std::chrono::hours{n}, now_it_is + 10h * n, ClockQuality::ntp));
  }
  EXPECT_EQ(boots.wall_at(35h), std::nullopt);
  EXPECT_EQ(boots.wall_at(36h), now_it_is + 360h);
  EXPECT_EQ(boots.wall_at(99h + 5min), now_it_is + 990h + 5min);
  Boots again;
  EXPECT_TRUE(again.load(boots.text()));
  EXPECT_EQ(again.text(), boots.text());
  EXPECT_LT(boots.text().size(), 6000U);
}

TEST(TheBoots, TakeNoRubbish) {
  Boots boots;
  EXPECT_FALSE(
      boots.load(std::string(3000, '\0') + "\nboot\nboot 1 ntp 5 00000000\n\n\n boot -1 ntp 3 x\nboot 1 2 3 4 5 6"));
  EXPECT_EQ(boots.text(), "");
  EXPECT_EQ(boots.wall_at(5s), std::nullopt);
}

}  // namespace
}  // namespace tidegate::spool
