// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/server.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate::config {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string refusal(std::string_view url) {
  try {
    return "accepted: " + parse_server(url).url();
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(AServer, HasASchemeAHostAndAPort) {
  EXPECT_EQ(parse_server("mqtt://broker.example.com:1884"), (Server{false, "broker.example.com", 1884}));
  EXPECT_EQ(parse_server("mqtts://10.0.0.7:8884"), (Server{true, "10.0.0.7", 8884}));
  EXPECT_EQ(parse_server("mqtt://[2001:db8::1]:1883"), (Server{false, "2001:db8::1", 1883}));
  EXPECT_EQ(parse_server("mqtt://host/"), (Server{false, "host", 1883}));
}

TEST(AServerWithoutAPort, HasTheUsualOne) {
  EXPECT_EQ(parse_server("mqtt://a").url(), "mqtt://a:1883");
  EXPECT_EQ(parse_server("mqtts://a").url(), "mqtts://a:8883");
  EXPECT_EQ(parse_server("mqtts://[::1]").url(), "mqtts://[::1]:8883");
}

TEST(AServerWithCredentials, IsRefusedWithoutRepeatingThem) {
  const auto what = refusal("mqtt://anna:geheim@broker.example.com");
  EXPECT_THAT(what, HasSubstr("write them as username and password"));
  EXPECT_THAT(what, Not(HasSubstr("geheim")));
}

TEST(AServerOfAnotherScheme, IsToldWhatWasMeant) {
  EXPECT_THAT(refusal("tcp://a:1883"), HasSubstr("did you mean mqtt://?"));
  EXPECT_THAT(refusal("ssl://a:8883"), HasSubstr("did you mean mqtts://?"));
  EXPECT_THAT(refusal("broker.example.com"), HasSubstr("has no mqtt:// in front"));
  EXPECT_THAT(refusal("ws://a"), HasSubstr("write mqtt://host:port"));
}

TEST(AServerWithABadHostOrPort, IsRefused) {
  for (const auto* url : {"mqtt://", "mqtt://:1883", "mqtt://a b", "mqtt://a/path", "mqtt://a:0", "mqtt://a:65536",
                          "mqtt://a:", "mqtt://a:18x", "mqtt://a:-1", "mqtt://::1", "mqtt://[::1", "mqtt://[]:1",
                          "mqtt://[::1]x", "mqtt://a?b", ""}) {
    EXPECT_THAT(refusal(url), Not(HasSubstr("accepted"))) << url;
  }
}

TEST(AServerOnThisMachine, IsKnownAsLoopback) {
  EXPECT_TRUE(parse_server("mqtt://127.0.0.1").loopback());
  EXPECT_TRUE(parse_server("mqtt://localhost").loopback());
  EXPECT_TRUE(parse_server("mqtt://[::1]").loopback());
  EXPECT_FALSE(parse_server("mqtt://10.0.0.1").loopback());
}

}  // namespace
}  // namespace tidegate::config
