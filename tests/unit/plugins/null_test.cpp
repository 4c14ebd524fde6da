// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"

namespace tidegate::test {
namespace {

using testing::HasSubstr;

TEST(TheNullInput, CountsOnItsIntervalUntilItIsStopped) {
  StillClock clock;
  RecordingContext context(clock);
  const PluginBlock block("null", "[null]\ninterval = \"1ms\"\njson = true\n");
  const auto input = plugin("null")->make(context, block.block());
  ASSERT_EQ(block.complaints(), "");
  context.loop().run_once(std::chrono::milliseconds(5));
  EXPECT_TRUE(context.records.empty()) << "it emits before start()";

  input->start();
  ASSERT_TRUE(context.turn_until([&] { return context.records.size() >= 3; }));
  input->stop();
  const auto emitted = context.records.size();
  for (std::size_t n = 0; n < emitted; ++n) {
    EXPECT_EQ(context.records[n].name, "count");
    EXPECT_EQ(context.records[n].reading.value, Value(static_cast<std::int64_t>(n + 1)));
    EXPECT_EQ(context.records[n].reading.taken, clock.wall());
    EXPECT_TRUE(context.records[n].options.json);
  }
  EXPECT_EQ(context.channels_made, 2) << "count and told, each made once";
  context.loop().run_once(std::chrono::milliseconds(5));
  EXPECT_EQ(context.records.size(), emitted) << "it emits after stop()";

  input->start();
  ASSERT_TRUE(context.turn_until([&] { return context.records.size() > emitted; }));
  EXPECT_EQ(context.records[emitted].reading.value, Value(static_cast<std::int64_t>(emitted + 1)));
}

TEST(TheNullPlugin, ReportsWhatItIsToldWhileItRuns) {
  RecordingContext context;
  const PluginBlock block("null", "[null]\n");
  const auto null = plugin("null")->make(context, block.block());
  ASSERT_EQ(block.complaints(), "");
  null->start();
  context.tell("tell", "on");
  context.tell("tell", std::string("\0\xff", 2));
  ASSERT_EQ(context.records.size(), 2U);
  EXPECT_EQ(context.records[0].name, "told");
  EXPECT_EQ(context.records[0].reading.value, Value(std::string("on")));
  EXPECT_EQ(context.records[1].reading.value, Value(std::string("\0\xff", 2)));
}

TEST(TheNullPlugin, ComplainsAboutAnIntervalThatIsNoneAndAboutUnknownKeys) {
  RecordingContext context;
  const PluginBlock block("null", "[null]\ninterval = \"0s\"\ncolour = \"red\"\n");
  (void)plugin("null")->make(context, block.block());
  EXPECT_THAT(block.complaints(), testing::AllOf(HasSubstr("test.toml:2:"), HasSubstr("1ms"), HasSubstr("test.toml:3:"),
                                                 HasSubstr("colour")));
}

}  // namespace
}  // namespace tidegate::test
