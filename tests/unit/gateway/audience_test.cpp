// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/audience.hpp"

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "support/fake_clock.hpp"

namespace tidegate::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class AnAudience : public testing::Test {
 protected:
  /// Somebody who listens, and keeps "<who>: <topic> <payload>".
  void add(const std::string& filter, const std::string& who) {
    listening[who] = audience.add(filter, [this, who](const Heard& heard) {
      told.push_back(who + ": " + heard.message.topic + ' ' + heard.message.payload);
      last = heard;
    });
  }
  void offer(const std::string& topic, const std::string& payload, std::vector<std::uint32_t> subscriptions = {}) {
    mqtt::Arrival arrival;
    arrival.message.topic = topic;
    arrival.message.payload = payload;
    arrival.subscriptions = std::move(subscriptions);
    audience.offer(std::move(arrival));
  }
  /// What was heard when the loop has had its turn.
  std::vector<std::string> heard() {
    loop.run_once(0ms);
    return std::exchange(told, {});
  }

  Loop loop;
  test::FakeClock clock;
  Audience audience{loop, clock};
  std::map<std::string, Listening> listening;
  std::vector<std::string> told;
  Heard last;
};

TEST_F(AnAudience, IsAskedAtOnceAndSaysWhyItRefuses) {
  const auto lamp = audience.add("lamp/set", [](const Heard& heard) {
    if (heard.message.payload != "ON") *heard.refusal = "it has to be ON";
  });
  Message message;
  message.topic = "lamp/set";
  message.payload = "ON";
  EXPECT_EQ(audience.ask(message), "");
  message.payload = "blue";
  EXPECT_EQ(audience.ask(message), "it has to be ON");
  message.topic = "pump/set";
  EXPECT_EQ(audience.ask(message), std::nullopt) << "nobody listens";
}

TEST_F(AnAudience, HearsWhatMatchesOnTheLoopAndInOrder) {
  add("lamp/set", "lamp");
  add("+/set", "any");
  offer("lamp/set", "on");
  offer("pump/set", "off");
  offer("lamp/state", "on");
  EXPECT_THAT(told, IsEmpty()) << "it is told on the thread of the session";
  EXPECT_THAT(heard(), ElementsAre("lamp: lamp/set on", "any: lamp/set on", "any: pump/set off"));
  EXPECT_THAT(heard(), IsEmpty()) << "it hears a message twice";
}

TEST_F(AnAudience, SubscribesOnceToEachFilterAndAsksForWhatTheBrokerKept) {
  add("a/#", "one");
  add("b", "two");
  add("a/#", "three");
  const auto subscriptions = audience.subscriptions();
  ASSERT_EQ(subscriptions.size(), 2U);
  EXPECT_EQ(subscriptions[0].filter, "a/#");
  EXPECT_EQ(subscriptions[0].identifier, 1U);
  EXPECT_EQ(subscriptions[1].filter, "b");
  EXPECT_EQ(subscriptions[1].identifier, 2U);
  for (const auto& subscription : subscriptions) {
    EXPECT_FALSE(subscription.no_local) << "the gateway's own readings are not heard";
    EXPECT_FALSE(subscription.retain_as_published) << "a command that comes now looks like a kept one";
    EXPECT_EQ(subscription.retain_handling, 0);
  }
  offer("a/x", "1", {1});
  EXPECT_THAT(heard(), ElementsAre("one: a/x 1", "three: a/x 1"));
}

TEST_F(AnAudience, HearsOneOfTheCopiesThatTheBrokerSendsForOverlappingFilters) {
  add("a/#", "wide");
  add("a/b", "exact");
  offer("a/b", "1", {1});
  offer("a/b", "1", {2});
  EXPECT_THAT(heard(), ElementsAre("wide: a/b 1", "exact: a/b 1"));
  offer("a/b", "2", {1, 2});
  EXPECT_THAT(heard(), ElementsAre("wide: a/b 2", "exact: a/b 2"));
  offer("a/b", "3", {7});
  EXPECT_THAT(heard(), IsEmpty()) << "a subscription that is not ours";
}

TEST_F(AnAudience, HearsNoMoreWhoLeftAndAFilterKeepsItsNumber) {
  add("a/#", "one");
  add("b", "two");
  listening.erase("one");
  add("c", "three");
  const auto subscriptions = audience.subscriptions();
  ASSERT_EQ(subscriptions.size(), 2U);
  EXPECT_EQ(subscriptions[0].identifier, 2U);
  EXPECT_EQ(subscriptions[1].identifier, 3U);
  offer("a/x", "1", {1});
  offer("b", "2", {2});
  EXPECT_THAT(heard(), ElementsAre("two: b 2"));
}

TEST_F(AnAudience, KnowsWhatWasKeptByTheBrokerAndWhenACommandIsStale) {
  add("a", "one");
  mqtt::Arrival arrival;
  arrival.message.topic = "a";
  arrival.message.retain = true;
  arrival.message.properties.expiry = 30s;
  const auto arrived = clock.boot();
  audience.offer(std::move(arrival));
  clock.advance(10s);  // the loop is late; the deadline counts from the arrival
  heard();
  EXPECT_TRUE(last.message.retain);
  EXPECT_EQ(last.deadline, arrived + 30s);
  offer("a", "x");
  heard();
  EXPECT_FALSE(last.message.retain);
  EXPECT_EQ(last.deadline, std::nullopt);
}

TEST_F(AnAudience, DropsTheOldestAndCountsThemWhenTheLoopDoesNotComeToItsTurn) {
  add("a", "one");
  for (std::size_t n = 0; n < Audience::most_waiting + 3; ++n) offer("a", std::to_string(n));
  EXPECT_EQ(audience.dropped(), 3U);
  const auto all = heard();
  ASSERT_EQ(all.size(), Audience::most_waiting);
  EXPECT_EQ(all.front(), "one: a 3");
  EXPECT_EQ(all.back(), "one: a " + std::to_string(Audience::most_waiting + 2));
}

TEST_F(AnAudience, LosesNothingThatIsOfferedByAnotherThread) {
  add("a", "one");
  constexpr int many = 5'000;
  std::thread session([&] {
    for (int n = 0; n < many; ++n) offer("a", std::to_string(n));
  });
  std::vector<std::string> all;
  while (all.size() < many) {
    loop.run_once(1s);
    for (auto& one : std::exchange(told, {})) all.push_back(std::move(one));
  }
  session.join();
  for (int n = 0; n < many; ++n) ASSERT_EQ(all[static_cast<std::size_t>(n)], "one: a " + std::to_string(n));
}

TEST_F(AnAudience, TakesNoFilterThatIsNone) {
  EXPECT_THROW(add("a/#/b", "one"), TopicError);
  EXPECT_THAT(audience.subscriptions(), IsEmpty());
}

}  // namespace
}  // namespace tidegate::gateway
