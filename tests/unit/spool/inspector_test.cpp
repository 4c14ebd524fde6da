// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/inspector.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "spool/segment.hpp"
#include "unit/spool/bench.hpp"
#include "unit/spool/temporary_folder.hpp"

namespace tidegate::spool {
namespace {

using namespace std::chrono_literals;
using test::Bench;
using test::numbers;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const LaneName its_lane{"cloud", "default"};

Inspector look_into(Bench& bench) {
  return {Bench::folder, *bench.disk, bench.clock, bench.boot};
}

std::vector<std::uint64_t> sequences(const Inspector& inspector, Inspector::Which which) {
  std::vector<std::uint64_t> all;
  inspector.walk(its_lane, which, [&](const Seen& seen) {
    all.push_back(seen.record.sequence);
    return true;
  });
  return all;
}

std::vector<Finding> damage(Bench& bench) {
  auto findings = look_into(bench).verify(its_lane);
  std::erase_if(findings, [](const Finding& finding) { return !finding.damage; });
  return findings;
}

std::vector<std::string> words(Bench& bench) {
  std::vector<std::string> texts;
  for (const auto& finding : look_into(bench).verify(its_lane)) texts.push_back(finding.file + ": " + finding.what);
  return texts;
}

/// Three segments and a bit: the records 1 to 200 of about 1 kB.
struct Backlog : Bench {
  Backlog() {
    open();
    append(1, 200, 1000);
    spool->sync();
  }
  /// Where a record stands.
  [[nodiscard]] Place place_of(std::uint64_t sequence, std::uint64_t* bytes = nullptr) {
    Place place;
    look_into(*this).walk(its_lane, Inspector::Which::all, [&](const Seen& seen) {
      if (seen.record.sequence != sequence) return true;
      place = seen.place;
      if (bytes != nullptr) *bytes = seen.bytes;
      return false;
    });
    return place;
  }
  void spoil(std::uint64_t sequence) {
    const auto place = place_of(sequence);
    disk->flip_bit(std::filesystem::path(lane_folder) / segment_name(place.segment), place.offset + 70, 3);
  }
};

TEST(AnInspector, SeesEveryRecordAsItWasAccepted) {
  Backlog bench;
  const auto read = bench.lane->read(1000, 1U << 30);
  bench.close();
  std::vector<Record> seen;
  look_into(bench).walk(its_lane, Inspector::Which::all, [&](const Seen& one) {
    EXPECT_TRUE(one.waiting);
    seen.push_back(one.record);
    return true;
  });
  EXPECT_EQ(seen, read);
}

TEST(AnInspector, TellsWhatWaitsFromWhatHasLeft) {
  Backlog bench;
  for (const auto& record : bench.lane->read(1000, 1U << 30)) {
    if (record.sequence <= 20 || record.sequence == 30) bench.lane->acknowledge(record.sequence);
    if (record.sequence == 32) bench.lane->discard(record.sequence, Discard::dead_lettered);
  }
  bench.close();
  auto expected = numbers(21, 200);
  std::erase(expected, 30U);
  std::erase(expected, 32U);
  EXPECT_EQ(sequences(look_into(bench), Inspector::Which::waiting), expected);
  EXPECT_EQ(sequences(look_into(bench), Inspector::Which::all), numbers(1, 200));
}

TEST(AnInspector, StopsWhenItIsTold) {
  Backlog bench;
  bench.close();
  unsigned count = 0;
  look_into(bench).walk(its_lane, Inspector::Which::all, [&](const Seen&) { return ++count < 5; });
  EXPECT_EQ(count, 5U);
}

TEST(AnInspector, SumsALaneUp) {
  Backlog bench;
  for (const auto& record : bench.lane->read(5, 1U << 30)) bench.lane->acknowledge(record.sequence);
  bench.clock.advance(1h);
  bench.append(201, 1, 10);
  const auto status = bench.lane->status();
  bench.close();
  bench.clock.advance(60s);
  const auto summary = look_into(bench).summary(its_lane);
  EXPECT_EQ(summary.name.text(), "cloud/default");
  EXPECT_EQ(summary.epoch, 1U);
  EXPECT_EQ(summary.settled, 5U);
  EXPECT_EQ(summary.highest, 201U);
  EXPECT_EQ(summary.waiting, 196U);
  EXPECT_EQ(summary.waiting, status.waiting);
  EXPECT_EQ(summary.segments, bench.segments().size());
  EXPECT_EQ(summary.disk_bytes, bench.disk_bytes());
  EXPECT_GT(summary.waiting_bytes, 195'000U);
  ASSERT_TRUE(summary.oldest && summary.newest);
  EXPECT_EQ(summary.oldest->sequence, 6U);
  EXPECT_EQ(summary.oldest->age, 1h + 60s);
  EXPECT_EQ(summary.newest->sequence, 201U);
  EXPECT_EQ(summary.newest->age, 60s);
  EXPECT_EQ(summary.newest->wall, bench.clock.wall() - 60s);
}

TEST(AnInspector, PutsATimeRightThatWasTakenBeforeTheClockWasSet) {
  Bench bench;
  bench.clock.set_quality(ClockQuality::unsynced);
  bench.open();
  bench.append(1, 1);
  bench.clock.advance(1h);
  bench.clock.jump(std::chrono::days{3653});
  bench.clock.set_quality(ClockQuality::ntp);
  bench.close();
  const auto summary = look_into(bench).summary(its_lane);
  ASSERT_TRUE(summary.oldest);
  EXPECT_EQ(summary.oldest->wall, bench.clock.wall() - 1h);
  EXPECT_EQ(summary.oldest->clock, ClockQuality::ntp);
}

TEST(AnInspector, FindsLanesThatNoConfigurationNames) {
  Bench bench;
  bench.open();
  static_cast<void>(bench.spool->lane("cloud", "dead-letter", bench.options));
  static_cast<void>(bench.spool->lane("archive", "old", bench.options));
  bench.close();
  bench.disk->make_folder("/state/spool/cloud/mine");
  bench.disk->replace("/state/spool/cloud/file", "somebody's");
  std::vector<std::string> names;
  for (const auto& one : look_into(bench).lanes()) names.push_back(one.text());
  EXPECT_THAT(names, ElementsAre("archive/old", "cloud/dead-letter", "cloud/default"));
  EXPECT_EQ(look_into(bench).summary({"archive", "old"}).waiting, 0U);
}

TEST(AnInspector, ChangesNotOneByte) {
  Backlog bench;
  bench.close();
  for (const char* file : {"cursor", "epoch", "0000000000000002.seg"}) {
    bench.disk->zero(std::filesystem::path(Bench::lane_folder) / file, 0, 700);
  }
  bench.disk->replace(std::string(Bench::lane_folder) + "/cursor", "short");
  const auto operations = bench.disk->operations();
  const auto inspector = look_into(bench);
  for (const auto& one : inspector.lanes()) {
    static_cast<void>(inspector.summary(one));
    static_cast<void>(inspector.verify(one));
    static_cast<void>(inspector.fates(one));
  }
  static_cast<void>(inspector.verify());
  static_cast<void>(sequences(inspector, Inspector::Which::all));
  EXPECT_EQ(bench.disk->operations(), operations);
}

TEST(AnInspector, SaysThatThereIsNoSpool) {
  Bench bench;
  EXPECT_THROW(Inspector("/state/none", *bench.disk, bench.clock, "boot"), SystemError);
}

// -------------------------------------------------------------------------------------------------------------- verify

TEST(ASoundSpool, HasNoFindings) {
  Backlog bench;
  for (const auto& record : bench.lane->read(100, 1U << 30)) bench.lane->acknowledge(record.sequence);
  bench.spool->sync();  // segments are recycled
  bench.append(201, 100, 777);
  bench.reopen();
  bench.append(301, 100, 600);
  bench.close();
  EXPECT_THAT(words(bench), IsEmpty());
  EXPECT_THAT(look_into(bench).verify(), IsEmpty());
  EXPECT_EQ(sequences(look_into(bench), Inspector::Which::waiting), numbers(101, 400));
}

TEST(ASpoolAfterAPowerCut, HasLostNothingThatIsNotCountedOnceItHasBeenRead) {
  for (std::uint64_t cut = 5; cut < 120; cut += 7) {
    Bench bench;
    bench.options.sync_interval = 0ms;
    bench.disk->cut_at(cut);
    try {
      bench.open();
      for (std::uint64_t n = 1; n <= 300; ++n) {
        bench.append(n, 1, 900);
        if (n % 20 == 0) bench.spool->sync();
        if (n % 30 != 0) continue;
        for (const auto& record : bench.lane->read(25, 1U << 20)) bench.lane->acknowledge(record.sequence);
      }
    } catch (const std::exception&) {
    }
    bench.reopen_after_power_cut(cut);
    bench.append(1000, 5, 900);
    bench.spool->sync();
    static_cast<void>(bench.read_all());
    bench.close();
    for (const auto& finding : damage(bench)) EXPECT_EQ(finding.lost, 0U) << cut << ": " << finding.what;
  }
}

TEST(Verify, FindsADamagedRecordAndSaysWhatIsLost) {
  Backlog bench;
  bench.close();
  std::uint64_t bytes = 0;
  const auto place = bench.place_of(77, &bytes);
  bench.spoil(77);
  const auto found = damage(bench);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].file, "cloud/default/" + segment_name(place.segment));
  EXPECT_EQ(found[0].offset, place.offset);
  EXPECT_EQ(found[0].bytes, bytes);
  EXPECT_EQ(found[0].first, 77U);
  EXPECT_EQ(found[0].last, 77U);
  EXPECT_EQ(found[0].lost, 1U);
  EXPECT_THAT(found[0].what, HasSubstr("1 record that had not left the lane is damaged"));
  auto rest = numbers(1, 200);
  std::erase(rest, 77U);
  EXPECT_EQ(sequences(look_into(bench), Inspector::Which::all), rest);
}

TEST(Verify, FindsDamageInWhatHadLeft) {
  Backlog bench;
  for (const auto& record : bench.lane->read(30, 1U << 30)) bench.lane->acknowledge(record.sequence);
  bench.close();
  bench.spoil(10);
  const auto found = damage(bench);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].lost, 0U);
  EXPECT_THAT(found[0].what, HasSubstr("had left"));
}

