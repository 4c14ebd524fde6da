// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/echo.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loading.hpp"

namespace tidegate::config {
namespace {

using testing::HasSubstr;

Forward forward(std::vector<std::string> topics, Rewrite rewrite = {}) {
  Forward rule;
  rule.topics = std::move(topics);
  rule.rewrite = std::move(rewrite);
  return rule;
}

Receive receive(std::vector<std::string> topics, Rewrite rewrite = {}) {
  Receive rule;
  rule.topics = std::move(topics);
  rule.rewrite = std::move(rewrite);
  return rule;
}

/// The topic that comes back, or "".
std::string echo(std::vector<Forward> forwards, std::vector<Receive> receives) {
  Upstream upstream;
  upstream.forwards = std::move(forwards);
  upstream.receives = std::move(receives);
  const auto found = find_echo(upstream);
  return found ? found->local : "";
}

TEST(ATopicComesBack, WhenBothWaysKeepItAndTheirFiltersOverlap) {
  EXPECT_EQ(echo({forward({"lamp/set"})}, {receive({"lamp/set"})}), "lamp/set");
  EXPECT_EQ(echo({forward({"a/+/c"})}, {receive({"a/b/+"})}), "a/b/c");
  EXPECT_NE(echo({forward({"#"})}, {receive({"#"})}), "");
  EXPECT_NE(echo({forward({"x"}), forward({"a/#"})}, {receive({"y"}), receive({"a/+/b"})}), "");
}

TEST(ATopicDoesNotComeBack, WhenTheFiltersDoNotOverlap) {
  EXPECT_EQ(echo({forward({"a/#"})}, {receive({"b/#"})}), "");
  EXPECT_EQ(echo({forward({"a/+"})}, {receive({"a/b/c"})}), "");
  EXPECT_EQ(echo({}, {receive({"#"})}), "");
  EXPECT_EQ(echo({forward({"#"})}, {receive({"$SYS/x"})}), "");  // '#' stands for no topic that begins with '$'
}

TEST(ATopicComesBack, WhenOneWayTakesAwayWhatTheOtherPutThere) {
  EXPECT_NE(echo({forward({"home/#"}, {"", "site/"})}, {receive({"site/#"}, {"site/", ""})}), "");
  EXPECT_NE(echo({forward({"home/#"}, {"home/", "site/"})}, {receive({"site/#"}, {"site/", "home/"})}), "");
  EXPECT_NE(echo({forward({"home/#"}, {"home/", ""})}, {receive({"+/set"}, {"", "home/"})}), "");
  // The strips cut at different places: a/b/x -> site/b/x -> a/b/x.
  EXPECT_EQ(echo({forward({"a/+/x"}, {"a/", "site/"})}, {receive({"site/#"}, {"site/b/", "a/b/"})}), "a/b/x");
  EXPECT_EQ(echo({forward({"a/b/#"}, {"a/b/", "site/b/"})}, {receive({"site/+/x"}, {"site/", "a/"})}), "a/b/x");
  // Prefixes need not end at a slash.
  EXPECT_NE(echo({forward({"lamp"}, {"", "x-"})}, {receive({"+"}, {"x-", ""})}), "");
}

TEST(ATopicDoesNotComeBack, WhenItReturnsUnderAnotherName) {
  EXPECT_EQ(echo({forward({"home/#"}, {"", "site/"})}, {receive({"site/home/#"}, {"site/", "away/"})}), "");
  EXPECT_EQ(echo({forward({"home/#"}, {"", "site/"})}, {receive({"site/#"})}), "");
  EXPECT_EQ(echo({forward({"home/#"}, {"home/", "site/"})}, {receive({"down/#"}, {"down/", "home/"})}), "");
  EXPECT_EQ(echo({forward({"tidegate/greenhouse/#", "IoT101/#"}, {"", "site-a/"})},
                 {receive({"site-a/lamp/set"}, {"site-a/", "tidegate/greenhouse/gpio/"})}),
            "");
}

TEST(ATopicDoesNotComeBack, WhenAnEarlierBlockTakesIt) {
  EXPECT_EQ(echo({forward({"a/cmd/#"}, {"", "up/"}), forward({"a/#"})}, {receive({"a/cmd/#"})}), "");
  EXPECT_NE(echo({forward({"a/#"}), forward({"a/cmd/#"}, {"", "up/"})}, {receive({"a/cmd/#"})}), "");
  EXPECT_EQ(echo({forward({"a/#"})}, {receive({"a/+"}, {"", "down/"}), receive({"a/b"})}), "");
}

TEST(ATopicThatAStripSpares, ComesBackOnlyIfTheOtherWayKeepsItToo) {
  // "b/…" does not begin with "a/": neither rewrite touches it.
  EXPECT_EQ(echo({forward({"b/#"}, {"a/", ""})}, {receive({"b/c"})}), "b/c");
  // Every topic that matches begins with the strip, so all are changed.
  EXPECT_EQ(echo({forward({"a/b/+"}, {"a/", ""})}, {receive({"a/b/+"})}), "");
}

TEST(AnEcho, IsRefusedAtLoadWithBothPlacesAndTheMend) {
  const auto what = test::complaints(R"([[upstream]]
name = "cloud"
servers = ["mqtt://a"]
[[upstream.forward]]
topics = ["home/#"]
prefix = "site/"
[[upstream.receive]]
topics = ["site/home/lamp"]
strip = "site/"
)");
  EXPECT_EQ(
      what,
      "t.toml:7:1: [[upstream.receive]]: brings back what the forward block at t.toml:4:1 sends: \"home/lamp\" goes up "
      "as "
      "\"site/home/lamp\", and would come back as \"home/lamp\"; give one of the two another prefix, or other topics");
}

TEST(TwoUpstreams, DoNotEchoEachOther) {
  EXPECT_EQ(test::complaints(R"([[upstream]]
name = "one"
servers = ["mqtt://a"]
[[upstream.forward]]
topics = ["home/#"]
[[upstream]]
name = "two"
servers = ["mqtt://b"]
[[upstream.receive]]
topics = ["home/lamp"]
)"),
            "");
}

TEST(ARuleThatMapsATopicOntoItself, IsRefused) {
  EXPECT_THAT(
      test::complaints(R"([[upstream]]
name = "cloud"
servers = ["mqtt://a"]
[[upstream.receive]]
topics = ["site/#"]
strip = "site/"
prefix = "site/"
)"),
      HasSubstr(
          "t.toml:7:1: [[upstream.receive]] prefix: is what strip takes away: the rule maps topics onto themselves"));
  // The same broker on both sides, however it is written.
  const std::string same = R"([broker]
url = "mqtt://127.0.0.1"
[[upstream]]
name = "itself"
servers = ["mqtt://127.0.0.1:1883"]
)";
  EXPECT_THAT(test::complaints(same + "[[upstream.receive]]\ntopics = [\"a/+\"]\n"),
              HasSubstr("t.toml:6:1: [[upstream.receive]]: maps \"a/x\" onto itself"));
  EXPECT_THAT(test::complaints(same + "[[upstream.forward]]\ntopics = [\"a\"]\n"), HasSubstr("maps \"a\" onto itself"));
  EXPECT_EQ(test::complaints(same + "[[upstream.forward]]\ntopics = [\"a\"]\nprefix = \"copy/\"\n"), "");
}

TEST(AFilter, CanBeginWithATextWhenOneOfItsTopicsDoes) {
  EXPECT_TRUE(can_begin("a/#", "a/"));
  EXPECT_TRUE(can_begin("a/#", "a/b/c"));
  EXPECT_TRUE(can_begin("+/b", "x/"));
  EXPECT_TRUE(can_begin("abc", "ab"));
  EXPECT_FALSE(can_begin("abc", "b"));
  EXPECT_FALSE(can_begin("a", "a/"));
  EXPECT_FALSE(can_begin("a/b", "x/"));
}

}  // namespace
}  // namespace tidegate::config
