// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chain.hpp"

namespace tidegate::test {
namespace {

using testing::HasSubstr;

TEST(ChannelOptions, AreReadFromTheirKeys) {
  const Lines lines("topic = \"IoT101/Network\"\njson = true\nretain = true\nqos = 2\nfilters = [{ round = 1 }]\n");
  const auto options = channel_options(lines.block());
  lines.block().finish();
  EXPECT_EQ(lines.complaints(), "");
  EXPECT_EQ(options.topic, "IoT101/Network");
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.retain);
  EXPECT_EQ(options.qos, Qos::exactly_once);
  EXPECT_FALSE(options.filters.empty());
}

TEST(ChannelOptions, AreTheFallbackWhereTheirKeysAreAbsent) {
  const Lines filters("filters = [{ round = 1 }]\n");
  const ChannelOptions fallback{"a/b", true, true, Qos::at_most_once, Filters(filters.block())};
  const Lines none("");
  const auto options = channel_options(none.block(), fallback);
  EXPECT_EQ(options.topic, "a/b");
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.retain);
  EXPECT_EQ(options.qos, Qos::at_most_once);
  EXPECT_FALSE(options.filters.empty());

  const Lines other("json = false\nretain = false\nqos = 1\nfilters = []\n");
  const auto changed = channel_options(other.block(), fallback);
  EXPECT_EQ(changed.topic, "a/b");
  EXPECT_FALSE(changed.json);
  EXPECT_FALSE(changed.retain);
  EXPECT_EQ(changed.qos, Qos::at_least_once);
  EXPECT_TRUE(changed.filters.empty()) << "an empty list takes the filters of the fallback away";
}

TEST(ChannelOptions, ComplainAboutWhatCannotBePublished) {
  const Lines lines("topic = \"a/+\"\njson = 1\nqos = 3\n");
  (void)channel_options(lines.block());
  EXPECT_THAT(lines.complaints(),
              testing::AllOf(HasSubstr("t.toml:2:1: [null] topic:"), HasSubstr("t.toml:3:1: [null] json:"),
                             HasSubstr("t.toml:4:1: [null] qos: 3 is out of range; it goes from 0 to 2")));
}

TEST(ReadingRules, GiveAReadingTheOptionsOfTheLastBlockThatMatchesItsName) {
  const Lines lines(R"([[null.reading]]
of = "cpu/#"
json = true
[[null.reading]]
of = "cpu/+/percent"
retain = true
[[null.reading]]
of = "cpu/0/percent"
topic = "my/cpu"
)");
  ChannelOptions fallback;
  fallback.qos = Qos::at_most_once;
  const ReadingRules rules(lines.block(), fallback);
  EXPECT_EQ(lines.complaints(), "");
  EXPECT_TRUE(rules.of("cpu/load").json);
  EXPECT_FALSE(rules.of("cpu/1/percent").json) << "what a block leaves out is as the fallback, not as the block before";
  EXPECT_TRUE(rules.of("cpu/1/percent").retain);
  EXPECT_EQ(rules.of("cpu/0/percent").topic, "my/cpu");
  EXPECT_EQ(rules.of("cpu/0/percent").qos, Qos::at_most_once);
  EXPECT_FALSE(rules.of("memory").json);
  EXPECT_EQ(rules.of("memory").qos, Qos::at_most_once);
}

TEST(ReadingRules, ThatAreNoneGiveTheFallback) {
  EXPECT_EQ(ReadingRules().of("a").qos, Qos::at_least_once);
  const Lines lines("");
  ChannelOptions fallback;
  fallback.json = true;
  EXPECT_TRUE(ReadingRules(lines.block(), fallback).of("a").json);
}

TEST(ReadingRules, ComplainAboutNamesThatCannotMatchAndTopicsThatWouldMixReadings) {
  const Lines lines(R"([[null.reading]]
of = "cpu/#/x"
[[null.reading]]
of = "cpu/+"
topic = "one/topic"
[[null.reading]]
jsn = true
)");
  (void)ReadingRules(lines.block(), {});
  EXPECT_THAT(lines.complaints(),
              testing::AllOf(HasSubstr("t.toml:3:1: [[null.reading]] of: cannot be matched with names"),
                             HasSubstr("t.toml:6:1: [[null.reading]] topic: one topic for all that \"cpu/+\" matches"),
                             HasSubstr("t.toml:7:1: [[null.reading]]: has no of"),
                             HasSubstr("t.toml:8:1: [[null.reading]] \"jsn\": unknown key; did you mean \"json\"?")));
}

}  // namespace
}  // namespace tidegate::test
