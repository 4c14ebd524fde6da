// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A lane in use on a simulated disk whose power goes away, or whose process dies, at every step; then the promises are
// checked against a model of what the lane said.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "spool/lane.hpp"
#include "spool/spool.hpp"
#include "support/fake_clock.hpp"
#include "support/simulated_disk.hpp"

namespace tidegate::spool {
namespace {

using namespace std::chrono_literals;
using test::FakeClock;
using test::SimulatedDisk;

/// How a life of the gateway ends.
enum class End { closed, killed, cut };

/// What a world is like.
struct Kind {
  LaneOptions options;
  bool parts = false;   ///< the lane is cut now and then, and both of its parts are read
  bool faults = false;  ///< the disk refuses something now and then
};

/// What the lane was told and what it said, over many lives on one disk.
class World {
 public:
  World(std::uint64_t seed, const Kind& kind) : random_(seed), kind_(kind) {}
  ~World() { close(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Opens the spool and checks everything that must hold now; false when the power went away meanwhile.
  bool open() {
    try {
      spool_ = std::make_unique<Spool>("/state/spool", *disk_, clock_, "boot", SpoolOptions{.capacity = 0, .floor = 0});
      lane_ = &spool_->lane("cloud", "default", kind_.options);
      epoch_ = lane_->status().epoch;
    } catch (const std::exception& error) {
      if (disk_->is_cut()) return false;
      ADD_FAILURE() << "the start failed: " << error.what();
      throw;
    }
    return true;
  }

  /// The same process closes and opens it again; false when the power went away meanwhile.
  bool open_again() {
    close();
    return open() && !disk_->is_cut();
  }

  /// Does something, chosen at random; false when the power went away.
  bool step() {
    try {
      act();
    } catch (const std::exception& error) {
      if (!disk_->is_cut()) {
        ADD_FAILURE() << "a sound disk, and yet: " << error.what();
        throw;
      }
    }
    note_durable();
    return !disk_->is_cut();
  }

  void append() {
    const auto id = ++last_id_;
    const auto message = make(id);
    ids_[id] = {};  // it may be there even when the power goes away before append() returns
    std::optional<std::uint64_t> sequence;
    try {
      sequence = lane_->append(message);
    } catch (const SystemError&) {
      if (kind_.faults) return;  // and it may be there when it could not be made durable
      throw;
    }
    if (!sequence) {
      ids_.erase(id);
      return;
    }
    ids_[id].sequence = *sequence;
    ids_[id].epoch = epoch_;
    ids_[id].accepted = true;
    ids_[id].durable = kind_.options.sync == Sync::each;
    EXPECT_TRUE(names_.emplace(std::pair{epoch_, *sequence}, id).second) << "(epoch, sequence) was used before";
    by_sequence_[*sequence] = id;
  }

  void read(std::size_t count) {
    const auto part = kind_.parts && random_() % 2 == 0 ? Part::live : Part::history;
    try {
      for (const auto& record : lane_->read(count, 1U << 20, part)) take(record, part);
    } catch (const SystemError&) {
      if (!kind_.faults) throw;
    }
  }

  void acknowledge(std::size_t count) {
    std::vector<std::uint64_t> sequences;
    for (; count > 0 && !under_way_.empty(); --count) {
      const auto index = random_() % 3 == 0 ? random_() % under_way_.size() : 0;
      const auto id = under_way_[index];
      under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(index));
      ids_[id].settled = true;
      sequences.push_back(ids_[id].sequence);
    }
    lane_->acknowledge(sequences);
    for (const auto sequence : sequences) ids_[by_sequence_[sequence]].settled_for_processes |= !disk_->is_cut();
  }

  void note_durable() {
    if (lane_ == nullptr) return;
    const auto durable = lane_->durable();
    for (auto& [sequence, id] : by_sequence_) {
      if (sequence > durable) break;
      ids_[id].durable = true;
    }
    if (const auto found = lane_->status().discarded; found.contains(Discard::evicted)) {
      evicted_ = found.at(Discard::evicted);
    }
  }

  /// Ends this life and begins the next; everything that is there is read and checked.
  void begin_again(End end, std::uint64_t seed) {
    was_cut_ = disk_->is_cut();
    disk_->heal();
    if (end == End::closed) {
      spool_.reset();
      for (auto& [id, state] : ids_) {
        if (kind_.options.sync == Sync::off || kind_.faults) break;
        state.durable |= state.accepted;
        state.settled_durably |= state.settled;
      }
    }
    past_ = disk_->log();
    auto next = end == End::closed ? nullptr : end == End::killed ? disk_->after_kill() : disk_->after_power_cut(seed);
    close();
    if (next != nullptr) disk_ = std::move(next);
    under_way_.clear();
    ASSERT_TRUE(open());
    last_read_.clear();
    std::set<std::uint64_t> before;
    for (const auto& [id, state] : ids_) {
      if (!state.gone) before.insert(id);
    }
    seen_.clear();
    for (;;) {
      const auto records = lane_->read(1 + random_() % 30, 1U << 20);
      if (records.empty()) break;
      for (const auto& record : records) take(record, Part::history);
    }
    if (latest()) check_topics(end);
    std::uint64_t missing = 0;
    for (const auto id : before) {
      auto& state = ids_[id];
      if (seen_.contains(id)) {
        EXPECT_FALSE(state.settled_durably) << describe(id) << " came back after its cursor was durable";
        EXPECT_FALSE(end != End::cut && state.settled_for_processes) << describe(id) << " came back after a mere kill";
        state.settled = state.settled_for_processes = false;  // a duplicate: it waits again
        continue;
      }
      const bool must = !latest() && !state.settled && (state.durable || (end != End::cut && state.accepted));
      if (must) {
        ++missing;
        if (evicted_ == 0) ADD_FAILURE() << describe(id) << " is lost";
      }
      // What was superseded may come back when a power cut takes what superseded it.
      state.gone = !latest() || state.settled || newest_[topic(id)] < id;
      state.accepted = false;
      by_sequence_.erase(state.sequence);
    }
    // The segment that was on its way out when the power went is not counted yet.
    EXPECT_LE(missing, evicted_ == 0 ? 0 : evicted_ + segment_records) << "more is missing than was evicted";
    evicted_ = 0;
    // The lane works again.
    append();
    if (!kind_.faults) {
      EXPECT_EQ(lane_->wait_durable(ids_[last_id_].sequence, 10s), kind_.options.sync != Sync::off)
          << lane_->status().trouble;
    }
    EXPECT_TRUE(!ids_[last_id_].accepted || by_sequence_.rbegin()->second == last_id_)
        << "a sequence below what was there";
    note_durable();
  }

  SimulatedDisk& disk() { return *disk_; }
  /// Whether the power went away before the last life ended.
  [[nodiscard]] bool was_cut() const { return was_cut_; }
  /// What the disk was told before the last end, and since.
  [[nodiscard]] std::string log() const { return "the last steps:\n" + past_ + "since then:\n" + disk_->log(); }

 private:
  static constexpr std::uint64_t segment_records = 60;

  struct State {
    std::uint64_t sequence = 0;
    std::uint32_t epoch = 0;
    bool accepted = false;
    bool durable = false;
    bool settled = false;
    bool settled_durably = false;
    bool settled_for_processes = false;
    bool gone = false;
  };

  [[nodiscard]] bool latest() const { return kind_.options.when_full == WhenFull::keep_latest; }
  [[nodiscard]] std::string topic(std::uint64_t id) const {
    // Some change often, some rarely.
    return fmt::format("t/{}", !latest() ? id : id % 5 == 0 ? 100 + id / 5 % 15 : id % 4);
  }

  Message make(std::uint64_t id) const {
    std::mt19937_64 random(id);
    Message message;
    message.topic = topic(id);
    const auto kind = random() % 20;
    const auto size = kind < 14 ? random() % 100 : kind < 19 ? random() % 1200 : random() % 6000;
    message.payload = fmt::format("{};", id) + std::string(size, static_cast<char>('a' + id % 26));
    message.retain = random() % 5 == 0;
    if (random() % 4 == 0) message.properties.user.emplace_back("id", std::to_string(id));
    return message;
  }

  void take(const Record& record, Part part) {
    const auto id = static_cast<std::uint64_t>(std::strtoull(record.message.payload.c_str(), nullptr, 10));
    const auto found = ids_.find(id);
    ASSERT_TRUE(found != ids_.end() && record.message == make(id)) << "a record that nobody appended";
    auto& state = found->second;
    ASSERT_FALSE(state.gone) << describe(id) << " came back from the dead";
    auto& [last_sequence, last_id] = last_read_[part];
    EXPECT_GT(record.sequence, last_sequence) << "out of order";
    if (!latest()) {
      EXPECT_GT(id, last_id) << "not the order of acceptance";
    }
    last_sequence = record.sequence;
    last_id = id;
    if (latest() && state.sequence != 0 && state.sequence != record.sequence) {
      // It has moved, or a power cut has undone that.
      const auto [name, fresh] = names_.emplace(std::pair{record.epoch, record.sequence}, id);
      EXPECT_TRUE(fresh || name->second == id) << "(epoch, sequence) used twice";
      by_sequence_.erase(state.sequence);
      by_sequence_[record.sequence] = id;
      state.sequence = record.sequence;
      state.epoch = record.epoch;
    }
    if (state.sequence == 0) {
      state.sequence = record.sequence;
      state.epoch = record.epoch;
      state.accepted = true;
      EXPECT_TRUE(names_.emplace(std::pair{record.epoch, record.sequence}, id).second)
          << "(epoch, sequence) used twice";
      by_sequence_[record.sequence] = id;
    }
    by_sequence_[record.sequence] = id;
    EXPECT_EQ(state.sequence, record.sequence);
    EXPECT_EQ(state.epoch, record.epoch);
    EXPECT_TRUE(seen_.insert(id).second) << describe(id) << " was read twice";
    under_way_.push_back(id);
  }

  /// Of each topic one message waits at most; it is no older than what was durable, nor than what was delivered.
  void check_topics(End end) {
    struct Topic {
      std::uint64_t waiting = 0;
      std::uint64_t must = 0;
      std::uint64_t delivered = 0;
      std::uint64_t certainly_delivered = 0;
    };
    std::map<std::string, Topic> topics;
    for (const auto& [id, state] : ids_) {
      auto& of = topics[topic(id)];
      if (seen_.contains(id)) {
        EXPECT_EQ(of.waiting, 0U) << describe(id) << " waits beside " << describe(of.waiting);
        of.waiting = id;
      }
      if (state.gone && !state.settled) continue;
      if (state.settled) of.delivered = id;
      if (state.settled_durably || (state.settled_for_processes && end != End::cut)) of.certainly_delivered = id;
      if (!state.settled && (state.durable || (end != End::cut && state.accepted))) of.must = id;
    }
    for (const auto& [name, of] : topics) {
      newest_[name] = std::max(of.waiting, of.delivered);
      if (of.must > of.delivered && evicted_ == 0) {
        EXPECT_GE(of.waiting, of.must) << name << ": " << describe(of.must) << " is lost, what waits is " << of.waiting;
      }
      if (of.waiting != 0) {
        EXPECT_GT(of.waiting, of.certainly_delivered) << name << ": older than what was delivered";
      }
    }
  }

  [[nodiscard]] std::string describe(std::uint64_t id) {
    const auto& state = ids_[id];
    return fmt::format("message {} ({}, {}{}{}{})", id, state.epoch, state.sequence, state.accepted ? ", accepted" : "",
                       state.durable ? ", durable" : "", state.settled ? ", settled" : "");
  }

  void act() {
    const auto what = random_() % 100;
    if (what < 35) {
      for (auto more = 1 + random_() % 6; more > 0; --more) append();
    } else if (what < 55) {
      read(1 + random_() % 10);
    } else if (what < 80) {
      acknowledge(1 + random_() % 12);
    } else if (what < 90) {
      if (last_id_ != 0 && ids_[last_id_].accepted) {
        const bool durable = lane_->wait_durable(ids_[last_id_].sequence, kind_.faults ? 20ms : 10s);
        EXPECT_TRUE(durable || disk_->is_cut() || kind_.faults || kind_.options.sync == Sync::off)
            << lane_->status().trouble;
        if (durable) ids_[last_id_].durable = true;
      }
    } else if (what < 95) {
      std::vector<std::uint64_t> settled;
      for (const auto& [sequence, id] : by_sequence_) {
        if (ids_[id].settled) settled.push_back(id);
      }
      spool_->sync();
      if (kind_.options.sync != Sync::off && !kind_.faults) {
        for (const auto id : settled) ids_[id].settled_durably |= !disk_->is_cut();
      }
    } else if (kind_.parts && what < 98) {
      lane_->cut();
    } else if (kind_.faults && what < 98) {
      switch (random_() % 5) {
        case 0:
          disk_->fail_syncs(".seg", 1 + random_() % 2);
          break;
        case 1:
          disk_->fail_syncs("", 1);
          break;
        case 2:
          disk_->fail_reads(".seg");
          break;
        case 3:
          disk_->limit_space(random_() % 20'000);
          break;
        default:
          disk_->heal();
      }
    } else {
      clock_.advance(std::chrono::milliseconds{random_() % 1000});
    }
  }

  void close() {
    lane_ = nullptr;
    spool_.reset();
  }

  std::mt19937_64 random_;
  const Kind kind_;
  FakeClock clock_;
  std::unique_ptr<SimulatedDisk> disk_ = std::make_unique<SimulatedDisk>();
  std::unique_ptr<Spool> spool_;
  Lane* lane_ = nullptr;
  std::uint32_t epoch_ = 0;

  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, State> ids_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> names_;  ///< every pair ever used
  std::map<std::uint64_t, std::uint64_t> by_sequence_;                      ///< of what is not gone
  std::vector<std::uint64_t> under_way_;                                    ///< read, not settled
  std::set<std::uint64_t> seen_;                                            ///< read in this life
  std::map<Part, std::pair<std::uint64_t, std::uint64_t>> last_read_;       ///< sequence and id
  std::uint64_t evicted_ = 0;
  std::map<std::string, std::uint64_t> newest_;  ///< of a topic: what waits, or else was delivered
  bool was_cut_ = false;
  std::string past_;
};

LaneOptions options(std::uint64_t seed) {
  LaneOptions options;
  options.segment_size = 4096;
  options.capacity = 8U << 20;
  options.memory = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 1500 : 256U << 10;
  // Most syncs are asked for, so that a seed does nearly the same again; some come by themselves.
  options.sync_interval = seed % 4 == 0 ? 1ms : std::chrono::milliseconds{1h};
  options.sync_bytes = seed % 5 == 0 ? 1000 : 1ULL << 40;
  return options;
}

/// Name of each kind of world, how many seeds of it are tried, and what it is.
struct Trial {
  const char* name;
  unsigned seeds;
  Kind (*make)(std::uint64_t seed);
};
const Trial trials[] = {
    {"AnyLane", 150, [](std::uint64_t seed) { return Kind{options(seed)}; }},
    {"ALaneThatEvicts", 150,
     [](std::uint64_t seed) {
       Kind kind{options(seed)};
       kind.options.capacity = 24U << 10;
       return kind;
     }},
    {"ALaneWhoseSegmentIsExchanged", 80,
     [](std::uint64_t seed) {
       Kind kind{options(seed)};
       kind.options.segment_size = 32U << 10;  // after three syncs, while it holds less than half
       return kind;
     }},
    {"ALaneThatKeepsTheLatest", 120,
     [](std::uint64_t seed) {
       Kind kind{options(seed)};
       kind.options.when_full = WhenFull::keep_latest;
       if (seed % 2 == 0) kind.options.capacity = 160U << 10;
       return kind;
     }},
    {"ALaneInTwoParts", 80,
     [](std::uint64_t seed) {
       Kind kind{options(seed), true};
       if (seed % 3 == 0) kind.options.capacity = 48U << 10;
       return kind;
     }},
    {"ALaneThatSyncsEach", 40,
     [](std::uint64_t seed) {
       Kind kind{options(seed)};
       kind.options.sync = Sync::each;
       return kind;
     }},
    {"ALaneThatNeverSyncs", 40,
     [](std::uint64_t seed) {
       Kind kind{options(seed)};
       kind.options.sync = Sync::off;
       return kind;
     }},
    {"TheLatestOnAFaultyDisk", 60,
     [](std::uint64_t seed) {
       Kind kind{options(seed), seed % 4 == 0, true};
       kind.options.when_full = WhenFull::keep_latest;
       return kind;
     }},
    {"ALaneOnAFaultyDisk", 120,
     [](std::uint64_t seed) {
       Kind kind{options(seed), seed % 2 == 0, true};
       if (seed % 3 == 0) kind.options.when_full = WhenFull::reject;
       if (seed % 3 == 1) kind.options.capacity = 48U << 10;
       if (seed % 7 == 0) kind.options.sync = Sync::each;
       return kind;
     }},
};

/// Runs a world until the power goes away at the step, or for so many actions when it is 0.
void live(World& world, std::uint64_t cut, unsigned actions) {
  if (cut != 0) world.disk().cut_at(cut);
  for (unsigned n = 0; n < actions; ++n) {
    if (!world.step()) return;
  }
}

/// Four lives that end by a cut, a kill or a close; returns how often the power went away.
unsigned try_seed(const Trial& trial, std::uint64_t seed) {
  SCOPED_TRACE(fmt::format("{}, seed {}", trial.name, seed));
  std::mt19937_64 random(seed * 7919);
  World world(seed, trial.make(seed));
  unsigned cuts = 0;
  if (!world.open()) return cuts;
  for (int life = 0; life < 4; ++life) {
    const auto kind = random() % 8;
    const auto end = kind < 5 ? End::cut : kind < 7 ? End::killed : End::closed;
    const auto cut = end == End::cut ? 1 + random() % 250 : 0;
    live(world, cut, 20 + static_cast<unsigned>(random() % 60));
    SCOPED_TRACE(fmt::format("life {} ends by {}", life,
                             end == End::cut      ? "a cut"
                             : end == End::killed ? "a kill"
                                                  : "closing"));
    world.begin_again(end, random());
    cuts += end == End::cut && world.was_cut() ? 1 : 0;
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << world.log();
      break;
    }
  }
  return cuts;
}

/// TIDEGATE_SEED is added to the seeds: others than usual.
std::uint64_t first_seed() {
  const char* base = std::getenv("TIDEGATE_SEED");
  return base == nullptr ? 0 : std::strtoull(base, nullptr, 10);
}

constexpr unsigned seeds_each = 20;

/// Which trial, and which of its seeds.
class SeedRange : public testing::TestWithParam<std::pair<std::size_t, unsigned>> {
 public:
  static std::vector<ParamType> all() {
    std::vector<ParamType> result;
    for (std::size_t index = 0; index < std::size(trials); ++index) {
      for (unsigned seed = 0; seed < trials[index].seeds; seed += seeds_each) result.emplace_back(index, seed);
    }
    return result;
  }
};

TEST_P(SeedRange, LosesNothingDurable) {
  const auto [index, from] = GetParam();
  const auto first = first_seed() + index * 100'000 + from;
  for (auto seed = first; seed < first + seeds_each && !HasFailure(); ++seed) try_seed(trials[index], seed);
}

INSTANTIATE_TEST_SUITE_P(APowerCut, SeedRange, testing::ValuesIn(SeedRange::all()), [](const auto& range) {
  return fmt::format("{}{}To{}", trials[range.param.first].name, range.param.second,
                     range.param.second + seeds_each - 1);
});

/// TIDEGATE_CUTS says how many; each kind of world has its share.
TEST(ManyPowerCuts, LoseNothingDurable) {
  const char* wanted = std::getenv("TIDEGATE_CUTS");
  const auto most = wanted == nullptr ? 20 : std::strtoull(wanted, nullptr, 10);
  std::uint64_t cuts = 0;
  auto seed = first_seed() + 10'000'000;
  for (; cuts < most && !HasFailure(); ++seed) {
    for (const auto& trial : trials) {
      if (cuts < most && !HasFailure()) cuts += try_seed(trial, seed);
    }
  }
  fmt::print("{} power cuts, seeds {} to {}\n", cuts, first_seed() + 10'000'000, seed - 1);
  RecordProperty("cuts", static_cast<int>(cuts));
}

/// One workload, cut at each of its steps in turn.
TEST(APowerCutAtEveryStep, LosesNothingDurable) {
  bool done = false;
  std::uint64_t step = 0;
  while (!done) {
    ++step;
    SCOPED_TRACE(fmt::format("step {}", step));
    World world(42, Kind{options(1)});
    world.disk().cut_at(step);
    if (world.open()) {
      live(world, 0, 45);
      done = !world.disk().is_cut();
    }
    world.begin_again(End::cut, step);
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << world.log();
      break;
    }
  }
  EXPECT_GT(step, 100U) << "too short a workload to prove anything";
  RecordProperty("steps", static_cast<int>(step));
}

/// The first life ends at each step of the start itself; so does the second, on what the first left.
TEST(APowerCutDuringTheStart, LosesNothingDurable) {
  bool done = false;
  for (std::uint64_t step = 1; !done; ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    World world(7, Kind{options(1)});
    ASSERT_TRUE(world.open());
    live(world, 0, 30);
    world.begin_again(step % 2 == 0 ? End::killed : End::cut, step);
    live(world, 0, 10);
    world.begin_again(End::closed, 0);
    world.disk().cut_at(step);
    done = world.open_again();
    world.begin_again(End::cut, step);
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace tidegate::spool
