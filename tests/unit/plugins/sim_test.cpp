// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"
#include "support/scratch_folder.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// One or more sensors by a clock that a test moves.
class Simulation {
 public:
  explicit Simulation(const std::string& sensors) : block_("sim", sensors) {
    plugin_ = plugin("sim")->make(context, block_.block());
    EXPECT_EQ(block_.complaints(), "");
    plugin_->start();
  }

  /// The readings that come when the clock has gone on by so much.
  std::vector<double> after(Nanoseconds step) {
    clock.advance(step);
    const auto before = context.records.size();
    EXPECT_TRUE(context.turn_until([&] { return context.records.size() > before; })) << "no reading came";
    std::vector<double> values;
    for (auto n = before; n < context.records.size(); ++n) values.push_back(value(n));
    return values;
  }
  /// The next reading at each of so many steps, with the first at the start.
  std::vector<double> values(int count, Nanoseconds step) {
    std::vector<double> all{value(0)};
    while (std::ssize(all) < count) all.push_back(after(step).front());
    return all;
  }
  [[nodiscard]] double value(std::size_t n) const { return std::get<double>(context.records.at(n).reading.value); }
  Plugin& operator*() { return *plugin_; }

  StillClock clock;
  RecordingContext context{clock};

 private:
  PluginBlock block_;
  std::unique_ptr<Plugin> plugin_;
};

std::string sensor(const std::string& lines) {
  return "[[sim.sensor]]\nname = \"s\"\ninterval = \"2ms\"\n" + lines;
}

std::string complaints(const std::string& text) {
  RecordingContext context;
  const PluginBlock block("sim", text);
  (void)plugin("sim")->make(context, block.block());
  return block.complaints();
}

TEST(ASimulatedSensor, SaysThatItIsSimulated) {
  Simulation sim("[[sim.sensor]]\nname = \"room/temperature\"\nunit = \"°C\"\njson = true\nretain = true\n");
  ASSERT_EQ(sim.context.records.size(), 1U) << "it shows nothing at its start";
  const auto& [name, reading, options] = sim.context.records[0];
  EXPECT_EQ(name, "room/temperature");
  EXPECT_TRUE(reading.simulated);
  EXPECT_THAT(to_json(reading), HasSubstr("\"simulated\":true"));
  EXPECT_EQ(reading.unit, "°C");
  EXPECT_EQ(reading.taken, sim.clock.wall());
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.retain);
}

TEST(ASimulatedSensor, GoesThroughItsFilters) {
  Simulation sim(sensor("kind = \"ramp\"\nmin = 0\nmax = 100\nperiod = \"100s\"\nfilters = [{ delta = 10 }]\n"));
  sim.clock.advance(9s);
  sim.context.loop().run_once(20ms);
  EXPECT_EQ(sim.context.records.size(), 1U);
  EXPECT_THAT(sim.after(1s), ElementsAre(10.0));
}

TEST(ASine, GoesFromTheMiddleToItsMostItsLeastAndBack) {
  Simulation sim(sensor("kind = \"sine\"\nmin = 10\nmax = 30\nperiod = \"8s\"\n"));
  // sin of 0, 45, 90, … degrees
  const auto values = sim.values(9, 1s);
  const std::vector<double> expected{20, 20 + 7.0710678, 30, 20 + 7.0710678, 20, 20 - 7.0710678,
                                     10, 20 - 7.0710678, 20};
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t n = 0; n < values.size(); ++n) EXPECT_NEAR(values[n], expected[n], 1e-6) << n;
}

TEST(ARamp, RisesAndBeginsAgain) {
  Simulation sim(sensor("kind = \"ramp\"\nmin = -1\nmax = 3\nperiod = \"4s\"\n"));
  EXPECT_THAT(sim.values(6, 1s), ElementsAre(-1, 0, 1, 2, -1, 0));
}

TEST(ASquare, IsItsMostForHalfOfEachPeriod) {
  Simulation sim(sensor("kind = \"square\"\nmin = 5\nmax = 7\nperiod = \"4s\"\n"));
  EXPECT_THAT(sim.values(6, 1s), ElementsAre(7, 7, 5, 5, 7, 7));
}

