// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/difference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loading.hpp"

namespace tidegate::config {
namespace {

using test::read;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

const char* const cloud = R"(
[[upstream]]
name = "cloud"
servers = ["mqtt://a"]
[[upstream.forward]]
topics = ["a/#"]
)";

Difference between(const std::string& before, const std::string& after) {
  return difference(read(before), read(after));
}

TEST(ADifference, IsNoneWhereOnlyPlacesChanged) {
  const auto found = between(cloud, std::string("\n# moved\n[sysstat]\ninterval = \"5s\"\n") + cloud);
  EXPECT_THAT(found.added, ElementsAre("[sysstat]"));
  EXPECT_THAT(found.changed, IsEmpty());
  EXPECT_THAT(found.kept, UnorderedElementsAre("[gateway]", "upstream cloud", "upstream cloud, lane default"));
  EXPECT_THAT(found.restart, IsEmpty());
}

TEST(ADifference, TellsAConnectionFromItsRoutes) {
  const auto lanes =
      between(cloud, std::string(cloud) + "expiry = \"1h\"\n[[upstream.forward]]\nname = \"b\"\ntopics = [\"b\"]\n");
  EXPECT_THAT(lanes.changed, ElementsAre("upstream cloud, lane default"));
  EXPECT_THAT(lanes.added, ElementsAre("upstream cloud, lane b"));
  EXPECT_THAT(lanes.kept, Contains("upstream cloud"));
  auto other = std::string(cloud);
  other.replace(other.find("mqtt://a"), 8, "mqtt://b");
  const auto link = between(cloud, other);
  EXPECT_THAT(link.changed, ElementsAre("upstream cloud"));
  EXPECT_THAT(link.kept, Contains("upstream cloud, lane default"));
}

TEST(ADifference, HasWhatIsRemovedWithAllThatWasInIt) {
  const auto found = between(std::string(cloud) + "[[upstream.receive]]\ntopics = [\"x\"]\n", "");
  EXPECT_THAT(found.removed,
              UnorderedElementsAre("upstream cloud", "upstream cloud, lane default", "upstream cloud, receive"));
}

TEST(ADifference, ComparesTheEntriesOfAPluginByName) {
  const auto found = between(R"(
[gpio]
json = true
[[gpio.output]]
name = "lamp"
line = "GPIO1"
[[gpio.output]]
name = "pump"
line = "GPIO2"
[[gpio.input]]
name = "door"
line = "GPIO3"
filters = { every = "1s" }
)",
                             R"(
[gpio]
json = true
[[gpio.output]]
name = "pump"
line = "GPIO2"
max_on = "1m"
[[gpio.input]]
name = "door"
line = "GPIO3"
filters = { every = "1s" }
[[gpio.input]]
name = "lamp"
line = "GPIO1"
)");
  EXPECT_THAT(found.added, ElementsAre("[gpio] input lamp"));
  EXPECT_THAT(found.changed, ElementsAre("[gpio] output pump"));
  EXPECT_THAT(found.removed, ElementsAre("[gpio] output lamp"));
  EXPECT_THAT(found.kept, Contains("[gpio] input door"));
  EXPECT_THAT(found.kept, Contains("[gpio]"));
}

TEST(ADifference, SeesAChangeDeepInATable) {
  const auto found = between("[null]\nfilters = { every = \"1s\", a = [[0, 1]] }\n",
                             "[null]\nfilters = { every = \"1s\", a = [[0, 2]] }\n");
  EXPECT_THAT(found.changed, ElementsAre("[null]"));
  EXPECT_THAT(between("[null]\na = 1\n", "[null]\na = 1.0\n").changed, ElementsAre("[null]"));
}

TEST(ADifference, ComparesWhatIsSaidOfAutomations) {
  const auto found =
      between("[automations]\nmemory = \"64MiB\"\n[[automation]]\nname = \"a\"\n[[automation]]\nname = \"b\"\n",
              "[automations]\nmemory = \"32MiB\"\n[[automation]]\nname = \"a\"\nfiles = 99\n");
  EXPECT_THAT(found.changed, ElementsAre("[automations]", "automation a"));
  EXPECT_THAT(found.removed, ElementsAre("automation b"));
}

TEST(ADifference, SaysWhatNeedsARestart) {
  const auto found = between("[gateway]\nid = \"a\"\n[broker]\nport = 1\n",
                             "[gateway]\nid = \"b\"\nlog_level = \"debug\"\n[broker]\nport = 2\n");
  EXPECT_THAT(found.restart, ElementsAre("[gateway] id", "[broker]"));
  EXPECT_THAT(between("[gateway]\nid = \"a\"\n", "[gateway]\nid = \"a\"\nlog_level = \"debug\"\n").restart, IsEmpty());
}

}  // namespace
}  // namespace tidegate::config