TEST(Verify, FindsZeroedPages) {
  Backlog bench;
  bench.close();
  bench.disk->zero(std::filesystem::path(Bench::lane_folder) / segment_name(2), 4096, 8192);
  const auto found = damage(bench);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_GE(found[0].lost, 8U);
  EXPECT_LE(found[0].lost, 10U);
  EXPECT_LE(found[0].offset, 4096U);
  EXPECT_GE(found[0].offset + found[0].bytes, 4096U + 8192U);
}

TEST(Verify, FindsTheTornEndOfADeadSpool) {
  Backlog bench;
  bench.close();
  bench.spoil(200);
  const auto found = damage(bench);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first, 200U);
  EXPECT_THAT(found[0].what, HasSubstr("not whole"));
}

TEST(Verify, FindsAMissingSegment) {
  Backlog bench;
  bench.close();
  const auto path = std::filesystem::path(Bench::lane_folder) / segment_name(2);
  std::uint64_t first = 1;
  while (bench.place_of(first).segment < 2) ++first;
  std::uint64_t last = first;
  while (bench.place_of(last + 1).segment == 2) ++last;
  bench.disk->erase(path);
  const auto found = damage(bench);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first, first);
  EXPECT_EQ(found[0].last, last);
  EXPECT_EQ(found[0].lost, last - first + 1);
  EXPECT_THAT(found[0].what, HasSubstr("missing"));
}

