// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/intake.hpp"

#include <gtest/gtest.h>

#include "forward/key.hpp"
#include "support/memory_lane.hpp"

namespace tidegate::gateway {
namespace {

class AnIntake : public testing::Test {
 protected:
  static mqtt::Arrival arrival(const std::string& topic, std::vector<std::uint32_t> subscriptions = {}) {
    mqtt::Arrival made;
    made.message.topic = topic;
    made.message.payload = "x";
    made.subscriptions = std::move(subscriptions);
    return made;
  }

  test::MemoryLane one_, two_, inlet_, stand_in_;
  std::shared_ptr<const Routes> routes(std::vector<std::string> of_one, const Routes* former = nullptr) {
    return std::make_shared<const Routes>(
        Routes{route::Router({{0, 0, std::move(of_one), {}}, {1, 1, {"a/#", "down/#"}, {"", "two/"}}},
                             {{0, {"in/#"}, {"in/", "down/"}}}, former == nullptr ? nullptr : &former->router),
               {{{&one_, &stand_in_}, "one", Retain::as_published}, {{&two_, nullptr}, "two", Retain::never}},
               {{&inlet_, nullptr}, {}}});
  }
  /// A copy of a message on a/b, as it comes by this filter.
  mqtt::Arrival copy(const std::string& payload, const std::string& filter) {
    auto made = arrival("a/b", {identifier(filter)});
    made.message.payload = payload;
    return made;
  }
  std::uint32_t identifier(const std::string& filter) {
    for (const auto& local : intake_.routes().router.local_filters()) {
      if (local.filter == filter) return known_[filter] = local.identifier;
    }
    return known_.at(filter);
  }
  std::vector<std::string> payloads(test::MemoryLane& lane) {
    std::vector<std::string> all;
    for (const auto& record : lane.read(100, 100'000)) all.push_back(record.message.payload);
    return all;
  }

  std::map<std::string, std::uint32_t> known_;
  std::vector<Message> answers_;
  Receipts receipts_{[this](Message message) { answers_.push_back(std::move(message)); }};
  Intake intake_{routes({"a/#", "a/+"}), receipts_, "uuid", 1000};
};

TEST_F(AnIntake, HasAMessageInEveryLaneThatTakesItWhenItReturns) {
  intake_.from_local(arrival("a/b"));
  ASSERT_EQ(one_.topics(), (std::vector<std::string>{"a/b"}));
  EXPECT_EQ(two_.topics(), (std::vector<std::string>{"two/a/b"}));
}

TEST_F(AnIntake, StoresOneOfTheCopiesThatOverlappingFiltersBring) {
  for (const auto& filter : intake_.routes().router.local_filters()) {
    if (matches(filter.filter, "a/b")) intake_.from_local(arrival("a/b", {filter.identifier}));
  }
  EXPECT_EQ(one_.topics().size(), 1U);
  EXPECT_EQ(two_.topics().size(), 1U);
}

TEST_F(AnIntake, DropsItsOwnRetainedMessagesAndKeepsThoseOfOthers) {
  auto own = arrival("a/b");
  own.message.retain = true;
  forward::set_key(own.message.properties, "uuid");
  intake_.from_local(std::move(own));
  EXPECT_TRUE(one_.topics().empty());
  auto other = arrival("a/b");
  other.message.retain = true;
  forward::set_key(other.message.properties, "another");
  intake_.from_local(std::move(other));
  EXPECT_EQ(one_.topics().size(), 1U);
}

TEST_F(AnIntake, TakesAnUpstreamsMessageToTheLocalBrokerAndToOtherUpstreamsOnly) {
  intake_.from_upstream(0, arrival("in/lamp"));
  EXPECT_EQ(inlet_.topics(), (std::vector<std::string>{"down/lamp"}));
  EXPECT_EQ(two_.topics(), (std::vector<std::string>{"two/down/lamp"}));
  EXPECT_TRUE(one_.topics().empty());
  intake_.from_upstream(0, arrival("elsewhere"));
  EXPECT_EQ(intake_.counters().unrouted, 1U);
}

TEST_F(AnIntake, RefusesCountsAndSaysWhatCannotBeStored) {
  one_.full = two_.full = true;
  auto asking = arrival("a/b");
  asking.message.properties.response_topic = "answers";
  intake_.from_local(std::move(asking));
  EXPECT_EQ(intake_.counters().refused, 2U);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].payload, R"({"receipt":"refused","reason":"the lane is full and told to reject"})");
}

TEST_F(AnIntake, StoresInTheStandInWhatTheDiskRefusesAndInTheLaneAgainOnceItTakesIt) {
  one_.broken = true;
  intake_.from_local(arrival("a/b"));
  EXPECT_TRUE(one_.topics().empty());
  EXPECT_EQ(stand_in_.topics().size(), 1U);
  EXPECT_NE(intake_.trouble(), "");
  EXPECT_EQ(intake_.counters().refused, 0U);
  one_.broken = false;
  intake_.from_local(arrival("a/b"));
  EXPECT_EQ(one_.topics().size(), 1U);
  EXPECT_EQ(intake_.trouble(), "");
}

TEST_F(AnIntake, CountsWhatNeitherLaneTakes) {
  one_.broken = stand_in_.broken = true;
  intake_.from_local(arrival("a/b"));
  EXPECT_EQ(intake_.counters().refused, 1U);
}

TEST_F(AnIntake, SetsTheRetainFlagAsTheRuleSays) {
  auto retained = arrival("a/b");
  retained.message.retain = true;
  intake_.from_local(std::move(retained));
  EXPECT_TRUE(one_.read(1, 1000).at(0).message.retain);
  EXPECT_FALSE(two_.read(1, 1000).at(0).message.retain);
}

TEST_F(AnIntake, SaysWhatTheDiskSaid) {
  one_.broken = true;
  EXPECT_NO_THROW(intake_.from_local(arrival("a/b")));
  EXPECT_NE(intake_.trouble().find("Input/output error"), std::string::npos);
  EXPECT_EQ(two_.topics().size(), 1U) << "the other lane's disk is well";
}

TEST_F(AnIntake, RefusesAPayloadOverTheCapAndATopicThatARewriteMadeEmpty) {
  auto big = arrival("a/b");
  big.message.payload.assign(1001, 'x');
  intake_.from_local(std::move(big));
  EXPECT_TRUE(one_.topics().empty());
  Intake intake(
      std::make_shared<const Routes>(Routes{
          route::Router({{0, 0, {"a/b"}, {"a/b", ""}}}, {}), {{{&one_, nullptr}, "one", Retain::as_published}}, {{}}}),
      receipts_, "uuid", 1000);
  intake.from_local(arrival("a/b"));
  EXPECT_EQ(intake.counters().refused, 1U);
  EXPECT_TRUE(one_.topics().empty());
}

TEST_F(AnIntake, LosesAndDoublesNothingWhenTheFiltersOfAnUpstreamBecomeOthers) {
  static_cast<void>(identifier("a/#"));
  static_cast<void>(identifier("a/+"));
  intake_.from_local(copy("sent when the old filters alone were there", "a/+"));  // which did not win
  static_cast<void>(intake_.change(routes({"a/b", "+/b"}, &intake_.routes())));
  // What the broker had sent before it knew of the new filters, …
  intake_.from_local(copy("old", "a/#"));
  intake_.from_local(copy("old", "a/+"));
  // … what it sends by all of them, in whatever order, …
  for (const auto* filter : {"+/b", "a/#", "a/b", "a/+"}) intake_.from_local(copy("between", filter));
  for (const auto* filter : {"+/b", "a/#", "a/b", "a/+"}) intake_.from_local(copy("between", filter));
  // … and when the old ones have gone.
  for (const auto* filter : {"+/b", "a/b"}) intake_.from_local(copy("new", filter));
  EXPECT_EQ(payloads(one_), (std::vector<std::string>{"old", "between", "between", "new"}));
  EXPECT_EQ(payloads(two_), (std::vector<std::string>{"old", "between", "between"}))
      << "an upstream that did not change has what comes by its own filter, once";
}

TEST_F(AnIntake, OffersItsOwnToThoseAloneWhoAreNew) {
  Message reading;
  reading.topic = "a/b";
  const auto before = intake_.change(routes({"a/b"}, &intake_.routes()));
  intake_.own(reading, *before);
  EXPECT_TRUE(one_.topics().empty());
  const auto none = intake_.change(routes({"x"}, &intake_.routes()));
  const auto gone = intake_.change(routes({"a/b"}, &intake_.routes()));
  intake_.own(reading, *gone);
  EXPECT_EQ(one_.topics(), (std::vector<std::string>{"a/b"}));
  EXPECT_TRUE(two_.topics().empty());
}

}  // namespace
}  // namespace tidegate::gateway
