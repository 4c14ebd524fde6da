// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/header.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate::automation {
namespace {

using namespace std::chrono_literals;
using config::Restart;
using testing::HasSubstr;

Header parse(std::string_view text) {
  return parse_header(text, "/automations/clock.py");
}

/// The complaints, one a line.
std::string complaints(std::string_view text) {
  std::string all;
  for (const auto& [where, what] : parse(text).complaints) all += (all.empty() ? "" : "\n") + where + ": " + what;
  return all;
}

TEST(AHeader, GivesEveryOption) {
  const auto header = parse(
      "#!/usr/bin/env python3\n"
      "# tidegate: memory=64MiB cpu=50% files=256 restart=always run=false\n"
      "#tidegate:backoff_first=100ms  backoff_most=1.5m\tstop_timeout=2s\n"
      "import time\n");
  EXPECT_TRUE(header.complaints.empty()) << complaints("");
  EXPECT_EQ(header.options.memory, 64U << 20);
  EXPECT_EQ(header.options.cpu, 0.5);
  EXPECT_EQ(header.options.files, 256U);
  EXPECT_EQ(header.options.restart, Restart::always);
  EXPECT_EQ(header.options.run, false);
  EXPECT_EQ(header.options.backoff_first, 100ms);
  EXPECT_EQ(header.options.backoff_most, 90s);
  EXPECT_EQ(header.options.stop_timeout, 2s);
  EXPECT_EQ(header.options.python, std::nullopt);
}

TEST(AHeader, NamesAnInterpreterFromTheFolderOfTheScript) {
  EXPECT_EQ(parse("# tidegate: python=/opt/venv/bin/python\n").options.python, "/opt/venv/bin/python");
  EXPECT_EQ(parse("# tidegate: python=../venv\n").options.python, "/venv");
  EXPECT_EQ(parse("# tidegate: python=\"my venv\" files=64").options.python, "/automations/my venv");
  EXPECT_EQ(parse("# tidegate: python=\"my venv\" files=64").options.files, 64U);
}

TEST(AHeader, NamesWhatItsScriptMayDoAsListsOfTopicFilters) {
  using Filters = std::vector<std::string>;
  const auto header = parse(R"(# tidegate: publish=["garden/#", "a ] b"] files=64 subscribe=[])");
  EXPECT_TRUE(header.complaints.empty());
  EXPECT_EQ(header.options.publish, (Filters{"garden/#", "a ] b"}));
  EXPECT_EQ(header.options.subscribe, Filters{});
  EXPECT_EQ(header.options.files, 64U);
  EXPECT_FALSE(parse("# tidegate: files=64\n").options.has_rights());
}

TEST(ARightsListInAHeader, ThatIsWrongIsNamedWithItsPlace) {
  EXPECT_EQ(complaints("# tidegate: publish=[\"a\"\n"),
            "/automations/clock.py:1:21: the list after publish= is not closed; it ends with ] on the same line");
  for (const char* bad : {"[a]", "[\"a\",]", "[\"a\" \"b\"]", "[,]", "[\"a]", "a", "[\"a\"]x"}) {
    EXPECT_NE(complaints(std::string("# tidegate: publish=") + bad + "\n"), "") << bad;
  }
  EXPECT_THAT(complaints("# tidegate: publish=[\"a/#/b\"]\n"), HasSubstr("has '#' before its last level"));
  EXPECT_THAT(complaints("# tidegate: publish=[\"\"]\n"), HasSubstr("clock.py:1:13: publish: "));
}

TEST(AScriptWithRights, HasANameThatIsNoWildcard) {
  const auto header = parse_header("# tidegate: publish=[]\n", "/automations/a+b.py");
  ASSERT_EQ(header.complaints.size(), 1U);
  EXPECT_THAT(header.complaints.front().what, HasSubstr("\"a+b\" has a wildcard in it"));
  EXPECT_TRUE(parse_header("# tidegate: files=64\n", "/automations/a+b.py").complaints.empty());
}

TEST(AScriptWithoutAHeader, SaysNothing) {
  const auto header = parse("# Tidegate is nice\nprint('# tidegate: memory=1B')\n    # tidegate: memory=1B\n");
  EXPECT_TRUE(header.complaints.empty());
  EXPECT_EQ(header.options.memory, std::nullopt);
}

TEST(AHeader, IsReadWithTheLineEndsOfWindows) {
  EXPECT_EQ(parse("# tidegate: restart=never\r\nimport os\r\n").options.restart, Restart::never);
}

TEST(AMistakeInAHeader, IsNamedWithItsPlaceAndHowToMendIt) {
  EXPECT_EQ(complaints("\n# tidegate: files=64 memroy=64MiB\n"),
            "/automations/clock.py:2:22: memroy: there is no such option; did you mean memory?");
  EXPECT_EQ(complaints("# tidegate: memory=64M"),
            "/automations/clock.py:1:13: memory: \"64M\" has an unknown unit; did you mean \"64MiB\"?");
  EXPECT_THAT(complaints("# tidegate: memory=1MiB"), HasSubstr("\"1MiB\" is out of range: at least \"16MiB\""));
  EXPECT_THAT(complaints("# tidegate: cpu=50"), HasSubstr("\"50\" is no share of a processor; write it like \"50%\""));
  EXPECT_THAT(complaints("# tidegate: cpu=0%"), HasSubstr("is no share"));
  EXPECT_THAT(complaints("# tidegate: cpu=nan%"), HasSubstr("is no share"));
  EXPECT_THAT(complaints("# tidegate: files=many"), HasSubstr("\"many\" is no whole number"));
  EXPECT_THAT(complaints("# tidegate: files=3"), HasSubstr("out of range: 16 to 1000000"));
  EXPECT_THAT(complaints("# tidegate: restart=often"),
              HasSubstr("\"often\" is none of \"always\", \"on-failure\", \"never\""));
  EXPECT_THAT(complaints("# tidegate: stop_timeout=5"), HasSubstr("\"5\" has no unit; did you mean \"5s\"?"));
  EXPECT_THAT(complaints("# tidegate: stop_timeout=2h"), HasSubstr("out of range: \"0s\" to \"1h\""));
  EXPECT_THAT(complaints("# tidegate: backoff_first=10s backoff_most=1s"), HasSubstr("is less than backoff_first"));
  EXPECT_THAT(complaints("# tidegate: python="), HasSubstr("python: has no value"));
}

TEST(AMistakeInAHeader, IsProseThatLooksLikeOne) {
  EXPECT_EQ(complaints("# tidegate: a gateway\n"),
            "/automations/clock.py:1:13: \"a\" is no option; they are written like this: # tidegate: memory=64MiB "
            "restart=always");
  EXPECT_THAT(complaints("# tidegate: python=\"venv\n"), HasSubstr(":1:20: the quotes after python= are not closed"));
}

TEST(AMistakeInAHeader, IsAnOptionSaidTwice) {
  EXPECT_EQ(complaints("# tidegate: files=64\n# tidegate: files=65\n"),
            "/automations/clock.py:2:13: files: stands here a second time; leave one out");
}

TEST(EveryMistakeInAHeader, IsNamedAtOnce) {
  EXPECT_EQ(parse("# tidegate: files=x memory=y\n# tidegate: cpu=z\n").complaints.size(), 3U);
}

TEST(AScriptThatCannotBeRead, IsAnErrorThatNamesIt) {
  try {
    static_cast<void>(read_header("/nowhere/clock.py"));
    FAIL();
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/clock.py"));
  }
}

}  // namespace
}  // namespace tidegate::automation
