// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/automation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loading.hpp"

namespace tidegate::config::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Automations, AreBesideTheConfigurationAndHaveNoLimitsUnlessItSays) {
  const Folder folder;
  const auto config = load(folder.write("tidegate.toml", ""), plugins);
  EXPECT_EQ(config.automations.folder, folder.path() / "automations");
  EXPECT_FALSE(config.automations.configured);
  EXPECT_EQ(config.automations.run, std::nullopt);
  EXPECT_EQ(config.automations.usual.memory, std::nullopt);
  EXPECT_EQ(config.automations.usual.restart, Restart::on_failure);
  EXPECT_EQ(config.automations.usual.stop_timeout, 10s);
  EXPECT_TRUE(load(folder.write("tidegate.toml", "[automations]\n"), plugins).automations.configured);
}

TEST(Automations, AreWhereAConfigurationWouldBeWithoutOne) {
  const Folder folder;
  const Variable variable("CONFIGURATION_DIRECTORY", folder.path().c_str());
  EXPECT_EQ(load(std::nullopt, plugins).automations.folder, folder.path() / "automations");
}

TEST(Automations, TakeEveryKey) {
  const Folder folder;
  const auto file = folder.write("tidegate.toml", R"([automations]
folder = "scripts"
run = true
python = "venv"
memory = "128MiB"
cpu = "150%"
files = 64
restart = "always"
backoff_first = "10ms"
backoff_most = "2h"
stop_timeout = "0s"
[[automation]]
name = "clock"
run = false
python = "/usr/bin/python3"
restart = "never"
)");
  const auto automations = load(file, plugins).automations;
  EXPECT_EQ(automations.folder, folder.path() / "scripts");
  EXPECT_EQ(automations.run, true);
  EXPECT_EQ(automations.usual.run, std::nullopt);
  EXPECT_EQ(automations.usual.python, folder.path() / "venv");
  EXPECT_EQ(automations.usual.memory, 128U << 20);
  EXPECT_EQ(automations.usual.cpu, 1.5);
  EXPECT_EQ(automations.usual.files, 64U);
  EXPECT_EQ(automations.usual.restart, Restart::always);
  EXPECT_EQ(automations.usual.backoff_first, 10ms);
  EXPECT_EQ(automations.usual.backoff_most, 2h);
  EXPECT_EQ(automations.usual.stop_timeout, 0s);
  ASSERT_EQ(automations.scripts.size(), 1U);
  auto clock = automations.usual;
  clock.lay_over(automations.scripts.front().options);
  EXPECT_EQ(automations.scripts.front().name, "clock");
  EXPECT_EQ(clock.run, false);
  EXPECT_EQ(clock.python, "/usr/bin/python3");
  EXPECT_EQ(clock.memory, 128U << 20);
  EXPECT_EQ(clock.restart, Restart::never);
}

TEST(Automations, HaveRightsWhereSomebodyNamesThem) {
  const Folder folder;
  const auto automations = load(folder.write("tidegate.toml", R"([automations]
publish = ["garden/#"]
[[automation]]
name = "clock"
subscribe = []
)"),
                                plugins)
                               .automations;
  auto clock = automations.usual;
  clock.lay_over(automations.scripts.front().options);
  EXPECT_EQ(clock.publish, std::vector<std::string>{"garden/#"});
  EXPECT_EQ(clock.subscribe, std::vector<std::string>{});
}

TEST(MistakesAboutRights, AreNamedWithTheirPlaces) {
  EXPECT_THAT(complaints("[automations]\npublish = \"a\"\n"),
              HasSubstr("t.toml:2:1: [automations] publish: expected a list of topic filters"));
  EXPECT_THAT(complaints("[automations]\npublish = [\"a/#/b\"]\n"), HasSubstr("has '#' before its last level"));
  EXPECT_THAT(complaints("[automations]\nsubscribe = [\"a\\nuser x\"]\n"),
              HasSubstr("a topic with control characters"));
  EXPECT_THAT(complaints("[[automation]]\nname = \"+\"\npublish = []\n"), HasSubstr("\"+\" has a wildcard in it"));
}

TEST(MistakesAboutAutomations, AreNamedWithTheirPlaces) {
  EXPECT_THAT(complaints("[automations]\nmemry = \"1GiB\"\n"),
              HasSubstr("t.toml:2:1: [automations] \"memry\": unknown key; did you "
                        "mean \"memory\"?"));
  EXPECT_THAT(complaints("[automations]\nmemory = \"1MiB\"\n"), HasSubstr("t.toml:2:"));
  EXPECT_THAT(complaints("[automations]\ncpu = \"half\"\n"), HasSubstr("cpu: \"half\" is no share of a processor"));
  EXPECT_THAT(complaints("[automations]\nstop_timeout = 30\n"), HasSubstr("did you mean \"30s\"?"));
  EXPECT_THAT(complaints("[automations]\nbackoff_first = \"10s\"\nbackoff_most = \"1s\"\n"),
              HasSubstr("t.toml:3:1: [automations] backoff_most: is less than backoff_first"));
  EXPECT_THAT(complaints("[automations]\nrestart = \"often\"\n"), HasSubstr("t.toml:2:"));
  EXPECT_THAT(complaints("[[automation]]\nmemory = \"1GiB\"\n"), HasSubstr("t.toml:1:1: [[automation]]"));
  EXPECT_THAT(complaints("[[automation]]\nname = \"clock.py\"\n"),
              HasSubstr("is that of the file without its end: \"clock\""));
  EXPECT_THAT(complaints("[[automation]]\nname = \"a/b\"\n"), HasSubstr("without '/'"));
  EXPECT_THAT(complaints("[[automation]]\nname = \"a\"\n[[automation]]\nname = \"a\"\n"),
              HasSubstr("there is an [[automation]] \"a\" at t.toml:1:1 already"));
}

}  // namespace
}  // namespace tidegate::config::test
