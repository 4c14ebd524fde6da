// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/reason.hpp"

#include <set>
#include <string>

#include <gmock/gmock.h>

namespace tidegate::mqtt {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* unnamed = "a reason that MQTT does not name";

TEST(AReasonCode, HasWordsWhereverMqtt5NamesIt) {
  for (int code = 0x80; code <= 0xA2; ++code)
    EXPECT_THAT(reason_words(Version::v5, Packet::disconnect, code), Not(HasSubstr(unnamed))) << code;
  for (const int code : {0x00, 0x01, 0x02, 0x04, 0x10, 0x11})
    EXPECT_THAT(reason_words(Version::v5, Packet::puback, code), Not(HasSubstr(unnamed))) << code;
}

TEST(AReasonCode, HasWordsOfItsOwnForEachErrorOfMqtt5) {
  std::set<std::string> words;
  for (int code = 0x80; code <= 0xA2; ++code) words.insert(reason_words(Version::v5, Packet::disconnect, code));
  EXPECT_EQ(words.size(), 0xA2U - 0x80U + 1U);
}

TEST(AReasonCode, CarriesItsNumber) {
  EXPECT_THAT(reason_words(Version::v5, Packet::puback, 0x97), HasSubstr("(0x97)"));
  EXPECT_THAT(reason_words(Version::v3_1_1, Packet::connack, 5), HasSubstr("(code 5)"));
}

TEST(AReasonCode, HasWordsWhenItIsUnknown) {
  EXPECT_THAT(reason_words(Version::v5, Packet::puback, 0xF0), HasSubstr(unnamed));
  EXPECT_THAT(reason_words(Version::v3_1_1, Packet::connack, 77), HasSubstr(unnamed));
}

TEST(AReasonCode, MeansSomethingElseInA311Connack) {
  EXPECT_THAT(reason_words(Version::v3_1_1, Packet::connack, 1), HasSubstr("3.1.1"));
  EXPECT_THAT(reason_words(Version::v3_1_1, Packet::connack, 2), HasSubstr("client_id"));
  EXPECT_THAT(reason_words(Version::v3_1_1, Packet::connack, 3), HasSubstr("not available"));
  EXPECT_THAT(reason_words(Version::v3_1_1, Packet::connack, 4), HasSubstr("password"));
  EXPECT_THAT(reason_words(Version::v3_1_1, Packet::suback, 0x80), HasSubstr("refused"));
}

TEST(AReasonCode, OfZeroDependsOnThePacket) {
  EXPECT_THAT(reason_words(Version::v5, Packet::suback, 0), HasSubstr("QoS 0"));
  EXPECT_THAT(reason_words(Version::v5, Packet::disconnect, 0), HasSubstr("ended"));
  EXPECT_THAT(reason_words(Version::v5, Packet::puback, 0), HasSubstr("success"));
}

TEST(AReasonCode, IsAboutAuthenticationOnlyWhereCredentialsOrTheClientIdAreRefused) {
  std::set<int> v5;
  for (int code = 0; code < 256; ++code) {
    if (is_authentication(Version::v5, code)) v5.insert(code);
  }
  EXPECT_EQ(v5, (std::set<int>{0x85, 0x86, 0x87, 0x8A, 0x8C}));
  std::set<int> old;
  for (int code = 0; code < 256; ++code) {
    if (is_authentication(Version::v3_1_1, code)) old.insert(code);
  }
  EXPECT_EQ(old, (std::set<int>{2, 4, 5}));
}

TEST(AState, HasAName) {
  EXPECT_STREQ(to_string(State::stopped), "stopped");
  EXPECT_STREQ(to_string(State::connecting), "connecting");
  EXPECT_STREQ(to_string(State::connected), "connected");
  EXPECT_STREQ(to_string(State::waiting), "waiting");
}

}  // namespace
}  // namespace tidegate::mqtt
