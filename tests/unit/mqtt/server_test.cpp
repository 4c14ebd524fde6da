// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/server.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include <tidegate/error.hpp>

#include "mqtt/session.hpp"

namespace tidegate::mqtt {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(AServerAddress, HasTheDefaultPortOfItsScheme) {
  EXPECT_EQ(parse_server("mqtt://broker.example.com"), (Server{"broker.example.com", 1883, false}));
  EXPECT_EQ(parse_server("mqtts://broker.example.com"), (Server{"broker.example.com", 8883, true}));
}

TEST(AServerAddress, TakesAPort) {
  EXPECT_EQ(parse_server("mqtt://localhost:1884"), (Server{"localhost", 1884, false}));
  EXPECT_EQ(parse_server("mqtts://10.0.0.7:443"), (Server{"10.0.0.7", 443, true}));
  EXPECT_EQ(parse_server("mqtt://h:65535").port, 65535);
}

TEST(AServerAddress, TakesAnIpv6AddressInBrackets) {
  EXPECT_EQ(parse_server("mqtt://[::1]:1883"), (Server{"::1", 1883, false}));
  EXPECT_EQ(parse_server("mqtts://[2001:db8::1]"), (Server{"2001:db8::1", 8883, true}));
}

TEST(AServerAddress, MayBeAUnixSocket) {
  EXPECT_EQ(parse_server("unix:/run/broker.sock").path, "/run/broker.sock");
  EXPECT_FALSE(parse_server("unix:/run/broker.sock").tls);
}

TEST(AServerAddress, MayEndInASlash) {
  EXPECT_EQ(parse_server("mqtt://h:1/"), (Server{"h", 1, false}));
}

TEST(AServerAddress, IsWrittenAsItIsRead) {
  for (const char* text : {"mqtt://h:1883", "mqtts://broker.example.com:8883", "mqtt://[::1]:1884", "unix:/run/b"})
    EXPECT_EQ(parse_server(text).uri(), text);
}

TEST(ABadServerAddress, IsRefusedWithAReasonAndAWayToMendIt) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "does not start"},
      {"localhost:1883", "does not start"},
      {"tcp://localhost", "unknown scheme 'tcp'"},
      {"http://localhost", "unknown scheme"},
      {"mqtt://", "no host"},
      {"mqtt://:1883", "no host"},
      {"mqtt://h:", "port ''"},
      {"mqtt://h:0", "port '0'"},
      {"mqtt://h:65536", "port '65536'"},
      {"mqtt://h:18x", "port '18x'"},
      {"mqtt://h:-1", "port '-1'"},
      {"mqtt://h/path", "a path"},
      {"mqtt://me:secret@h", "user name"},
      {"mqtt://::1:1883", "more than one colon"},
      {"mqtt://[::1", "closing bracket"},
      {"mqtt://[::1]x", "goes on"},
      {"mqtt://[localhost]:1", "no IPv6 address"},
      {"mqtt://a b", "no host name"},
      {"unix:", "no path"},
  };
  for (const auto& [text, why] : bad) {
    try {
      (void)parse_server(text);
      ADD_FAILURE() << "no error for '" << text << "'";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(text), HasSubstr(why), HasSubstr("write mqtt://")));
    }
  }
}

struct Deaf final : SessionListener {
  void on_connected(const Limits&) override {}
  void on_disconnected(const Failure&) override {}
  void on_message(Arrival&&) override {}
  void on_outcome(std::uint64_t, const Outcome&) override {}
};

SessionOptions with(std::vector<std::string> servers) {
  SessionOptions options;
  options.name = "upstream cloud";
  options.client_id = "c";
  options.servers = std::move(servers);
  return options;
}

std::string error_of(SessionOptions options) {
  Deaf deaf;
  try {
    (void)make_paho_session(std::move(options), deaf);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ASession, IsNotMadeFromOptionsThatCannotWork) {
  EXPECT_THAT(error_of(with({})), AllOf(HasSubstr("upstream cloud"), HasSubstr("set servers")));
  EXPECT_THAT(error_of(with({"nonsense"})), HasSubstr("nonsense"));
  EXPECT_THAT(error_of(with({"mqtt://a", "mqtts://b"})), HasSubstr("make all of them mqtts://"));
  auto tls = with({"mqtt://a"});
  tls.tls.enabled = true;
  EXPECT_THAT(error_of(tls), HasSubstr("write mqtts://"));
  auto nameless = with({"mqtt://a"});
  nameless.version = Version::v3_1_1;
  nameless.client_id.clear();
  EXPECT_THAT(error_of(nameless), HasSubstr("client_id"));
  auto garbage = with({"mqtt://a"});
  garbage.client_id = "\xff";
  EXPECT_THAT(error_of(garbage), HasSubstr("client_id"));
}

TEST(ASession, CanBeMadeAndDroppedWithoutBeingStarted) {
  Deaf deaf;
  const auto session = make_paho_session(with({"mqtt://localhost"}), deaf);
  EXPECT_EQ(session->state(), State::stopped);
  EXPECT_FALSE(session->publish(1, Message{"a", "b", Qos::at_least_once, false, {}}));
  EXPECT_EQ(session->last_failure().what, "");
}

}  // namespace
}  // namespace tidegate::mqtt
