// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_clock.hpp"
#include "support/fifo.hpp"
#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"
#include "support/scratch_folder.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

/// Two chips, "slow" and "quick", and the plugin on threads that can hang.
struct HwmonTest : testing::Test {
  HwmonTest() {
    root.write("sys/class/hwmon/hwmon0/name", "slow\n");
    root.write("sys/class/hwmon/hwmon0/temp1_input", "20000\n");
    root.write("sys/class/hwmon/hwmon1/name", "quick\n");
    root.write("sys/class/hwmon/hwmon1/temp1_input", "30000\n");
  }
  std::unique_ptr<Plugin> make(RecordingContext& context, const std::string& keys = "") {
    block.emplace("hwmon", fmt::format("[hwmon]\ninterval = \"10ms\"\nroot = \"{}\"\n{}", root.path().string(), keys));
    auto hwmon = plugin("hwmon")->make(context, block->block());
    EXPECT_EQ(block->complaints(), "");
    return hwmon;
  }
  /// A second passes with each reading of the quick chip, whose thread so is never late itself.
  void pass_time(const RecordingContext& context) {
    const auto count = std::ranges::count(context.records, "quick/temp1", &RecordingContext::Record::name);
    if (std::exchange(heard, count) != count) clock.advance(1s);
  }

  const ScratchFolder root;
  FakeClock clock;
  std::ptrdiff_t heard = 0;
  std::optional<PluginBlock> block;
};

TEST_F(HwmonTest, AChipThatHangsHoldsUpNoOtherAndIsSaidInHealth) {
  RecordingContext context(clock);
  context.worker_threads = true;
  const auto hwmon = make(context);
  std::optional<Fifo> hung(root.path() / "sys/class/hwmon/hwmon0/temp1_input");
  hwmon->start();
  ASSERT_TRUE(context.turn_until([&] { return context.last("quick/temp1") != nullptr; }));
  EXPECT_THAT(context.faults, IsEmpty()) << "it was not given any time";

  ASSERT_TRUE(context.turn_until([&] {
    pass_time(context);
    return context.faults.contains("slow");
  }));
  context.records.clear();
  ASSERT_TRUE(context.turn_until([&] { return context.last("quick/temp1") != nullptr; })) << "the other chip waits";
  EXPECT_THAT(context.faults["slow"], AllOf(HasSubstr("hwmon0/temp1_input"), HasSubstr("does not come back")));
  EXPECT_EQ(context.faults.size(), 1U);
  EXPECT_EQ(context.last("slow/temp1"), nullptr);
  EXPECT_EQ(context.last("quick/temp1")->value, Value(30.0));

  hung->write("25000\n");
  hung.reset();
  root.write("sys/class/hwmon/hwmon0/temp1_input", "26000\n");
  ASSERT_TRUE(context.turn_until([&] {
    return context.faults.empty() && context.last("slow/temp1") != nullptr &&
           context.last("slow/temp1")->value == Value(26.0);
  }));
  hwmon->stop();
}

TEST_F(HwmonTest, AChipThatHangsHasBadReadingsMeanwhile) {
  RecordingContext context(clock);
  context.worker_threads = true;
  const auto hwmon = make(context);
  hwmon->start();
  ASSERT_TRUE(context.turn_until([&] { return context.last("slow/temp1") && context.last("quick/temp1"); }));
  const Fifo hung(root.path() / "sys/class/hwmon/hwmon0/temp1_input");
  ASSERT_TRUE(context.turn_until([&] {
    pass_time(context);
    return context.last("slow/temp1")->quality == Quality::bad;
  }));
  EXPECT_EQ(context.last("slow/temp1")->value, Value(20.0));
  EXPECT_EQ(context.last("quick/temp1")->quality, Quality::good);
  hwmon->stop();
}

TEST_F(HwmonTest, AnAnswerThatComesAfterTheStopIsThrownAway) {
  RecordingContext context(clock);
  context.hold_worker = true;
  const auto hwmon = make(context);
  hwmon->start();
  hwmon->stop();
  context.release_worker();
  EXPECT_THAT(context.records, IsEmpty());
  hwmon->start();
  context.release_worker();
  EXPECT_EQ(context.last("quick/temp1")->value, Value(30.0)) << "it does not start again";
  hwmon->stop();
}

TEST_F(HwmonTest, AChipThatWasGoneForADayIsForgotten) {
  RecordingContext context(clock);
  const auto hwmon = make(context);
  hwmon->start();
  std::filesystem::remove_all(root.path() / "sys/class/hwmon/hwmon0");
  ASSERT_TRUE(context.turn_until([&] { return context.faults.contains("slow"); }));
  EXPECT_EQ(context.last("slow/temp1")->quality, Quality::bad);
  clock.advance(25h);
  ASSERT_TRUE(context.turn_until([&] { return context.faults.empty(); }));
  context.records.clear();
  ASSERT_TRUE(context.turn_until([&] { return context.last("quick/temp1") != nullptr; }));
  EXPECT_EQ(context.last("slow/temp1"), nullptr);
  hwmon->stop();
}

TEST_F(HwmonTest, ReadingsArePublishedAsTheirOwnBlockSays) {
  RecordingContext context(clock);
  const auto hwmon = make(context, "json = true\n[[hwmon.reading]]\nof = \"quick/+\"\nretain = true\n");
  hwmon->start();
  ASSERT_EQ(context.records.size(), 2U);
  for (const auto& record : context.records) {
    EXPECT_TRUE(record.options.json);
    EXPECT_EQ(record.options.retain, record.name == "quick/temp1");
  }
  hwmon->stop();
}

TEST(TheHwmonPlugin, ComplainsAboutAnIntervalThatIsTooShortAndAboutUnknownKeys) {
  RecordingContext context;
  const PluginBlock block("hwmon", "[hwmon]\ninterval = \"1ms\"\nalarm = true\ninclude = 3\n");
  (void)plugin("hwmon")->make(context, block.block());
  EXPECT_THAT(block.complaints(), AllOf(HasSubstr("test.toml:2:"), HasSubstr("10ms"), HasSubstr("test.toml:3:"),
                                        HasSubstr("alarms"), HasSubstr("test.toml:4:")));
}

}  // namespace
}  // namespace tidegate::test
