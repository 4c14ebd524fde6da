// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/configuration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::broker {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

Settings settings() {
  return {1884, "/var/lib/tidegate/broker", 1U << 20, "root", true};
}

TEST(AMosquittoConfiguration, ListensOnTheLoopbackOnly) {
  const std::string text = configuration(settings());
  EXPECT_THAT(text, HasSubstr("\nlistener 1884 127.0.0.1\n"));
  EXPECT_EQ(text.find("listener "), text.rfind("listener "));
}

TEST(AMosquittoConfiguration, HasADoorkeeperWhereTheNetworkIsAskedForNames) {
  EXPECT_THAT(configuration(settings()), Not(HasSubstr("plugin")));
  Settings open = settings();
  open.doorkeeper = "/lib/doorkeeper.so";
  open.listener = config::Listener{};
  open.listener->port = 8883;
  EXPECT_THAT(configuration(open),
              HasSubstr("\nplugin /lib/doorkeeper.so\nplugin_opt_door 8883\nplugin_opt_free true\n"));
  open.listener->anonymous = true;
  EXPECT_THAT(configuration(open), Not(HasSubstr("plugin")));
  open.listener->users = "/etc/users";
  EXPECT_THAT(configuration(open), HasSubstr("\nplugin_opt_door 0\n")) << "who gives a name gives a known one";
  open.listener->accounts = {{"esp32", {"garden/#"}, {}}};
  EXPECT_THAT(configuration(open), HasSubstr("\nplugin_opt_free false\n"));
}

TEST(AMosquittoConfiguration, NeverHasRulesByListener) {
  // From 2.0.12 to 2.0.22 that is dear: what comes for a session whose client is away is thrown away.
  Settings open = settings();
  open.listener = config::Listener{};
  for (const auto& one : {settings(), open}) {
    const std::string text = configuration(one);
    EXPECT_THAT(text, HasSubstr("\nper_listener_settings false\n"));
    EXPECT_EQ(text.find("allow_anonymous"), text.rfind("allow_anonymous"));
  }
}

TEST(AMosquittoConfiguration, HasASocketForTheGatewayWhereOneIsWanted) {
  Settings with = settings();
  with.socket = "/run/broker.sock";
  const std::string text = configuration(with);
  EXPECT_THAT(text, HasSubstr("\nlistener 0 /run/broker.sock\n"));
  EXPECT_LT(text.find("\nlistener 0 "), text.find("\nlistener 1884 ")) << "who finds the port open finds the socket";
}

TEST(AMosquittoConfiguration, LiftsTheQueueLimits) {
  const std::string text = configuration(settings());
  EXPECT_THAT(text, HasSubstr("\nmax_queued_messages 1000000000\n"));
  EXPECT_THAT(text, HasSubstr("\nmax_queued_bytes 0\n"));
}

TEST(AMosquittoConfiguration, LeavesRoomForTopicAndPropertiesBesideThePayload) {
  EXPECT_THAT(configuration(settings()), HasSubstr("\nmax_packet_size 1179648\n"));
}

TEST(AMosquittoConfiguration, AsksForNoMoreThanMqttCanCarry) {
  Settings huge = settings();
  huge.payload_cap = 1ULL << 40;
  EXPECT_THAT(configuration(huge), HasSubstr("\nmax_packet_size 268435455\n"));
}

TEST(AMosquittoConfiguration, HasADatabaseUnlessItsFolderCannotBeWritten) {
  EXPECT_THAT(configuration(settings()), HasSubstr("\npersistence_location /var/lib/tidegate/broker/\n"));
  Settings read_only = settings();
  read_only.persistent = false;
  EXPECT_THAT(configuration(read_only), HasSubstr("\npersistence false\n"));
  EXPECT_THAT(configuration(read_only), Not(HasSubstr("/var/lib/tidegate/broker")));
}

TEST(AMosquittoConfiguration, HasADoorToTheNetworkAsItWasAskedFor) {
  Settings open = settings();
  open.listener = config::Listener{};
  open.listener->port = 1883;
  EXPECT_THAT(configuration(open), HasSubstr("\nlistener 1883\n"));
  open.listener->address = "fd00::10";
  open.listener->cert_file = "/etc/cert";
  open.listener->key_file = "/etc/key";
  open.listener->client_ca_file = "/etc/ca";
  EXPECT_THAT(configuration(open),
              HasSubstr("\nlistener 1883 fd00::10\ncertfile /etc/cert\nkeyfile /etc/key\ncafile /etc/ca\n"
                        "require_certificate true\nuse_identity_as_username true\n"));
}

TEST(AMosquittoConfiguration, AsksForNoNameUntilSomebodyHasOne) {
  EXPECT_THAT(configuration(settings()), AllOf(Not(HasSubstr("password_file")), Not(HasSubstr("acl_file"))));
  Settings asks = settings();
  asks.users = "/run/users";
  asks.rights = "/run/rights";
  asks.named = true;
  EXPECT_THAT(configuration(asks), HasSubstr("\npassword_file /run/users\nacl_file /run/rights\n"));
  asks.named = false;
  asks.listener = config::Listener{};
  EXPECT_THAT(configuration(asks), HasSubstr("\npassword_file /run/users\nacl_file /run/rights\n"));
}

TEST(AFileOfUsers, IsNeverEmptyAndKeepsAutomationsApart) {
  const std::string nobody = users({}, {});
  EXPECT_THAT(nobody, MatchesRegex("nobody:\\$7\\$101\\$A{16}\\$A{86}==\n"));
  EXPECT_EQ(users({{"echo", "$6$one"}}, {{{"echo", {}, {}}, "$7$two"}}),
            nobody + "echo:$6$one\nautomation/echo:$7$two\n");
}

TEST(AFileOfRights, NamesWhatEachMay) {
  const std::string text =
      rights({{"esp32", {"garden/#"}, {"pump/set"}}, {"idle", {}, {}}}, {{{"echo", {"a/#"}, {"b"}}, "$7$hash"}});
  EXPECT_THAT(text, HasSubstr("\n\n# Who gives no name.\ntopic readwrite #\ntopic read $SYS/#\n"));
  EXPECT_THAT(text, HasSubstr("\npattern read tidegate/receipt/%c\n\nuser esp32\ntopic write garden/#\ntopic read "
                              "pump/set\n\nuser idle\n\nuser automation/echo\ntopic write a/#\ntopic read b\n"));
}

TEST(AMosquittoConfiguration, NamesTheUserOnlyWhenThereIsAName) {
  EXPECT_THAT(configuration(settings()), HasSubstr("\nuser root\n"));
  Settings nameless = settings();
  nameless.user.clear();
  EXPECT_THAT(configuration(nameless), Not(HasSubstr("\nuser")));
}

}  // namespace
}  // namespace tidegate::broker
