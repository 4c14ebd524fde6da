// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>
#include <tidegate/topic.hpp>

namespace tidegate {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

template <class Check>
std::string complaint(Check check, const std::string& text) {
  try {
    check(text);
  } catch (const TopicError& error) {
    return error.what();
  }
  return "";
}

const std::vector<std::string>& sound_topics() {
  static const std::vector<std::string> topics = {
      "a",
      "/",
      "//",
      "/finance",
      "sport/tennis/player1/",
      "$SYS/broker/uptime",
      "with blanks and, commas",
      "IoT101/Network",
      "größe/°C/温度/🌊",
      "\u007f\u0001 control characters are unwise, but allowed",
      std::string("\ufeff") + "byte order mark",
      std::string(65535, 't'),
  };
  return topics;
}

const std::vector<std::string>& broken_strings() {
  static const std::vector<std::string> strings = {
      "",
      std::string(65536, 't'),
      "nul\0inside"s,
      "\0"s,
      "\xff",                      // never in UTF-8
      "a\xc3",                     // cut off
      "\xc0\xaf",                  // '/', longer than it need be
      "\xe0\x80\xaf",              // the same, longer still
      "\xed\xa0\x80",              // a high surrogate
      "\xed\xbf\xbf",              // a low surrogate
      "\xed\xa0\x81\xed\xb0\x81",  // a pair of them: CESU-8
      "\xf4\x90\x80\x80",          // above U+10FFFF
      "caf\xe9",                   // Latin-1
      "\x80 continues nothing",
  };
  return strings;
}

TEST(ATopic, IsTakenWhenItIsOneTo65535BytesOfUtf8) {
  for (const auto& topic : sound_topics()) EXPECT_EQ(complaint(check_topic, topic), "") << topic.substr(0, 80);
}

TEST(ATopic, IsRefusedWhenItsBytesAreNotWhatMqttAllows) {
  for (const auto& topic : broken_strings()) {
    EXPECT_NE(complaint(check_topic, topic), "") << testing::PrintToString(topic.substr(0, 80));
  }
}

TEST(ATopic, IsRefusedWithAWildcardAnywhere) {
  for (const char* topic : {"+", "#", "a/+", "a/#", "a+b", "a#", "/+/", "sport/tennis#"}) {
    EXPECT_THAT(complaint(check_topic, topic), HasSubstr("wildcard")) << topic;
  }
}

TEST(ATopic, ThatIsRefusedIsToldWhatIsWrongWithIt) {
  EXPECT_THAT(complaint(check_topic, ""), HasSubstr("empty"));
  EXPECT_THAT(complaint(check_topic, std::string(65536, 't')), HasSubstr("65536 bytes"));
  EXPECT_THAT(complaint(check_topic, "door\0x"s), HasSubstr("NUL"));
  EXPECT_THAT(complaint(check_topic, "abc\xff"), HasSubstr("UTF-8 (byte 3)"));
  EXPECT_THAT(complaint(check_topic, "loft/+/x"), HasSubstr("'loft/+/x'"));
  EXPECT_LT(complaint(check_topic, std::string(60'000, 'x') + '#').size(), 300U) << "a long topic is not repeated";
}

TEST(AFilter, MayBeWhateverATopicMayBe) {
  for (const auto& filter : sound_topics()) EXPECT_EQ(complaint(check_filter, filter), "") << filter.substr(0, 80);
  for (const auto& filter : broken_strings()) {
    EXPECT_NE(complaint(check_filter, filter), "") << testing::PrintToString(filter.substr(0, 80));
  }
}

TEST(AFilter, MayHavePlusAloneInALevelAndHashAloneInTheLast) {
  for (const char* filter :
       {"#", "+", "/#", "/+", "+/", "+/+", "+/#", "sport/#", "sport/+/player1", "$SYS/#", "//#", "a/+/+/#"}) {
    EXPECT_EQ(complaint(check_filter, filter), "") << filter;
  }
  for (const char* filter :
       {"sport+", "+sport", "a/b+/c", "++", "a/#/b", "#/", "#/#", "sport/tennis#", "##", "a/+#", "+#"}) {
    EXPECT_NE(complaint(check_filter, filter), "") << filter;
  }
}

struct Pair {
  const char* filter;
  const char* topic;
};

TEST(AFilter, MatchesAsTheMqttSpecificationSays) {
  constexpr Pair pairs[] = {
      {"sport/tennis/player1/#", "sport/tennis/player1"},
      {"sport/tennis/player1/#", "sport/tennis/player1/ranking"},
      {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"},
      {"sport/#", "sport"},
      {"sport/#", "sport/"},
      {"#", "sport/tennis"},
      {"#", "/"},
      {"#", "a"},
      {"sport/tennis/+", "sport/tennis/player1"},
      {"sport/+", "sport/"},
      {"+/+", "/finance"},
      {"/+", "/finance"},
      {"+", "finance"},
      {"+/tennis/#", "sport/tennis"},
      {"+/tennis/#", "sport/tennis/x/y"},
      {"sport/+/player1", "sport/tennis/player1"},
      {"sport/+/player1", "sport//player1"},
      {"$SYS/#", "$SYS/broker/uptime"},
      {"$SYS/#", "$SYS"},
      {"$SYS/monitor/+", "$SYS/monitor/Clients"},
      {"$share", "$share"},
      {"a/$b/#", "a/$b/c"},
      {"a/+", "a/$b"},
      {"exact/topic", "exact/topic"},
      {"/", "/"},
      {"+/+", "/"},
      {"+/+/+", "//"},
      {"größe/+", "größe/°C"},
  };
  for (const auto& [filter, topic] : pairs) EXPECT_TRUE(matches(filter, topic)) << filter << " and " << topic;
}

TEST(AFilter, DoesNotMatchWhatTheMqttSpecificationLeavesOut) {
  constexpr Pair pairs[] = {
      {"sport/tennis/+", "sport/tennis/player1/ranking"},
      {"sport/tennis/+", "sport/tennis"},
      {"sport/+", "sport"},
      {"+", "/finance"},
      {"+", "sport/tennis"},
      {"sport/#", "sports"},
      {"sport/#", "sport2/x"},
      {"#", "$SYS/broker/uptime"},
      {"+/monitor/Clients", "$SYS/monitor/Clients"},
      {"+", "$SYS"},
      {"+/#", "$SYS"},
      {"sport", "Sport"},
      {"sport", "sport/"},
      {"sport/", "sport"},
      {"a/b", "a"},
      {"a", "a/b"},
      {"a/+/c", "a/b/d"},
      {"a/+/#", "a"},
      {"/a", "a"},
      {"+/+", "a/b/c"},
      {"$SYS/+", "SYS/x"},
      {"", "a"},
      {"a", ""},
  };
  for (const auto& [filter, topic] : pairs) EXPECT_FALSE(matches(filter, topic)) << filter << " and " << topic;
}

TEST(TwoFilters, OverlapWhenSomeTopicFitsBoth) {
  constexpr Pair pairs[] = {
      {"a", "a"},       {"a/#", "a"},  {"a/#", "a/b/c"},   {"a/+", "a/b"},         {"+/b", "a/+"},
      {"#", "a/b"},     {"#", "+"},    {"a/+/c", "a/b/#"}, {"+/#", "a"},           {"a/#", "a/b/#"},
      {"a/+/#", "a/b"}, {"/+", "+/+"}, {"+/+/c", "a/#"},   {"$SYS/#", "$SYS/+/x"}, {"a//b", "a/+/b"},
  };
  for (const auto& [left, right] : pairs) {
    EXPECT_TRUE(overlap(left, right)) << left << " and " << right;
    EXPECT_TRUE(overlap(right, left)) << right << " and " << left;
  }
}

TEST(TwoFilters, DoNotOverlapWhenNoTopicFitsBoth) {
  constexpr Pair pairs[] = {
      {"a", "b"},     {"a/+", "a"},       {"a/b", "a/b/c"},  {"a/+", "a/b/c"}, {"+/a", "+/b"},
      {"a/#", "b/#"}, {"#", "$SYS/#"},    {"+/x", "$SYS/x"}, {"a/+/#", "a"},   {"a/b/#", "a"},
      {"+", "/"},     {"a/+/c", "+/b/d"}, {"", "a"},         {"#", ""},
  };
  for (const auto& [left, right] : pairs) {
    EXPECT_FALSE(overlap(left, right)) << left << " and " << right;
    EXPECT_FALSE(overlap(right, left)) << right << " and " << left;
  }
}

/// All strings of up to three levels over a small alphabet, as an oracle that cannot share a mistake with overlap().
TEST(TwoFilters, OverlapExactlyWhenATopicOfASmallWorldFitsBoth) {
  std::vector<std::string> topics;
  std::vector<std::string> filters;
  const auto grow = [](const std::vector<std::string>& levels, std::vector<std::string>& out) {
    for (const auto& a : levels) {
      out.push_back(a);
      for (const auto& b : levels) {
        out.push_back(a + '/' + b);
        for (const auto& c : levels) out.push_back(a + '/' + b + '/' + c);
      }
    }
  };
  // A level that no filter names stands for "anything else"; four levels let '#' go deeper than every filter.
  grow({"a", "b", "", "$x", "other"}, topics);
  const auto three = topics;
  for (const auto& topic : three) topics.push_back(topic + "/other");
  grow({"a", "b", "", "$x", "+", "#"}, filters);
  const auto unsound = [](const std::string& text, auto check) { return !complaint(check, text).empty(); };
  std::erase_if(topics, [&](const auto& text) { return unsound(text, check_topic); });
  std::erase_if(filters, [&](const auto& text) { return unsound(text, check_filter); });
  ASSERT_GT(filters.size(), 150U);

  // Both fit the empty topic, if that were one; to say that they overlap does no harm.
  const auto only_empty = [](const std::string& one, const std::string& other) { return one == "+" && other == "/#"; };

  std::vector<std::vector<bool>> hits;
  for (const auto& filter : filters) {
    auto& row = hits.emplace_back();
    for (const auto& topic : topics) row.push_back(matches(filter, topic));
  }
  for (std::size_t i = 0; i < filters.size(); ++i) {
    for (std::size_t j = i; j < filters.size(); ++j) {
      if (only_empty(filters[i], filters[j]) || only_empty(filters[j], filters[i])) continue;
      bool both = false;
      for (std::size_t t = 0; t < topics.size() && !both; ++t) both = hits[i][t] && hits[j][t];
      ASSERT_EQ(overlap(filters[i], filters[j]), both) << filters[i] << " and " << filters[j];
    }
  }
}

TEST(ARewrite, TakesStripOffTheFrontAndPutsPrefixThere) {
  EXPECT_EQ((Rewrite{"", ""}.apply("a/b")), "a/b");
  EXPECT_EQ((Rewrite{"", "site-a/"}.apply("a/b")), "site-a/a/b");
  EXPECT_EQ((Rewrite{"site-a/", ""}.apply("site-a/lamp/set")), "lamp/set");
  EXPECT_EQ((Rewrite{"site-a/", "tidegate/greenhouse/gpio/"}.apply("site-a/lamp/set")),
            "tidegate/greenhouse/gpio/lamp/set");
}

TEST(ARewrite, LeavesTheFrontOfATopicThatDoesNotStartWithStrip) {
  EXPECT_EQ((Rewrite{"site-a/", "up/"}.apply("other/lamp")), "up/other/lamp");
  EXPECT_EQ((Rewrite{"site-a/", ""}.apply("site-a")), "site-a");
  EXPECT_EQ((Rewrite{"a/", ""}.apply("x/a/b")), "x/a/b") << "only the front counts";
  EXPECT_EQ((Rewrite{"a/", ""}.apply("a/a/b")), "a/b") << "and only once";
}

TEST(AFilter, CoversAnotherWhenItMatchesAllThatThatMatches) {
  EXPECT_TRUE(covers("a/b", "a/b"));
  EXPECT_TRUE(covers("a/+", "a/b"));
  EXPECT_TRUE(covers("a/+", "a/+"));
  EXPECT_TRUE(covers("a/#", "a"));
  EXPECT_TRUE(covers("a/#", "a/b/#"));
  EXPECT_TRUE(covers("a/#", "a/+/c"));
  EXPECT_TRUE(covers("+/+/#", "a/b"));
  EXPECT_TRUE(covers("#", "#"));
  EXPECT_TRUE(covers("#", "+/a"));
  EXPECT_TRUE(covers("a/#", "$share/group/a/b"));
  EXPECT_TRUE(covers("$SYS/#", "$SYS/broker/+"));
}

TEST(AFilter, DoesNotCoverOneThatMatchesMore) {
  EXPECT_FALSE(covers("a/b", "a/+"));
  EXPECT_FALSE(covers("a/+", "a/#"));
  EXPECT_FALSE(covers("a/+", "a"));
  EXPECT_FALSE(covers("a/+", "a/b/c"));
  EXPECT_FALSE(covers("a/b/#", "a/#"));
  EXPECT_FALSE(covers("a", "a/"));
  EXPECT_FALSE(covers("#", "$SYS/broker"));
  EXPECT_FALSE(covers("+/broker", "$SYS/broker"));
  EXPECT_FALSE(covers("a/#", "$share/group/b"));
  EXPECT_FALSE(covers("a/#", "$share/"));
  EXPECT_FALSE(covers("", "a"));
  EXPECT_FALSE(covers("a", ""));
}

}  // namespace
}  // namespace tidegate
