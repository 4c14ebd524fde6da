// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "route/router.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::route {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

/// Lanes and topics, without the identifiers.
std::vector<std::pair<std::size_t, std::string>> where(const std::vector<Destination>& destinations) {
  std::vector<std::pair<std::size_t, std::string>> pairs;
  for (const auto& destination : destinations) pairs.emplace_back(destination.lane, destination.topic);
  return pairs;
}

std::uint32_t identifier(const Router& router, std::string_view filter) {
  const auto& filters = router.local_filters();
  const auto found = std::ranges::find(filters, filter, &LocalFilter::filter);
  return found == filters.end() ? 0 : found->identifier;
}

TEST(ARouter, WithoutRulesSendsNothingAnywhere) {
  const Router router({}, {});
  EXPECT_THAT(router.local_filters(), IsEmpty());
  EXPECT_THAT(router.forward("a"), IsEmpty());
  EXPECT_THAT(router.forward_copy("a", {1}), IsEmpty());
  EXPECT_EQ(router.receive(0, "a"), std::nullopt);
}

TEST(ARouter, SendsWhatNoBlockMatchesNowhere) {
  const Router router({{0, 0, {"a/#"}, {}}}, {});
  EXPECT_THAT(router.forward("b"), IsEmpty());
  EXPECT_THAT(router.forward("$SYS/a"), IsEmpty());
}

TEST(ARouter, TakesTheFirstBlockOfAnUpstreamThatMatches) {
  const Router router({{0, 10, {"alarm/#"}, {}}, {0, 11, {"#"}, {}}, {0, 12, {"alarm/fire"}, {}}}, {});
  EXPECT_THAT(where(router.forward("alarm/fire")), ElementsAre(std::pair(10, "alarm/fire")));
  EXPECT_THAT(where(router.forward("loft/motion1")), ElementsAre(std::pair(11, "loft/motion1")));
}

TEST(ARouter, ServesEveryUpstreamOnce) {
  const Router router({{0, 0, {"#"}, {}}, {1, 1, {"a/#"}, {}}, {0, 2, {"a/#"}, {}}, {1, 3, {"#"}, {}}}, {});
  EXPECT_THAT(where(router.forward("a/b")), ElementsAre(std::pair(0, "a/b"), std::pair(1, "a/b")));
  EXPECT_THAT(where(router.forward("c")), ElementsAre(std::pair(0, "c"), std::pair(3, "c")));
}

TEST(ARouter, RewritesForEachDestinationByItsOwnBlock) {
  const Router router({{0, 0, {"tidegate/greenhouse/#"}, {"tidegate/", "site-a/"}}, {1, 1, {"#"}, {"", "raw/"}}}, {});
  EXPECT_THAT(where(router.forward("tidegate/greenhouse/state")),
              ElementsAre(std::pair(0, "site-a/greenhouse/state"), std::pair(1, "raw/tidegate/greenhouse/state")));
}

TEST(ARouter, NeverSendsAMessageBackWhereItCameFrom) {
  const Router router({{0, 0, {"#"}, {}}, {1, 1, {"#"}, {}}, {2, 2, {"#"}, {}}}, {});
  EXPECT_THAT(where(router.forward("a", 1)), ElementsAre(std::pair(0, "a"), std::pair(2, "a")));
  EXPECT_THAT(where(router.forward("a", 7)), ElementsAre(std::pair(0, "a"), std::pair(1, "a"), std::pair(2, "a")));
}

TEST(ARouter, NeedsEveryDistinctFilterOnceUnderAnIdentifierThatMqttAllows) {
  const Router router({{0, 0, {"a/#", "b"}, {}}, {1, 1, {"b", "c/+"}, {}}, {1, 2, {"a/#"}, {}}}, {});
  std::set<std::string> filters;
  std::set<std::uint32_t> identifiers;
  for (const auto& local : router.local_filters()) {
    filters.insert(local.filter);
    identifiers.insert(local.identifier);
    EXPECT_GE(local.identifier, 1U);
    EXPECT_LE(local.identifier, 268'435'455U);
  }
  EXPECT_THAT(filters, UnorderedElementsAre("a/#", "b", "c/+"));
  EXPECT_EQ(router.local_filters().size(), 3U);
  EXPECT_EQ(identifiers.size(), 3U);
}

