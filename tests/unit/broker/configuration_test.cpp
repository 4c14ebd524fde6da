// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/configuration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::broker {
namespace {

using testing::HasSubstr;
using testing::Not;

Settings settings() {
  return {1884, "/var/lib/tidegate/broker", 1U << 20, "root", true};
}

TEST(AMosquittoConfiguration, ListensOnTheLoopbackOnly) {
  const std::string text = configuration(settings());
  EXPECT_THAT(text, HasSubstr("\nlistener 1884 127.0.0.1\n"));
  EXPECT_EQ(text.find("listener "), text.rfind("listener "));
}

TEST(AMosquittoConfiguration, SaysByListenerWhoMayComeOnlyWithADoorThatAsksForNames) {
  // From 2.0.12 to 2.0.22 it is dear: what comes for a session whose client is away is thrown away.
  EXPECT_THAT(configuration(settings()), HasSubstr("\nper_listener_settings false\n"));
  Settings open = settings();
  open.listener = config::Listener{};
  EXPECT_THAT(configuration(open), HasSubstr("\nper_listener_settings true\n"));
  open.listener->anonymous = true;
  EXPECT_THAT(configuration(open), HasSubstr("\nper_listener_settings false\n"));
  open.listener->users = "/etc/users";
  EXPECT_THAT(configuration(open), HasSubstr("\nper_listener_settings true\n"));
}

TEST(AMosquittoConfiguration, HasASocketForTheGatewayWhereOneIsWanted) {
  Settings with = settings();
  with.socket = "/run/broker.sock";
  EXPECT_THAT(configuration(with), HasSubstr("\nlistener 0 /run/broker.sock\nallow_anonymous true\n"));
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
  open.rights = "/run/rights";
  open.listener = config::Listener{};
  open.listener->port = 1883;
  open.listener->users = "/etc/users";
  EXPECT_THAT(configuration(open), HasSubstr("\nlistener 1883\nallow_anonymous false\npassword_file /etc/users\n"));
  EXPECT_THAT(configuration(open), Not(HasSubstr("acl_file")));
  open.listener->address = "fd00::10";
  open.listener->accounts = {{"esp32", {"garden/#"}, {"pump/set"}}};
  EXPECT_THAT(configuration(open), HasSubstr("\nlistener 1883 fd00::10\n"));
  EXPECT_THAT(configuration(open), HasSubstr("\nacl_file /run/rights\n"));
}

TEST(ARightsFile, NamesWhatEachUserMay) {
  EXPECT_THAT(rights({{"esp32", {"garden/#"}, {"pump/set"}}, {"idle", {}, {}}}),
              HasSubstr("\nuser esp32\ntopic write garden/#\ntopic read pump/set\n\nuser idle\n"));
}

TEST(TheAutomationsDoor, IsOnTheLoopbackAndAsksEverybody) {
  EXPECT_THAT(configuration(settings()), Not(HasSubstr("password_file")));
  Settings open = settings();
  open.apps_port = 1885;
  open.apps_users = "/run/apps.users";
  open.apps_rights = "/run/apps.rights";
  EXPECT_THAT(configuration(open), HasSubstr("\nlistener 1885 127.0.0.1\n"));
  EXPECT_THAT(configuration(open), Not(HasSubstr("password_file"))) << "before an automation names its rights";
  open.apps_named = true;
  EXPECT_THAT(configuration(open), HasSubstr("\nlistener 1885 127.0.0.1\n"
                                             "password_file /run/apps.users\nacl_file /run/apps.rights\n"));
  open.listener = config::Listener{};
  EXPECT_THAT(configuration(open), HasSubstr("\nlistener 1885 127.0.0.1\nallow_anonymous false\n"
                                             "password_file /run/apps.users\nacl_file /run/apps.rights\n"));
}

TEST(TheAutomationsDoor, HasFilesThatAreNeverEmpty) {
  EXPECT_THAT(app_users({}), testing::MatchesRegex("nobody:\\$7\\$101\\$A{16}\\$A{86}==\n"));
  EXPECT_THAT(app_rights({}, true), HasSubstr("\npattern read tidegate/receipt/%c\n"));
  const std::vector<AppAccount> accounts{{{"echo", {"a/#"}, {"b"}}, "$7$hash"}};
  EXPECT_THAT(app_users(accounts), HasSubstr("\necho:$7$hash\n"));
  EXPECT_THAT(app_rights(accounts, true), Not(HasSubstr("readwrite")));
  EXPECT_THAT(app_rights(accounts, false), HasSubstr("\ntopic readwrite #\ntopic read $SYS/#\n\nuser echo\n"));
  EXPECT_THAT(app_rights(accounts, true), HasSubstr("\nuser echo\ntopic write a/#\ntopic read b\n"));
}

TEST(AMosquittoConfiguration, NamesTheUserOnlyWhenThereIsAName) {
  EXPECT_THAT(configuration(settings()), HasSubstr("\nuser root\n"));
  Settings nameless = settings();
  nameless.user.clear();
  EXPECT_THAT(configuration(nameless), Not(HasSubstr("\nuser")));
}

}  // namespace
}  // namespace tidegate::broker
