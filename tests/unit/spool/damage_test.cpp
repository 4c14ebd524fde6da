// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// Every kind of damage of format.md's last table: a start always succeeds, what can be read is read, the rest is
// counted.
#include <algorithm>
#include <filesystem>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/spool/bench.hpp"

namespace tidegate::spool {
namespace {

using test::Bench;
using test::numbers;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

/// A lane of several segments, closed. Its records are of about 200 bytes, some twenty to a segment of 4096.
struct DamagedLane : Bench {
  std::uint64_t last = 0;

  explicit DamagedLane(std::uint64_t count = 100) {
    options.segment_size = 4096;
    options.capacity = 1U << 20;
    options.memory = 0;
    open();
    last = append(1, count, 120);
    close();
  }
  /// Where the payload of message n stands.
  [[nodiscard]] std::pair<std::filesystem::path, std::uint64_t> find(std::uint64_t n) const {
    for (const auto& path : segments()) {
      const auto at = disk->contents(path).find("payload-" + std::to_string(n) + ";");
      if (at != std::string::npos) return {path, at};
    }
    throw std::logic_error("no such record");
  }
  /// The messages whose payload begins in this segment.
  [[nodiscard]] std::vector<std::uint64_t> in_segment(const std::filesystem::path& path) const {
    std::vector<std::uint64_t> found;
    const auto contents = disk->contents(path);
    for (std::uint64_t n = 1; n <= last; ++n) {
      if (contents.find("payload-" + std::to_string(n) + ";") != std::string::npos) found.push_back(n);
    }
    return found;
  }
  /// Opens it and checks all that must hold whatever was damaged; returns what was read.
  std::vector<std::uint64_t> survivors() {
    open();
    const auto records = read_all();
    std::vector<std::uint64_t> sequences;
    for (const auto& record : records) {
      EXPECT_EQ(record.message, message(record.sequence, 120)) << "a record that nobody wrote";
      sequences.push_back(record.sequence);
    }
    EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
    EXPECT_EQ(lane->status().waiting, sequences.size());
    const auto next = append(last + 1, 1, 120);
    EXPECT_GT(next, sequences.empty() ? 0 : sequences.back());
    EXPECT_TRUE(lane->wait_durable(next, patience));
    const auto after = read_sequences();
    EXPECT_THAT(after, ElementsAre(next));
    return sequences;
  }
};

std::vector<std::uint64_t> without(std::vector<std::uint64_t> all, const std::vector<std::uint64_t>& lost) {
  std::erase_if(all, [&](std::uint64_t n) { return std::find(lost.begin(), lost.end(), n) != lost.end(); });
  return all;
}

TEST(ADamagedLane, LosesNothingWithoutDamage) {
  DamagedLane lane;
  EXPECT_EQ(lane.survivors(), numbers(1, 100));
  EXPECT_EQ(lane.discarded(Discard::corrupt), 0U);
}

TEST(ADamagedLane, LosesExactlyTheRecordWithAFlippedBit) {
  for (const int where : {-60, -40, -20, 0, 50}) {  // in the header, the topic, the payload
    DamagedLane lane;
    const auto [path, at] = lane.find(30);
    lane.disk->flip_bit(path, at + static_cast<std::uint64_t>(where), 3);
    EXPECT_EQ(lane.survivors(), without(numbers(1, 100), {30})) << where;
    EXPECT_EQ(lane.discarded(Discard::corrupt), 1U) << where;
  }
}

TEST(ADamagedLane, SurvivesAFlippedBitAnywhere) {
  DamagedLane model(60);
  std::mt19937 random(3);
  for (int round = 0; round < 150; ++round) {
    DamagedLane lane(60);
    const auto segments = lane.segments();
    const auto& path = segments[random() % segments.size()];
    const auto offset = random() % lane.disk->contents(path).size();
    SCOPED_TRACE(path.string() + " at " + std::to_string(offset));
    lane.disk->flip_bit(path, offset, random() % 8);
    const auto read = lane.survivors();
    EXPECT_GE(read.size(), 59U);
    EXPECT_LE(lane.discarded(Discard::corrupt), 1U);
    if (HasFailure()) break;
  }
}

TEST(ADamagedLane, CutsATornTail) {
  for (std::uint64_t cut = 1; cut < 180; cut += 7) {
    DamagedLane lane;
    const auto [path, at] = lane.find(100);
    const auto whole = lane.disk->contents(path);
    // The last record ends after its payload of 120 bytes; of it, so many bytes were not written.
    auto torn = whole;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(at + 120 - cut), torn.end(), '\0');
    lane.disk->replace(path, torn);
    EXPECT_EQ(lane.survivors(), numbers(1, 99)) << cut;
    EXPECT_EQ(lane.discarded(Discard::corrupt), 0U) << "nobody had been told that it was durable";
    lane.reopen();
    EXPECT_EQ(lane.read_all().back().message, Bench::message(101, 120)) << "what came after the tail";
  }
}

TEST(ADamagedLane, ReadsATruncatedSegmentAsFarAsItGoes) {
  DamagedLane lane;
  const auto segment = lane.segments().at(1);
  const auto inside = lane.in_segment(segment);
  ASSERT_GT(inside.size(), 10U);
  auto contents = lane.disk->contents(segment);
  const auto at = contents.find("payload-" + std::to_string(inside[5]) + ";");
  contents.resize(at);
  lane.disk->replace(segment, contents);
  const std::vector<std::uint64_t> lost(inside.begin() + 5, inside.end());
  EXPECT_EQ(lane.survivors(), without(numbers(1, 100), lost));
  EXPECT_EQ(lane.discarded(Discard::corrupt), lost.size());
}

TEST(ADamagedLane, StepsOverAZeroedPage) {
  for (const std::uint64_t page : {0U, 512U, 1000U}) {  // the first with the header of the segment
    DamagedLane lane;
    const auto segment = lane.segments().at(1);
    const auto inside = lane.in_segment(segment);
    lane.disk->zero(segment, page, 1024);
    const auto left = lane.in_segment(segment);
    const auto read = lane.survivors();
    EXPECT_LE(inside.size() - left.size(), 7U);
    for (const auto n : numbers(1, 100)) {
      const bool gone = std::find(inside.begin(), inside.end(), n) != inside.end() &&
                        std::find(left.begin(), left.end(), n) == left.end();
      if (gone) {
        EXPECT_THAT(read, Not(testing::Contains(n)));
      }
    }
    EXPECT_EQ(read.size() + lane.discarded(Discard::corrupt), 100U) << page;
    EXPECT_GE(read.size(), 100 - (inside.size() - left.size()) - 2) << "and those at both ends, which are cut";
  }
}

TEST(ADamagedLane, StepsOverASegmentThatIsAllNul) {
  for (const bool last : {false, true}) {
    DamagedLane lane;
    const auto segments = lane.segments();
    const auto segment = last ? segments.back() : segments.at(1);
    const auto inside = lane.in_segment(segment);
    lane.disk->zero_all(segment);
    EXPECT_EQ(lane.survivors(), without(numbers(1, 100), inside));
    if (!last) {
      EXPECT_EQ(lane.discarded(Discard::corrupt), inside.size());
    }
    EXPECT_THAT(lane.disk->list(std::filesystem::path(Bench::lane_folder) / "quarantine"), Not(IsEmpty()));
  }
}

TEST(ADamagedLane, StepsOverAnEmptySegmentFile) {
  DamagedLane lane;
  const auto segment = lane.segments().at(2);
  const auto inside = lane.in_segment(segment);
  lane.disk->replace(segment, "");
  EXPECT_EQ(lane.survivors(), without(numbers(1, 100), inside));
}

TEST(ADamagedLane, CountsAMissingSegment) {
  DamagedLane lane;
  const auto segment = lane.segments().at(1);
  const auto inside = lane.in_segment(segment);
  lane.disk->erase(segment);
  EXPECT_EQ(lane.survivors(), without(numbers(1, 100), inside));
  EXPECT_EQ(lane.discarded(Discard::corrupt), inside.size());
}

TEST(ADamagedLane, StartsAnewWhenEverySegmentIsGone) {
  DamagedLane lane;
  for (const auto& segment : lane.segments()) lane.disk->erase(segment);
  EXPECT_THAT(lane.survivors(), IsEmpty());
}

TEST(ADamagedLane, StartsAnewWhenEveryFileIsNul) {
  DamagedLane lane;
  for (const auto& name : lane.disk->list(Bench::lane_folder)) {
    const auto path = std::filesystem::path(Bench::lane_folder) / name;
    lane.disk->zero_all(path);
  }
  EXPECT_THAT(lane.survivors(), IsEmpty());
}

TEST(ADamagedLane, ReadsASegmentWhoseHeaderIsDamaged) {
  for (const bool last : {false, true}) {
    for (const std::uint64_t offset : {0U, 7U, 9U, 13U, 20U, 30U, 60U}) {
      DamagedLane lane;
      lane.disk->flip_bit(last ? lane.segments().back() : lane.segments().at(1), offset);
      EXPECT_EQ(lane.survivors(), numbers(1, 100)) << offset;
    }
  }
}

TEST(ADamagedLane, KeepsADamagedSegmentInQuarantineOnceItIsDone) {
  DamagedLane lane;
  const auto [path, at] = lane.find(30);
  lane.disk->flip_bit(path, at);
  const auto damaged = lane.disk->contents(path);
  for (const auto sequence : lane.survivors()) lane.lane->acknowledge(sequence);
  lane.close();
  EXPECT_EQ(lane.disk->contents(path.parent_path() / "quarantine" / path.filename()), damaged);
  EXPECT_FALSE(lane.disk->exists(path));
}

TEST(ADamagedLane, KeepsAtMostFourSegmentsInQuarantine) {
  DamagedLane lane(200);
  const auto segments = lane.segments();
  ASSERT_GT(segments.size(), 6U);
  for (const auto& segment : segments) lane.disk->zero_all(segment);
  EXPECT_THAT(lane.survivors(), IsEmpty());
  EXPECT_LE(lane.disk->list(std::filesystem::path(Bench::lane_folder) / "quarantine").size(), 4U);
}

TEST(ADamagedLane, RepeatsAtMostWhatWasSettledWhenItsCursorIsGone) {
  for (const auto* damage : {"missing", "garbage", "empty", "nul"}) {
    SCOPED_TRACE(damage);
    DamagedLane lane;
    lane.open();
    static_cast<void>(lane.read_all());
    for (std::uint64_t n = 1; n <= 60; ++n) lane.lane->acknowledge(n);
    lane.close();
    const auto cursor = std::filesystem::path(Bench::lane_folder) / "cursor";
    if (damage == std::string("missing")) lane.disk->erase(cursor);
    if (damage == std::string("garbage")) lane.disk->replace(cursor, std::string(70'000, '\x5a'));
    if (damage == std::string("empty")) lane.disk->replace(cursor, "");
    if (damage == std::string("nul")) lane.disk->zero_all(cursor);
    const auto read = lane.survivors();
    for (std::uint64_t n = 61; n <= 100; ++n) EXPECT_THAT(read, testing::Contains(n));
    EXPECT_EQ(lane.discarded(Discard::corrupt), 0U) << "what had left the lane was not lost";
  }
}

TEST(ADamagedLane, IsNotMisledByACursorThatKnowsOfMoreThanTheLog) {
  Bench lane;
  lane.options.memory = 0;
  lane.open();
  lane.append(1, 10, 100);
  for (const auto sequence : lane.read_sequences()) lane.lane->acknowledge(sequence);
  lane.close();
  // A power cut took the last records, and not the cursor that points behind them.
  const auto segment = lane.segments().front();
  const auto from = lane.disk->contents(segment).find("payload-6;") - 100;
  lane.disk->zero(segment, from, 10'000);
  lane.open();
  EXPECT_EQ(lane.append(11, 1, 130), 11U) << "a number that was used before";
  lane.append(12, 29, 130);
  lane.reopen();
  EXPECT_EQ(lane.read_sequences(), numbers(11, 40));
  EXPECT_EQ(lane.discarded(Discard::corrupt), 0U);
}

TEST(ADamagedLane, IsNotMisledByACursorThatPointsIntoALaterSegment) {
  DamagedLane lane(30);
  lane.open();
  lane.disk->hold_syncs("cursor");  // or the sync thread takes the first segment away
  static_cast<void>(lane.read_all());
  for (std::uint64_t n = 1; n <= 28; ++n) lane.lane->acknowledge(n);
  auto next = lane.disk->after_kill();
  lane.disk->release_syncs();
  lane.close();
  lane.disk = std::move(next);
  // A power cut took the end of the first segment and all of the second, into which the cursor points.
  const auto segments = lane.segments();
  ASSERT_EQ(segments.size(), 2U);
  const auto from = lane.find(18).second - 100;
  lane.disk->zero(segments.front(), from, 10'000);
  lane.disk->erase(segments.back());
  lane.open();
  EXPECT_EQ(lane.append(1, 1, 150), 29U);
  const auto last = lane.append(2, 20, 150);
  lane.close();
  // Then damage takes what was appended to the first segment, so that reading goes on in the second.
  ASSERT_EQ(lane.segments().size(), 2U);
  lane.disk->zero(segments.front(), from, 10'000);
  lane.open();
  const auto read = lane.read_sequences();
  ASSERT_FALSE(read.empty());
  EXPECT_EQ(read, numbers(read.front(), last));
  EXPECT_EQ(lane.discarded(Discard::corrupt), read.front() - 29);
  EXPECT_LT(read.front(), 36U);
}

TEST(ADamagedLane, SurvivesAFlippedBitInItsCursor) {
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    DamagedLane lane(40);
    lane.open();
    static_cast<void>(lane.read_all());
    for (std::uint64_t n = 1; n <= 20; ++n) lane.lane->acknowledge(n);
    lane.lane->acknowledge(25);
    lane.close();
    const auto cursor = std::filesystem::path(Bench::lane_folder) / "cursor";
    const auto size = lane.disk->contents(cursor).size();
    lane.disk->flip_bit(cursor, random() % 2 == 0 ? random() % size : random() % 80 % size, random() % 8);
    const auto read = lane.survivors();
    for (std::uint64_t n = 21; n <= 40; ++n) {
      if (n != 25) {
        EXPECT_THAT(read, testing::Contains(n));
      }
    }
    EXPECT_EQ(lane.discarded(Discard::corrupt), 0U);
  }
}

TEST(ADamagedLane, NeverRepeatsEpochAndSequenceWithoutItsEpochFile) {
  for (const auto* damage : {"missing", "garbage", "empty"}) {
    SCOPED_TRACE(damage);
    DamagedLane lane(30);
    lane.open();
    lane.append(31, 30, 120);
    lane.last = 60;
    std::set<std::pair<std::uint32_t, std::uint64_t>> used;
    for (const auto& record : lane.read_all()) EXPECT_TRUE(used.emplace(record.epoch, record.sequence).second);
    ASSERT_EQ(used.size(), 60U);
    lane.close();
    const auto epoch = std::filesystem::path(Bench::lane_folder) / "epoch";
    if (damage == std::string("missing")) lane.disk->erase(epoch);
    if (damage == std::string("garbage")) lane.disk->replace(epoch, std::string(1024, '\x77'));
    if (damage == std::string("empty")) lane.disk->replace(epoch, "");
    EXPECT_EQ(lane.survivors(), numbers(1, 60)) << "its salt stands in the segments too";
    const auto now = lane.lane->status().epoch;
    for (const auto& [old, sequence] : used) EXPECT_LT(old, now);
    lane.reopen();
    EXPECT_GT(lane.lane->status().epoch, now);
  }
}

TEST(ADamagedLane, UsesTheOtherSlotOfItsEpoch) {
  for (const std::uint64_t slot : {0U, 512U}) {
    DamagedLane lane(10);
    lane.reopen();
    const auto before = lane.lane->status().epoch;
    lane.close();
    lane.disk->flip_bit(std::filesystem::path(Bench::lane_folder) / "epoch", slot + 13);
    EXPECT_EQ(lane.survivors(), numbers(1, 10));
    EXPECT_GE(lane.lane->status().epoch, before);
  }
}

TEST(ADamagedLane, LeavesForeignFilesAlone) {
  DamagedLane lane;
  const std::filesystem::path folder = Bench::lane_folder;
  const std::vector<std::string> foreign{
      "notes.txt", "0000000000000001.seg.bak", "1.seg", "zzzzzzzzzzzzzzzz.seg", "0000000000000000.seg", ".hidden"};
  for (const auto& name : foreign) lane.disk->replace(folder / name, "somebody else's");
  EXPECT_EQ(lane.survivors(), numbers(1, 100));
  for (std::uint64_t n = 1; n <= 101; ++n) lane.lane->acknowledge(n);
  lane.close();
  for (const auto& name : foreign) EXPECT_EQ(lane.disk->contents(folder / name), "somebody else's") << name;
}

TEST(ADamagedLane, IsNotMisledByARenamedSegment) {
  DamagedLane lane;
  const auto segments = lane.segments();
  const auto contents = lane.disk->contents(segments.front());
  lane.disk->replace(std::filesystem::path(Bench::lane_folder) / "00000000000000ff.seg", contents);
  const auto read = lane.survivors();
  EXPECT_EQ(read, numbers(1, 100));
}

TEST(ADamagedLane, LeavesASegmentOfANewerVersionAloneAndSaysSo) {
  DamagedLane lane;
  const auto segment = lane.segments().at(1);
  const auto inside = lane.in_segment(segment);
  auto contents = lane.disk->contents(segment);
  // A newer version differs in its magic; the checksum, which begins after it, is right.
  contents[7] = '2';
  lane.disk->replace(segment, contents);
  EXPECT_EQ(lane.survivors(), without(numbers(1, 100), inside));
  EXPECT_THAT(lane.lane->status().trouble, testing::HasSubstr(segment.filename().string()));
  for (std::uint64_t n = 1; n <= 101; ++n) lane.lane->acknowledge(n);
  lane.close();
  EXPECT_EQ(lane.disk->contents(segment), contents);
}

TEST(ADamagedLane, SurvivesRubbishInEveryFile) {
  std::mt19937 random(9);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    DamagedLane lane(50);
    const auto names = lane.disk->list(Bench::lane_folder);
    for (int damage = 0; damage < 4; ++damage) {
      const auto path = std::filesystem::path(Bench::lane_folder) / names[random() % names.size()];
      auto contents = lane.disk->contents(path);
      if (contents.empty()) continue;
      const auto at = random() % contents.size();
      const auto length = random() % 600;
      for (auto n = at; n < at + length && n < contents.size(); ++n) contents[n] = static_cast<char>(random());
      if (random() % 5 == 0) contents.resize(random() % contents.size());
      lane.disk->replace(path, contents);
    }
    static_cast<void>(lane.survivors());
  }
}

TEST(APayload, ThatLooksLikeARecordIsNeverReadAsOne) {
  DamagedLane lane;
  lane.open();
  // The bytes of whole segments, published as payloads, and then the record around one of them damaged.
  const auto stolen = lane.disk->contents(lane.segments().front());
  lane.close();
  Bench victim;
  victim.options.memory = 0;
  victim.open();
  Message message = Bench::message(1);
  message.payload = stolen;
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(victim.lane->append(message));
  victim.close();
  const auto path = victim.segments().front();
  victim.disk->flip_bit(path, victim.disk->contents(path).find("payload-1;") + 0, 1);
  victim.open();
  EXPECT_EQ(victim.read_sequences(), numbers(2, 3));
}

}  // namespace
}  // namespace tidegate::spool
