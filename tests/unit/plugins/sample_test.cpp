// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"

namespace tidegate::test {
namespace {

/// With the '#' before each default taken away; "##" stays, for it is prose.
std::string switched_on(const std::string& sample) {
  std::istringstream stream(sample);
  std::string text;
  for (std::string line; std::getline(stream, line);) {
    text += line.starts_with("# ") ? line.substr(2) : line;
    text += '\n';
  }
  return text;
}

void read_block(const PluginInfo& info, const std::string& text) {
  RecordingContext context;
  const PluginBlock block(info.name, text, "sample.toml");
  EXPECT_NE(info.make(context, block.block()), nullptr);
  EXPECT_EQ(block.complaints(), "") << info.name << " does not take its own sample:\n" << text;
  EXPECT_TRUE(context.records.empty()) << "a maker of " << info.name << " emitted";
  EXPECT_EQ(context.channels_made, 0) << "a maker of " << info.name << " opened a channel";
}

TEST(ThePluginTable, HasEachPluginOnceWithANameASampleAndAMaker) {
  std::set<std::string> names;
  for (const PluginInfo* info : plugins::table()) {
    ASSERT_NE(info, nullptr);
    EXPECT_TRUE(names.insert(info->name).second) << info->name << " is there twice";
    EXPECT_NE(std::string(info->sample).find('[' + std::string(info->name)), std::string::npos);
    EXPECT_NE(info->make, nullptr);
  }
  EXPECT_TRUE(names.contains("null"));
  EXPECT_TRUE(names.contains("sysstat"));
}

TEST(EveryPlugin, TakesItsSampleAsItIsAndWithEveryDefaultSwitchedOn) {
  for (const PluginInfo* info : plugins::table()) {
    read_block(*info, info->sample);
    read_block(*info, switched_on(info->sample));
  }
}

TEST(EveryPlugin, TakesAnEmptyTable) {
  for (const PluginInfo* info : plugins::table()) read_block(*info, '[' + std::string(info->name) + "]\n");
}

}  // namespace
}  // namespace tidegate::test
