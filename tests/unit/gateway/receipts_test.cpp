// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/receipts.hpp"

#include <gtest/gtest.h>

#include "support/memory_lane.hpp"

namespace tidegate::gateway {
namespace {

class AReceipt : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> told() {
    std::vector<std::string> payloads;
    for (const auto& message : sent_) payloads.push_back(message.payload);
    return payloads;
  }
  std::vector<Message> sent_;
  Receipts receipts_{[this](Message message) { sent_.push_back(std::move(message)); }};
  test::MemoryLane lane_;
  Message asked_ = [] {
    Message message;
    message.properties.response_topic = "answers/1";
    message.properties.correlation_data = "42";
    return message;
  }();
};

TEST_F(AReceipt, IsSentToTheResponseTopicWithTheCorrelationData) {
  receipts_.refused(asked_, "full");
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].topic, "answers/1");
  EXPECT_EQ(sent_[0].properties.correlation_data, "42");
  EXPECT_EQ(sent_[0].payload, R"({"receipt":"refused","reason":"full"})");
}

TEST_F(AReceipt, IsSentToNobodyWhoDidNotAsk) {
  const Message plain;
  receipts_.accepted(plain, {{&lane_, "cloud", 1}});
  receipts_.refused(plain, "full");
  receipts_.delivered(plain, "cloud");
  receipts_.discarded(plain, "cloud", "expired");
  receipts_.durable(lane_, 10);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(AReceipt, SaysDurableOnceItIsAndAsksTheLaneForIt) {
  lane_.durable_up_to = 4;
  receipts_.accepted(asked_, {{&lane_, "cloud", 5}});
  EXPECT_EQ(told(), (std::vector<std::string>{R"({"receipt":"accepted","upstreams":["cloud"]})"}));
  EXPECT_EQ(lane_.wanted, 5U);
  receipts_.durable(lane_, 4);
  EXPECT_EQ(sent_.size(), 1U);
  receipts_.durable(lane_, 6);
  receipts_.durable(lane_, 7);
  EXPECT_EQ(told().back(), R"({"receipt":"durable","upstream":"cloud"})");
  EXPECT_EQ(sent_.size(), 2U);
}

TEST_F(AReceipt, SaysDurableAtOnceWhenItIsAlready) {
  lane_.durable_up_to = 9;
  receipts_.accepted(asked_, {{&lane_, "cloud", 5}});
  EXPECT_EQ(told().back(), R"({"receipt":"durable","upstream":"cloud"})");
}

TEST_F(AReceipt, KeepsLanesApart) {
  test::MemoryLane other;
  receipts_.accepted(asked_, {{&lane_, "one", 1}, {&other, "two", 1}});
  receipts_.durable(other, 1);
  EXPECT_EQ(told(), (std::vector<std::string>{R"({"receipt":"accepted","upstreams":["one","two"]})",
                                              R"({"receipt":"durable","upstream":"two"})"}));
}

}  // namespace
}  // namespace tidegate::gateway