TEST(Noise, StaysInItsRangeAndRepeatsWithItsSeed) {
  const auto lines = sensor("kind = \"noise\"\nmin = 10\nmax = 20\nseed = 7\n");
  const auto once = Simulation(lines).values(50, 2ms);
  EXPECT_EQ(Simulation(lines).values(50, 2ms), once);
  EXPECT_NE(Simulation(sensor("kind = \"noise\"\nmin = 10\nmax = 20\nseed = 8\n")).values(50, 2ms), once);
  const auto [least, most] = std::ranges::minmax(once);
  EXPECT_GE(least, 10);
  EXPECT_LT(most, 20);
  EXPECT_GT(most - least, 5) << "50 numbers of one half of the range";
}

TEST(AWalk, GoesOneStepAtATimeInItsRangeAndRepeatsWithItsSeed) {
  const auto lines = sensor("kind = \"walk\"\nmin = 0\nmax = 2\nstep = 0.5\nseed = 7\n");
  const auto once = Simulation(lines).values(100, 2ms);
  EXPECT_EQ(Simulation(lines).values(100, 2ms), once);
  EXPECT_EQ(once.front(), 1.0);
  int moved = 0;
  for (std::size_t n = 1; n < once.size(); ++n) {
    EXPECT_LE(std::abs(once[n] - once[n - 1]), 0.5) << n;
    EXPECT_GE(once[n], 0);
    EXPECT_LE(once[n], 2);
    if (once[n] != once[n - 1]) ++moved;
  }
  EXPECT_EQ(moved, 99);
  // Ten intervals at once are ten steps, and a sleep of years does not hold up the loop.
  EXPECT_EQ(Simulation(lines).after(20ms).front(), once[10]);
  Simulation(lines).after(std::chrono::days(3000));
}

TEST(AWalk, OfAnotherNameIsAnotherWalk) {
  const auto walk = [](const std::string& name) {
    return Simulation("[[sim.sensor]]\nname = \"" + name + "\"\nkind = \"walk\"\ninterval = \"2ms\"\n").values(5, 2ms);
  };
  EXPECT_EQ(walk("a"), walk("a"));
  EXPECT_NE(walk("a"), walk("b"));
}

TEST(ASimulatedSensor, BeginsAnewWhenItIsStartedAgain) {
  Simulation sim(sensor("kind = \"walk\"\nseed = 7\n"));
  const auto once = sim.values(5, 2ms);
  (*sim).stop();
  const auto stopped = sim.context.records.size();
  sim.clock.advance(1s);
  sim.context.loop().run_once(10ms);
  ASSERT_EQ(sim.context.records.size(), stopped) << "it shows something after stop()";
  (*sim).start();
  EXPECT_EQ(sim.value(stopped), once[0]);
  EXPECT_EQ(sim.after(2ms).front(), once[1]);
}

class AReplay : public testing::Test {
 protected:
  std::string replay(const std::string& csv, const std::string& more = "") const {
    folder.write("r.csv", csv);
    return sensor("kind = \"replay\"\nfile = \"" + (folder.path() / "r.csv").string() + "\"\n" + more);
  }
  /// What is wrong with a file, from its own name on.
  std::string wrong(const std::string& csv) const {
    const auto all = complaints(replay(csv));
    EXPECT_THAT(all, HasSubstr("test.toml:5:1: [[sim.sensor]] file: "));
    const auto at = all.find("r.csv");
    return at == all.npos ? all : all.substr(at);
  }
  const ScratchFolder folder;
};

TEST_F(AReplay, OfOneColumnShowsAValueEachIntervalAndBeginsAgain) {
  Simulation sim(replay("21\n21.5\n-3e-1\n"));
  EXPECT_THAT(sim.values(5, 2ms), ElementsAre(21, 21.5, -0.3, 21, 21.5));
  EXPECT_TRUE(sim.context.records[0].reading.simulated);
}

TEST_F(AReplay, OfTimesInSecondsShowsEachRowAtItsTime) {
  Simulation sim(replay("time,value\n0.01,1\n0.02,2\n0.02,2.5\n0.05,3\n", "loop = false\n"));
  EXPECT_TRUE(sim.context.records.empty()) << "the first row is not due";
  EXPECT_THAT(sim.after(10ms), ElementsAre(1));
  EXPECT_THAT(sim.after(10ms), ElementsAre(2, 2.5));
  sim.clock.advance(29ms);
  sim.context.loop().run_once(35ms);
  EXPECT_EQ(sim.context.records.size(), 3U) << "too early";
  EXPECT_THAT(sim.after(1ms), ElementsAre(3));
  sim.clock.advance(1h);
  sim.context.loop().run_once(20ms);
  EXPECT_EQ(sim.context.records.size(), 4U) << "it was to play once";
}