TEST(Verify, FindsAMissingFirstSegment) {
  Backlog bench;
  bench.close();
  bench.disk->erase(std::filesystem::path(Bench::lane_folder) / segment_name(1));
  const auto found = damage(bench);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.back().first, 1U);
  EXPECT_GT(found.back().lost, 50U);
}

TEST(Verify, FindsATruncatedSegment) {
  Backlog bench;
  bench.close();
  const auto path = std::filesystem::path(Bench::lane_folder) / segment_name(1);
  bench.disk->replace(path, bench.disk->contents(path).substr(0, 20'000));
  const auto found = damage(bench);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_LE(found[0].offset, 20'000U);
  EXPECT_GT(found[0].lost, 30U);
}

TEST(Verify, FindsADamagedHeaderAndWhatStandsBehindItIsThere) {
  Backlog bench;
  bench.close();
  bench.disk->flip_bit(std::filesystem::path(Bench::lane_folder) / segment_name(2), 20);
  const auto found = damage(bench);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].what, HasSubstr("header"));
  EXPECT_EQ(sequences(look_into(bench), Inspector::Which::all), numbers(1, 200));
}

TEST(Verify, FindsASegmentThatHoldsNothing) {
  for (const char what : {'\0', 'x'}) {
    Backlog bench;
    bench.close();
    const auto path = std::filesystem::path(Bench::lane_folder) / segment_name(2);
    bench.disk->replace(path, std::string(64U << 10, what));
    const auto texts = words(bench);
    EXPECT_THAT(texts, testing::Contains(HasSubstr("holds nothing that can be read")));
    const auto found = damage(bench);
    EXPECT_GT(std::accumulate(found.begin(), found.end(), 0U,
                              [](auto sum, const Finding& one) { return sum + static_cast<unsigned>(one.lost); }),
              50U);
  }
}

TEST(Verify, FindsADamagedCursorAndADamagedEpoch) {
  Backlog bench;
  bench.close();
  bench.disk->zero_all(std::string(Bench::lane_folder) + "/cursor");
  EXPECT_THAT(words(bench), IsEmpty()) << "as it is before anything has left";
  bench.disk->replace(std::string(Bench::lane_folder) + "/cursor", std::string(48U << 10, 'x'));
  bench.disk->zero_all(std::string(Bench::lane_folder) + "/epoch");
  EXPECT_THAT(words(bench), testing::UnorderedElementsAre(HasSubstr("/epoch: "), HasSubstr("/cursor: ")));
  EXPECT_EQ(sequences(look_into(bench), Inspector::Which::waiting), numbers(1, 200)) << "the salt is in the segments";
}

TEST(Verify, CannotReadWhatTheDiskRefuses) {
  Backlog bench;
  bench.close();
  bench.disk->fail_reads(segment_name(2));
  const auto found = damage(bench);
  ASSERT_GE(found.size(), 1U);
  EXPECT_THAT(words(bench), testing::Contains(HasSubstr("cannot read")));
}

TEST(Verify, OnlyMentionsWhatIsNotDamage) {
  Backlog bench;
  bench.close();
  const std::string folder = Bench::lane_folder;
  bench.disk->replace(folder + "/notes.txt", "somebody's");
  bench.disk->make_folder(folder + "/quarantine");
  bench.disk->replace(folder + "/quarantine/0000000000000001.seg", "old");
  bench.disk->replace("/state/spool/readme", "somebody's");
  EXPECT_THAT(damage(bench), IsEmpty());
  EXPECT_THAT(words(bench), testing::UnorderedElementsAre(HasSubstr("notes.txt: is no file of the spool"),
                                                          HasSubstr("quarantine/0000000000000001.seg: was damaged")));
  const auto above = look_into(bench).verify();
  ASSERT_EQ(above.size(), 1U);
  EXPECT_EQ(above[0].file, "readme");
  EXPECT_FALSE(above[0].damage);
}

TEST(Verify, NamesASegmentOfANewerVersion) {
  Backlog bench;
  bench.close();
  const auto path = std::filesystem::path(Bench::lane_folder) / segment_name(2);
  auto bytes = bench.disk->contents(path);
  bytes[7] = '2';
  bench.disk->replace(path, bytes);
  EXPECT_THAT(words(bench), ElementsAre(HasSubstr("newer version")));
  EXPECT_THAT(damage(bench), IsEmpty());
}

TEST(Verify, FindsADamagedIdentityAndAge) {
  Backlog bench;
  bench.close();
  bench.disk->flip_bit("/state/spool/age", 3);
  bench.disk->replace("/state/spool/identity", "short");
  const auto found = look_into(bench).verify();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(found[0].damage && found[1].damage);
  bench.disk->replace("/state/spool/age", "boot-1 5 7\n");
  bench.disk->replace("/state/spool/identity", "01234567-89ab-cdef-0123-456789abcdef\n");
  EXPECT_THAT(look_into(bench).verify(), IsEmpty()) << "an old one";
}

TEST(Verify, SurvivesEveryFlippedBitOfASmallSpool) {
  Bench bench;
  bench.options.segment_size = 4096;
  bench.open();
  bench.append(1, 30, 300);
  for (const auto& record : bench.lane->read(10, 1U << 20)) bench.lane->acknowledge(record.sequence);
  bench.close();
  std::uint64_t tried = 0;
  std::uint64_t seen = 0;
  for (const auto& path : bench.segments()) {
    const auto size = bench.disk->contents(path).size();
    for (std::uint64_t at = 0; at < size; at += 13) {
      bench.disk->flip_bit(path, at, at % 8);
      ++tried;
      seen += damage(bench).empty() ? 0U : 1U;
      bench.disk->flip_bit(path, at, at % 8);
    }
  }
  EXPECT_THAT(damage(bench), IsEmpty());
  EXPECT_GT(seen, tried / 2) << "the rest are zeros, reserved bytes and remains";
}

// ----------------------------------------------------------------------------------------------------------- a live
// one

TEST(AnInspectorOfALiveSpool, SeesWhatIsThereAndFindsNoDamage) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "spool";
  LaneOptions options;
  options.segment_size = 64U << 10;
  options.capacity = 1U << 20;
  Spool spool(path, machine_disk(), machine_clock());
  auto& live = spool.lane("cloud", "default", options);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> appended = 0;
  std::thread writer([&] {
    for (std::uint64_t n = 1; !stop; ++n) {
      static_cast<void>(live.append(Bench::message(n, 100 + n % 3000)));
      appended = n;
    }
  });
  std::thread reader([&] {
    while (!stop) {
      std::vector<std::uint64_t> done;
      for (const auto& record : live.read(50, 1U << 20)) done.push_back(record.sequence);
      live.acknowledge(done);
    }
  });
  const Inspector inspector(path, machine_disk(), machine_clock());
  EXPECT_TRUE(inspector.live());
  const auto until = std::chrono::steady_clock::now() + 600ms;
  unsigned rounds = 0;
  for (; std::chrono::steady_clock::now() < until || appended < 2000 || rounds < 4; ++rounds) {
    for (const auto& finding : inspector.verify(its_lane)) {
      EXPECT_FALSE(finding.damage) << finding.file << ' ' << finding.offset << ' ' << finding.first << ' '
                                   << finding.last << ' ' << finding.what;
    }
    std::uint64_t previous = 0;
    inspector.walk(its_lane, Inspector::Which::all, [&](const Seen& seen) {
      EXPECT_GT(seen.record.sequence, previous);
      previous = seen.record.sequence;
      return true;
    });
    const auto highest = inspector.summary(its_lane).highest;
    EXPECT_LE(highest, live.status().accepted);
  }
  stop = true;
  writer.join();
  reader.join();
}

TEST(AnInspectorOfALiveSpool, KnowsWhetherItIsLive) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "spool";
  auto spool = std::make_unique<Spool>(path, machine_disk(), machine_clock());
  const Inspector inspector(path, machine_disk(), machine_clock());
  EXPECT_TRUE(inspector.live());
  spool.reset();
  EXPECT_FALSE(inspector.live());
}

TEST(AnInspector, NeedsNoRightToWrite) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "spool";
  {
    Spool spool(path, machine_disk(), machine_clock());
    static_cast<void>(spool.lane("cloud", "default", {}).append(Bench::message(1)));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_read);
  }
  const Inspector inspector(path, machine_disk(), machine_clock());
  EXPECT_EQ(sequences(inspector, Inspector::Which::waiting), numbers(1, 1));
  EXPECT_THAT(inspector.verify(its_lane), IsEmpty());
}

}  // namespace
}  // namespace tidegate::spool