/// The local broker sends one copy for each overlapping subscription, or one with all their identifiers: both are
/// allowed.
TEST(ARouter, ServesEachDestinationExactlyOnceAcrossTheCopiesOfOverlappingFilters) {
  const Router router(
      {{0, 0, {"a/+", "a/#"}, {}}, {1, 1, {"a/b"}, {"a/", "x/"}}, {1, 2, {"#"}, {}}, {2, 3, {"+/b", "a/b"}, {}}}, {});
  for (const char* topic : {"a/b", "a/c", "a/b/c", "a", "z/b", "z"}) {
    std::vector<std::uint32_t> subscribed;
    for (const auto& local : router.local_filters()) {
      if (matches(local.filter, topic)) subscribed.push_back(local.identifier);
    }
    const auto all = router.forward(topic);
    std::vector<Destination> served;
    for (const std::uint32_t one : subscribed) {
      const auto copy = router.forward_copy(topic, {one});
      served.insert(served.end(), copy.begin(), copy.end());
    }
    EXPECT_THAT(served, testing::UnorderedElementsAreArray(all)) << topic << ", a copy for each subscription";
    EXPECT_THAT(router.forward_copy(topic, subscribed), testing::ElementsAreArray(all))
        << topic << ", one copy for all";
  }
}

TEST(ARouter, ServesEverythingWithACopyThatNamesNoSubscription) {
  const Router router({{0, 0, {"a/+"}, {}}, {1, 1, {"a/b"}, {}}}, {});
  EXPECT_EQ(router.forward_copy("a/b", {}), router.forward("a/b"));
}

TEST(ARouter, ServesNothingWithACopyOfASubscriptionThatDidNotWin) {
  const Router router({{0, 0, {"a/#"}, {}}, {0, 1, {"a/b"}, {}}}, {});
  EXPECT_THAT(router.forward_copy("a/b", {identifier(router, "a/b")}), IsEmpty());
  EXPECT_THAT(where(router.forward_copy("a/b", {identifier(router, "a/#")})), ElementsAre(std::pair(0, "a/b")));
  EXPECT_THAT(router.forward_copy("a/b", {4'711}), IsEmpty());
}

TEST(ARouter, KeepsTheIdentifierOfAFilterAndGivesItToNoOther) {
  const Router first({{0, 0, {"a/#", "b"}, {}}}, {});
  const Router second({{0, 0, {"b", "c"}, {}}}, {}, &first);
  const Router third({{0, 0, {"c", "a/#", "d"}, {}}}, {}, &second);
  EXPECT_EQ(identifier(second, "b"), identifier(first, "b"));
  EXPECT_EQ(identifier(third, "a/#"), identifier(first, "a/#"));
  EXPECT_EQ(identifier(third, "c"), identifier(second, "c"));
  EXPECT_THAT(
      (std::set{identifier(first, "a/#"), identifier(first, "b"), identifier(second, "c"), identifier(third, "d")}),
      testing::SizeIs(4));
}

TEST(ARouter, ServesAnUpstreamWhoseFiltersAreChangingWithCopiesByOldAndNewOnesAndOthersAsEver) {
  const Router first({{0, 0, {"a/#"}, {}}, {1, 1, {"a/#"}, {}}}, {});
  const Router second({{0, 0, {"a/b"}, {}}, {1, 1, {"a/#"}, {"", "x/"}}}, {}, &first);
  EXPECT_TRUE(second.is_changing(0));
  EXPECT_FALSE(second.is_changing(1)) << "another rewrite is no other filter";
  EXPECT_THAT(where(second.forward_copy("a/b", {identifier(first, "a/#")})),
              ElementsAre(std::pair(0, "a/b"), std::pair(1, "x/a/b")));
  EXPECT_THAT(where(second.forward_copy("a/b", {identifier(second, "a/b")})), ElementsAre(std::pair(0, "a/b")));
}

TEST(ARouter, ServesAnUpstreamThatLeftAndCameBackByItsNewFilters) {
  const Router first({{0, 0, {"a/#"}, {}}}, {});
  const Router second({}, {}, &first);
  const Router third({{0, 0, {"a/b"}, {}}}, {}, &second);
  EXPECT_THAT(where(third.forward_copy("a/b", {identifier(third, "a/b")})), ElementsAre(std::pair(0, "a/b")));
}

TEST(ARouter, ReceivesByTheFirstRuleOfThatUpstreamThatMatches) {
  const Router router({}, {{0, {"site-a/lamp/set", "site-a/pump/+"}, {"site-a/", "tidegate/greenhouse/gpio/"}},
                           {0, {"#"}, {"", "cloud/"}},
                           {1, {"other/#"}, {"other/", ""}}});
  EXPECT_EQ(router.receive(0, "site-a/lamp/set"), "tidegate/greenhouse/gpio/lamp/set");
  EXPECT_EQ(router.receive(0, "site-a/pump/set"), "tidegate/greenhouse/gpio/pump/set");
  EXPECT_EQ(router.receive(0, "news"), "cloud/news");
  EXPECT_EQ(router.receive(1, "other/x"), "x");
  EXPECT_EQ(router.receive(1, "site-a/lamp/set"), std::nullopt);
  EXPECT_EQ(router.receive(2, "other/x"), std::nullopt);
}

}  // namespace
}  // namespace tidegate::route
