// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>
#include <tidegate/message.hpp>

namespace tidegate {
namespace {

TEST(APayload, IsTakenUpToTheCapAndRefusedAboveIt) {
  Message message;
  message.topic = "a/b";
  message.payload.assign(default_payload_cap, 'x');
  EXPECT_NO_THROW(check_payload(message));
  message.payload += 'x';
  EXPECT_THROW(check_payload(message), PayloadError);
  EXPECT_NO_THROW(check_payload(message, default_payload_cap + 1));
}

TEST(APayload, ThatIsRefusedIsToldItsTopicItsSizeAndTheCap) {
  Message message;
  message.topic = "camera/picture";
  message.payload.assign(11, 'x');
  try {
    check_payload(message, 10);
    FAIL() << "11 bytes passed a cap of 10";
  } catch (const PayloadError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("camera/picture"), testing::HasSubstr("11 bytes"),
                                             testing::HasSubstr("10 allowed")));
  }
}

TEST(UserProperties, AreFoundByTheFirstOfTheirName) {
  Properties properties;
  properties.user = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  ASSERT_NE(properties.find_user("a"), nullptr);
  EXPECT_EQ(*properties.find_user("a"), "1");
  EXPECT_EQ(*properties.find_user("b"), "2");
  EXPECT_EQ(properties.find_user("c"), nullptr);
  EXPECT_EQ(properties.find_user(""), nullptr);
}

}  // namespace
}  // namespace tidegate