TEST_F(AReplay, OfTimesOfDayCountsFromTheFirst) {
  Simulation sim(
      replay("# of a weather station\r\nwhen,°C\r\n"
             "2026-11-20T23:59:59.980Z, 1\r\n\r\n2026-11-21 00:00:00,2\r\n2026-11-21T01:00:00.01+01:00,3\r\n"));
  ASSERT_EQ(sim.context.records.size(), 1U);
  EXPECT_THAT(sim.after(20ms), ElementsAre(2));
  EXPECT_THAT(sim.after(10ms), ElementsAre(3));
  EXPECT_THAT(sim.after(2ms), ElementsAre(1)) << "one interval after the last row it begins again";
  EXPECT_THAT(sim.after(20ms), ElementsAre(2));
}

TEST_F(AReplay, ShowsWhatBecameDueWhileTheLoopWasLateButNotWholeLaps) {
  Simulation sim(replay("1\n2\n3\n4\n"));
  EXPECT_THAT(sim.after(6ms), ElementsAre(2, 3, 4));
  EXPECT_THAT(sim.after(8ms * 1'000'000 + 4ms), ElementsAre(1, 2));
}

TEST_F(AReplay, NamesTheLineOfAFileThatIsGarbled) {
  EXPECT_THAT(wrong("1\nx\n"), HasSubstr("r.csv:2: \"x\" is no number; put one there, or take the line out"));
  EXPECT_THAT(wrong("time,value\n0,1\n1,\n"), HasSubstr("r.csv:3: \"\" is no number"));
  EXPECT_THAT(wrong("time,value\nvalue\n"), HasSubstr("r.csv:2: \"value\" is no number"));
  EXPECT_THAT(wrong("0,x\n"), HasSubstr("r.csv:1: \"x\" is no number"));
  EXPECT_THAT(wrong("0,nan\n"), HasSubstr("r.csv:1: \"nan\" is no number"));
  EXPECT_THAT(wrong("1\n1e999\n"), HasSubstr("r.csv:2: \"1e999\" is no number"));
  EXPECT_THAT(
      wrong("a,1,2\n"),
      HasSubstr("r.csv:1: \"a,1,2\" has more than two columns; leave time,value, and write decimals with a point"));
  EXPECT_THAT(wrong("time;value\n1;21,5\n"), HasSubstr("r.csv:1: \"time;value\" has a semicolon; put a comma between"));
  EXPECT_THAT(wrong("0,1\nnoon,2\n"), HasSubstr("r.csv:2: \"noon\" is no time; write seconds since the start"));
  EXPECT_THAT(wrong("0,1\n2\n"), HasSubstr("r.csv:2: \"2\" has another kind of time than the lines before"));
  EXPECT_THAT(wrong("0,1\n2026-11-20T00:00:00Z,2\n"), HasSubstr("another kind of time"));
  EXPECT_THAT(wrong("5,1\n4,1\n"), HasSubstr("r.csv:2: \"4\" is before the line above; sort the lines by time"));
  EXPECT_THAT(wrong("-1,1\n"), HasSubstr("r.csv:1: \"-1\" is out of range"));
  EXPECT_THAT(wrong("nan,1\n"), HasSubstr("r.csv:1: \"nan\" is out of range"));
  EXPECT_THAT(wrong("2e9,1\n"), HasSubstr("r.csv:1: \"2e9\" is out of range"));
  EXPECT_THAT(wrong("1\n" + std::string(10'000, '1') + "\n"), HasSubstr("r.csv:2: is too long"));
  EXPECT_THAT(wrong("1\n\x1b[2J\n"), HasSubstr("r.csv:2: \"?[2J\" is no number"));
  for (const auto* nothing : {"", "\n\n", "# only prose\n", "time,value\n"}) {
    EXPECT_THAT(wrong(nothing), HasSubstr("has no values; write one a line, or time,value")) << nothing;
  }
  for (const auto* none :
       {"2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T00:00:00.Z", "2026-11-20T00:00:00+1",
        "2026-11-20T00:00", "2026-11-20", "2026-11-20T00:00:00Zulu", "2026-11-20T00:00:00+99:00"}) {
    EXPECT_NE(wrong(std::string("0,1\n") + none + ",1\n"), "") << none;
  }
}

TEST_F(AReplay, NeedsAFileThatCanBeRead) {
  EXPECT_THAT(complaints(sensor("kind = \"replay\"\n")),
              HasSubstr("test.toml:1:1: [[sim.sensor]]: has no file; add file = \"recording.csv\""));
  EXPECT_THAT(
      complaints(sensor("kind = \"replay\"\nfile = \"/nonexistent/r.csv\"\n")),
      HasSubstr("test.toml:5:1: [[sim.sensor]] file: cannot read /nonexistent/r.csv: No such file or directory"));
  EXPECT_THAT(complaints(sensor("kind = \"replay\"\nfile = \"" + folder.path().string() + "\"\n")),
              HasSubstr(" is no file of values"));
  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(complaints(sensor("kind = \"replay\"\nfile = \"" + pipe.string() + "\"\n")),
              HasSubstr("pipe is no file of values"));
}

TEST_F(AReplay, FindsItsFileBesideTheConfiguration) {
  folder.write("t.toml", "[[sim.sensor]]\nname = \"s\"\nkind = \"replay\"\nfile = \"csv/r.csv\"\n");
  folder.write("csv/r.csv", "7\n");
  const auto config = config::load(folder.path() / "t.toml", {"sim"});
  RecordingContext context;
  const auto sim = plugin("sim")->make(context, config.plugins.at(0).block);
  config::check_plugins(config);
  sim->start();
  ASSERT_EQ(context.records.size(), 1U);
  EXPECT_EQ(context.records[0].reading.value, Value(7.0));
}

TEST(Simulation, WithoutSensorsDoesNothing) {
  RecordingContext context;
  const PluginBlock block("sim", "[sim]\n");
  const auto sim = plugin("sim")->make(context, block.block());
  sim->start();
  context.loop().run_once(5ms);
  sim->stop();
  EXPECT_EQ(context.channels_made, 0);
}

TEST(ASimulatedSensor, ComplainsAboutWhatItCannotBe) {
  EXPECT_EQ(
      complaints("[[sim.sensor]]\nname = \"s\"\nkind = \"sin\"\n"),
      "test.toml:3:1: [[sim.sensor]] kind: the string \"sin\" is not one of \"sine\", \"ramp\", \"walk\", \"square\", "
      "\"noise\", \"replay\"; did you mean \"sine\"?");
  EXPECT_EQ(complaints("[[sim.sensor]]\nname = \"s\"\nmin = 5\nmax = 5\n"),
            "test.toml:3:1: [[sim.sensor]] min: min is 5 and max is 5; min has to be less");
  EXPECT_THAT(complaints("[[sim.sensor]]\nname = \"s\"\nmax = 0\n"),
              HasSubstr("test.toml:3:1: [[sim.sensor]] max: min is 0"));
  EXPECT_THAT(complaints("[[sim.sensor]]\nkind = \"ramp\"\n"), HasSubstr("has no name"));
  EXPECT_THAT(complaints("[[sim.sensor]]\nname = \"a/+\"\n"), HasSubstr("name: cannot be the end of a topic"));
  EXPECT_THAT(complaints("[[sim.sensor]]\nname = \"s\"\n[[sim.sensor]]\nname = \"s\"\n"),
              HasSubstr("test.toml:4:1: [[sim.sensor]] name: there is another sensor \"s\""));
  EXPECT_THAT(complaints("[[sim.sensor]]\nname = \"s\"\nseed = 5\n"), HasSubstr("\"seed\": unknown key"));
  EXPECT_THAT(complaints("[[sim.sensor]]\nname = \"s\"\nkind = \"walk\"\nstep = 2\n"),
              HasSubstr("step: 2 is out of range"));
  EXPECT_THAT(complaints("[[sim.sensor]]\nname = \"s\"\nperiod = 5\n"), HasSubstr("did you mean \"5m\"?"));
  EXPECT_THAT(complaints("[[sim.sensor]]\nname = \"s\"\nfilters = [{ medain = 5 }]\n"),
              HasSubstr("did you mean \"median\"?"));
}

}  // namespace
}  // namespace tidegate::test
