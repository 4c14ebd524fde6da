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
  route::Router router_{{{0, 0, {"a/#", "a/+"}, {}}, {1, 1, {"a/#", "down/#"}, {"", "two/"}}},
                        {{0, {"in/#"}, {"in/", "down/"}}}};
  std::vector<Message> answers_;
  Receipts receipts_{[this](Message message) { answers_.push_back(std::move(message)); }};
  Intake intake_{router_,         {{{&one_, &stand_in_}, "one"}, {{&two_}, "two", Retain::never}},
                 {{&inlet_}, {}}, receipts_,
                 "uuid",          1000};
};

TEST_F(AnIntake, HasAMessageInEveryLaneThatTakesItWhenItReturns) {
  intake_.from_local(arrival("a/b"));
  ASSERT_EQ(one_.topics(), (std::vector<std::string>{"a/b"}));
  EXPECT_EQ(two_.topics(), (std::vector<std::string>{"two/a/b"}));
}

TEST_F(AnIntake, StoresOneOfTheCopiesThatOverlappingFiltersBring) {
  for (const auto& filter : router_.local_filters()) {
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
  const route::Router emptied({{0, 0, {"a/b"}, {"a/b", ""}}}, {});
  Intake intake(emptied, {{{&one_}, "one"}}, {{}}, receipts_, "uuid", 1000);
  intake.from_local(arrival("a/b"));
  EXPECT_EQ(intake.counters().refused, 1U);
  EXPECT_TRUE(one_.topics().empty());
}

}  // namespace
}  // namespace tidegate::gateway
