// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loading.hpp"

namespace tidegate::config::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// An upstream, with more lines from line 4 on.
std::string upstream(const std::string& lines) {
  return "[[upstream]]\nname = \"cloud\"\nservers = [\"mqtt://127.0.0.1\"]\n" + lines;
}
/// A forward block, with more lines from line 6 on.
std::string forward(const std::string& lines) {
  return upstream("[[upstream.forward]]\ntopics = [\"a/#\"]\n" + lines);
}

TEST(NoConfigurationAtAll, IsValid) {
  const Variable state("STATE_DIRECTORY", "/s");
  const Variable runtime("RUNTIME_DIRECTORY", "/r");
  const auto config = load(std::nullopt, plugins);
  EXPECT_FALSE(config.gateway.id.empty());
  EXPECT_EQ(config.gateway.base, "tidegate");
  EXPECT_EQ(config.gateway.state, "/s");
  EXPECT_EQ(config.gateway.runtime, "/r");
  EXPECT_EQ(config.gateway.log_level, log::Level::info);
  EXPECT_EQ(config.gateway.stop_timeout, 5s);
  EXPECT_EQ(config.gateway.payload_cap, 1u << 20);
  EXPECT_EQ(config.broker.url, std::nullopt);
  EXPECT_EQ(config.broker.port, std::nullopt);
  EXPECT_EQ(config.broker.program, "mosquitto");
  EXPECT_THAT(config.upstreams, IsEmpty());
  EXPECT_THAT(config.files, IsEmpty());
  ASSERT_EQ(config.plugins.size(), 1u);
  EXPECT_EQ(config.plugins[0].plugin, "sysstat");
  EXPECT_EQ(config.plugins[0].block.duration("interval", 10s), 10s);
  EXPECT_NO_THROW(check_plugins(config));
  EXPECT_EQ(joined(config.warnings), "(no configuration): nothing is forwarded: there is no [[upstream.forward]]");
}

TEST(AnEmptyConfiguration, IsValidAndRunsNoPlugin) {
  const auto config = read("");
  EXPECT_THAT(config.plugins, IsEmpty());
  EXPECT_EQ(joined(config.warnings), "t.toml: nothing is forwarded: there is no [[upstream.forward]]");
}

TEST(EveryKey, IsRead) {
  const Folder folder;
  for (const auto* pem : {"ca.pem", "gateway.pem", "gateway.key"}) folder.write(pem, "");
  const auto file = folder.write("t.toml", R"([gateway]
id = "greenhouse"
base = "home/tide"
state = "state"
runtime = "/run/x"
log_level = "debug"
stop_timeout = "1500ms"
payload_cap = "64KiB"

[broker]
url = "mqtt://localhost"
username = "u"
password = "p"

[[upstream]]
name = "cloud-1"
servers = ["mqtts://a.example", "mqtts://b.example:8884"]
version = "3.1.1"
client_id = "me"
username = "anna"
password = "geheim"
keep_alive = "2m"
qos = 0
window = 7
backoff_first = "100ms"
backoff_most = "2s"
return_after = "30s"
rate = "1/15s"

[upstream.tls]
ca_file = "ca.pem"
cert_file = "gateway.pem"
key_file = "gateway.key"
verify = false

[[upstream.forward]]
name = "alarms"
topics = ["alarm/#"]
strip = "alarm/"
prefix = "a/"
qos = 2
expiry = "1h"
capacity = "32MiB"
capacity_messages = 1000
when_full = "reject"
sync = "5ms"
priority = "high"
backlog = "interleave"
retain = "never"
envelope = "json"

[[upstream.receive]]
topics = ["down/+"]
strip = "down/"
prefix = "d/"
qos = 0
)");
  const auto config = load(file, plugins);
  EXPECT_EQ(config.gateway.id, "greenhouse");
  EXPECT_EQ(config.gateway.topic("info"), "home/tide/greenhouse/info");
  EXPECT_EQ(config.gateway.state, folder.path() / "state");
  EXPECT_EQ(config.gateway.runtime, "/run/x");
  EXPECT_EQ(config.gateway.log_level, log::Level::debug);
  EXPECT_EQ(config.gateway.stop_timeout, 1500ms);
  EXPECT_EQ(config.gateway.payload_cap, 65536u);
  EXPECT_EQ(config.broker.url, "mqtt://localhost:1883");
  EXPECT_EQ(config.broker.username, "u");
  EXPECT_EQ(config.broker.password, "p");
  ASSERT_EQ(config.upstreams.size(), 1u);
  const auto& cloud = config.upstreams[0];
  EXPECT_EQ(cloud.name, "cloud-1");
  EXPECT_THAT(cloud.servers, ElementsAre("mqtts://a.example:8883", "mqtts://b.example:8884"));
  EXPECT_EQ(cloud.version, Version::v3_1_1);
  EXPECT_EQ(cloud.client_id, "me");
  EXPECT_EQ(cloud.username, "anna");
  EXPECT_EQ(cloud.password, "geheim");
  EXPECT_EQ(cloud.tls.ca_file, folder.path() / "ca.pem");
  EXPECT_EQ(cloud.tls.cert_file, folder.path() / "gateway.pem");
  EXPECT_EQ(cloud.tls.key_file, folder.path() / "gateway.key");
  EXPECT_FALSE(cloud.tls.verify);
  EXPECT_EQ(cloud.keep_alive, 2min);
  EXPECT_EQ(cloud.qos, Qos::at_most_once);
  EXPECT_EQ(cloud.window, 7);
  EXPECT_EQ(cloud.backoff_first, 100ms);
  EXPECT_EQ(cloud.backoff_most, 2s);
  EXPECT_EQ(cloud.return_after, 30s);
  EXPECT_EQ(cloud.rate, (Rate{1.0 / 15, 0}));
  EXPECT_EQ(cloud.where, file.string() + ":15:1");
  ASSERT_EQ(cloud.forwards.size(), 1u);
  const auto& up = cloud.forwards[0];
  EXPECT_EQ(up.lane, "alarms");
  EXPECT_THAT(up.topics, ElementsAre("alarm/#"));
  EXPECT_EQ(up.rewrite, (Rewrite{"alarm/", "a/"}));
  EXPECT_EQ(up.qos, Qos::exactly_once);
  EXPECT_EQ(up.expiry, 1h);
  EXPECT_EQ(up.capacity, 32u << 20);
  EXPECT_EQ(up.capacity_messages, 1000u);
  EXPECT_EQ(up.when_full, WhenFull::reject);
  EXPECT_EQ(up.sync, Sync::grouped);
  EXPECT_EQ(up.sync_interval, 5ms);
  EXPECT_EQ(up.priority, Priority::high);
  EXPECT_EQ(up.backlog, Backlog::interleave);
  EXPECT_EQ(up.retain, Retain::never);
  EXPECT_TRUE(up.envelope);
  EXPECT_EQ(up.where, file.string() + ":36:1");
  ASSERT_EQ(cloud.receives.size(), 1u);
  const auto& down = cloud.receives[0];
  EXPECT_THAT(down.topics, ElementsAre("down/+"));
  EXPECT_EQ(down.rewrite, (Rewrite{"down/", "d/"}));
  EXPECT_EQ(down.qos, Qos::at_most_once);
}

TEST(AnUpstream, HasTheDefaultsOfTheDesign) {
  const auto config = read("[gateway]\nid = \"g\"\n" + forward("[[upstream.receive]]\ntopics = [\"b\"]\n"));
  const auto& cloud = config.upstreams.at(0);
  EXPECT_EQ(cloud.version, Version::v5);
  EXPECT_EQ(cloud.client_id, "tidegate-g-cloud");
  EXPECT_EQ(cloud.keep_alive, 30s);
  EXPECT_EQ(cloud.qos, Qos::at_least_once);
  EXPECT_EQ(cloud.window, 100);
  EXPECT_EQ(cloud.backoff_first, 1s);
  EXPECT_EQ(cloud.backoff_most, 60s);
  EXPECT_EQ(cloud.return_after, 5min);
  EXPECT_EQ(cloud.rate, (Rate{100'000, 0}));
  EXPECT_EQ(config.spool.capacity, 0u);
  EXPECT_TRUE(cloud.tls.verify);
  const auto& up = cloud.forwards.at(0);
  EXPECT_EQ(up.lane, "default");
  EXPECT_EQ(up.qos, std::nullopt);
  EXPECT_EQ(up.expiry, 31 * 24h);
  EXPECT_EQ(up.capacity, 512u << 20);
  EXPECT_EQ(up.capacity_messages, 0u);
  EXPECT_EQ(up.when_full, WhenFull::drop_oldest);
  EXPECT_EQ(up.sync, Sync::grouped);
  EXPECT_EQ(up.sync_interval, 50ms);
  EXPECT_EQ(up.priority, Priority::normal);
  EXPECT_EQ(up.backlog, Backlog::in_order);
  EXPECT_EQ(up.retain, Retain::as_published);
  EXPECT_FALSE(up.envelope);
  EXPECT_EQ(cloud.receives.at(0).qos, Qos::at_least_once);
  EXPECT_EQ(joined(config.warnings), "");
}

TEST(ALane, MayBeSyncedForEachMessageOrNever) {
  EXPECT_EQ(read(forward("sync = \"each\"\n")).upstreams.at(0).forwards.at(0).sync, Sync::each);
  EXPECT_EQ(read(forward("sync = \"off\"\n")).upstreams.at(0).forwards.at(0).sync, Sync::off);
  EXPECT_THAT(complaints(forward("sync = \"never\"\n")), HasSubstr("\"never\" is no number with a unit"));
  EXPECT_THAT(complaints(forward("sync = 50\n")), HasSubstr("did you mean \"50ms\"?"));
}

TEST(ALane, KeepsTheLatestOfEachTopicWhenToldTo) {
  EXPECT_EQ(read(forward("when_full = \"keep-latest\"\n")).upstreams.at(0).forwards.at(0).when_full,
            WhenFull::keep_latest);
}

TEST(ASecretFileWithoutAName, IsAComplaintWithItsPlace) {
  EXPECT_THAT(complaints("[[upstream]]\nname = \"a\"\nservers = [\"mqtt://h\"]\npassword = { file = \"\" }\n"),
              HasSubstr("t.toml:4:1: [[upstream]] password: the name of the secret's file is empty"));
}

TEST(TheSpool, HasACapacityForAllLanesTogether) {
  EXPECT_EQ(read("[dbus]\nbus = \"session\"\nservices = false\n" + forward("")).dbus.bus, MessageBus::session);
  EXPECT_FALSE(read("[dbus]\nbus = \"session\"\nservices = false\n" + forward("")).dbus.services);
  EXPECT_EQ(read("[dbus]\nbus = \"off\"\n" + forward("")).dbus.bus, MessageBus::off);
  EXPECT_THAT(complaints("[dbus]\nbus = \"sytem\"\n"), HasSubstr("session"));
  EXPECT_EQ(read("[spool]\ncapacity = \"2GiB\"\n" + forward("")).spool.capacity, 2ull << 30);
  EXPECT_THAT(complaints("[spool]\ncapacity = \"1MiB\"\n"), HasSubstr("the least is 24MiB"));
}

TEST(AllComplaints, ComeAtOnceSortedByPlace) {
  EXPECT_EQ(
      complaints(R"(colour = "red"
[gateway]
stop_timeot = "5s"
stop_timeout = 5
[brokr]
[[upstream]]
name = "a/b"
servers = ["mqtt://h", "tcp://h"]
qos = "1"
[[upstream.forward]]
topics = ["a/#/b"]
when_full = "drop"
[upstream.tls]
verify = "no"
)"),
      R"(t.toml:1:1: "colour": unknown key; known here: automation, automations, broker, dbus, gateway, gpio, null, spool, sysstat, upstream
t.toml:3:1: [gateway] "stop_timeot": unknown key; did you mean "stop_timeout"?
t.toml:4:1: [gateway] stop_timeout: 5 has no unit; did you mean "5s"?
t.toml:5:1: [brokr]: unknown table; did you mean "broker"?
t.toml:7:1: [[upstream]] name: "a/b" cannot be a name: 1 to 64 letters, digits, '-', '_' and '.', not starting with '.'
t.toml:8:1: [[upstream]] servers: "tcp://h" is not understood; did you mean mqtt://?
t.toml:9:1: [[upstream]] qos: expected an integer, found the string "1"
t.toml:11:11: [[upstream.forward]] topics: the topic filter 'a/#/b' has '#' before its last level
t.toml:12:1: [[upstream.forward]] when_full: the string "drop" is not one of "drop-oldest", "reject", "keep-latest"
t.toml:13:1: [upstream.tls]: is for mqtts:// servers, and this upstream has none; write mqtts://, or leave the table out
t.toml:14:1: [upstream.tls] verify: expected true or false, found the string "no")");
}

TEST(AnUnknownTable, IsAskedWhichWasMeant) {
  EXPECT_EQ(complaints("[sysstt]\n"), "t.toml:1:1: [sysstt]: unknown table; did you mean \"sysstat\"?");
  EXPECT_EQ(complaints("[[upstrem]]\n"), "t.toml:1:1: [upstrem]: unknown table; did you mean \"upstream\"?");
  EXPECT_THAT(complaints("[weather]\n"), HasSubstr("unknown table; known here: automation, automations, broker, dbus, "
                                                   "gateway, gpio, null, spool, sysstat, upstream"));
  EXPECT_EQ(complaints("[[sysstat]]\n"), "t.toml:1:3: sysstat: expected one table, [sysstat], found a list of tables");
  EXPECT_EQ(complaints("[upstream]\nname = \"x\"\n"),
            "t.toml:1:2: upstream: expected entries of a list, [[upstream]], found a table");
}

TEST(AName, ThatTheSpoolUsesItselfIsRefused) {
  EXPECT_EQ(complaints("[[upstream]]\nname = \"local\"\nservers = [\"mqtt://127.0.0.1\"]\n"),
            "t.toml:2:1: [[upstream]] name: \"local\" is taken: tidegate uses it in the spool; choose another");
  EXPECT_EQ(
      complaints(
          "[[upstream]]\nname = \"x\"\nservers = [\"mqtt://127.0.0.1\"]\n[[upstream.forward]]\ntopics = [\"a\"]\n"
          "name = \"dead-letter\"\n"),
      "t.toml:6:1: [[upstream.forward]] name: \"dead-letter\" is taken: tidegate uses it in the spool; choose another");
}

TEST(AGatewayId, IsOneLevelOfATopic) {
  for (const auto* bad : {"\"\"", "\"a/b\"", "\"a+\"", "\"#\"", "\"$a\"", "\"a\\u0000\""}) {
    EXPECT_THAT(complaints(std::string("[gateway]\nid = ") + bad), HasSubstr("t.toml:2:1: [gateway] id: ")) << bad;
  }
  EXPECT_THAT(complaints("[gateway]\nid = \"" + std::string(65, 'a') + "\""), HasSubstr("at most 64 bytes"));
  EXPECT_EQ(complaints("[gateway]\nid = \"gewächs haus\""), "");
  EXPECT_THAT(complaints("[gateway]\nbase = \"a/\""), HasSubstr("[gateway] base: "));
  EXPECT_EQ(complaints("[gateway]\nbase = \"a/b\""), "");
}

TEST(ATopicThatBreaksTheRules, IsRefusedWithItsPlace) {
  const auto with = [](const std::string& topic) {
    return complaints(upstream("[[upstream.forward]]\ntopics = [\"ok\", \"" + topic + "\"]\n"));
  };
  const std::string place = "t.toml:5:17: [[upstream.forward]] topics: ";
  EXPECT_THAT(with(""), HasSubstr(place + "the topic filter is empty"));
  EXPECT_THAT(with("a\\u0000b"), HasSubstr(place));
  EXPECT_THAT(with("a\\u0000b"), HasSubstr("NUL"));
  EXPECT_THAT(with("a+"), HasSubstr(place));
  EXPECT_THAT(with("#/a"), HasSubstr(place));
  EXPECT_THAT(with(std::string(65536, 'a')), HasSubstr(place + "the topic filter has 65536 bytes, MQTT allows 65535"));
  EXPECT_EQ(with(std::string(65535, 'a')), "");
  EXPECT_THAT(with("\xc3("), HasSubstr("save the file as UTF-8"));
  EXPECT_THAT(with("$share/group/a"), HasSubstr("is a shared subscription"));
}

TEST(ARule, NeedsTopics) {
  EXPECT_THAT(complaints(upstream("[[upstream.forward]]\n")),
              HasSubstr("t.toml:4:1: [[upstream.forward]]: has no topics"));
  EXPECT_THAT(complaints(upstream("[[upstream.receive]]\ntopics = []\n")),
              HasSubstr("t.toml:5:1: [[upstream.receive]] topics: needs at least one"));
}

TEST(ARewrite, GivesAValidTopicOrIsRefused) {
  EXPECT_THAT(complaints(forward("prefix = \"a/+/\"\n")), HasSubstr("t.toml:6:1: [[upstream.forward]] prefix: "));
  EXPECT_THAT(complaints(forward("prefix = \"a\\u0000\"\n")), HasSubstr("prefix: "));
  EXPECT_THAT(complaints(forward("strip = \"a/#\"\n")), HasSubstr("t.toml:6:1: [[upstream.forward]] strip: "));
  EXPECT_THAT(complaints(forward("strip = \"a\"\n")), HasSubstr("strip: leaves nothing of the topic \"a\""));
  EXPECT_THAT(complaints(upstream("[[upstream.forward]]\ntopics = [\"a/b\"]\nstrip = \"a/b\"\n")),
              HasSubstr("leaves nothing"));
  EXPECT_THAT(complaints(forward("prefix = \"" + std::string(65534, 'p') + "\"\n")),
              HasSubstr("topics: \"a/#\" cannot be rewritten: "));
  EXPECT_THAT(complaints(forward("strip = \"a/\"\nprefix = \"a/\"\n")), HasSubstr("maps topics onto themselves"));
  EXPECT_EQ(complaints(forward("strip = \"a\"\nprefix = \"b\"\n")), "");
  EXPECT_EQ(complaints(forward("strip = \"a/\"\n")), "");
  EXPECT_EQ(complaints(forward("strip = \"\"\nprefix = \"\"\n")), "");
}

TEST(AStripThatFitsNoTopic, IsWarnedOf) {
  const auto config = read(forward("strip = \"b/\"\n"));
  EXPECT_EQ(joined(config.warnings), "t.toml:6:1: no topic of this block begins with \"b/\": strip does nothing");
}

TEST(AName, IsFitForAFolder) {
  for (const auto* good : {"a", "Cloud-1_x.y", "0123456789012345678901234567890123456789012345678901234567890123"}) {
    EXPECT_EQ(complaints(std::string("[[upstream]]\nservers = [\"mqtt://a\"]\nname = \"") + good + "\"\n"), "") << good;
  }
  for (const auto* bad :
       {"", ".", "..", ".a", "a/b", "a b", "ä", "01234567890123456789012345678901234567890123456789012345678901234"}) {
    EXPECT_THAT(complaints(std::string("[[upstream]]\nservers = [\"mqtt://a\"]\nname = \"") + bad + "\"\n"),
                HasSubstr("t.toml:3:1: [[upstream]] name: "))
        << bad;
    EXPECT_THAT(complaints(forward(std::string("name = \"") + bad + "\"\n")),
                HasSubstr("t.toml:6:1: [[upstream.forward]] name: "))
        << bad;
  }
  EXPECT_THAT(complaints("[[upstream]]\nservers = [\"mqtt://a\"]\n"),
              HasSubstr("t.toml:1:1: [[upstream]]: has no name"));
}

TEST(TwoOfOneName, AreRefusedWithBothPlaces) {
  EXPECT_THAT(complaints(upstream("") + upstream("")),
              HasSubstr("t.toml:5:1: [[upstream]] name: there is an upstream \"cloud\" at t.toml:1:1 already"));
  EXPECT_EQ(complaints(forward("[[upstream.forward]]\ntopics = [\"b\"]\n")),
            "t.toml:6:1: [[upstream.forward]] name: the lane \"default\" is that of the block at t.toml:4:1 already; "
            "give it a name "
            "of its own: name = \"…\"");
  EXPECT_EQ(complaints(forward("[[upstream.forward]]\nname = \"b\"\ntopics = [\"b\"]\n")), "");
}

TEST(TwoUpstreamsOfOneClientIdOnOneServer, AreRefused) {
  const std::string other = "[[upstream]]\nname = \"other\"\nclient_id = \"me\"\nservers = [\"mqtt://127.0.0.1:";
  EXPECT_THAT(complaints(upstream("client_id = \"me\"\n") + other + "1883\"]\n"),
              HasSubstr("t.toml:7:1: [[upstream]] client_id: is that of upstream"));
  EXPECT_EQ(complaints(upstream("client_id = \"me\"\n") + other + "1884\"]\n"), "");
}

TEST(TheServersOfAnUpstream, AreNeededAndChecked) {
  EXPECT_THAT(complaints("[[upstream]]\nname = \"a\"\n"), HasSubstr("t.toml:1:1: [[upstream]]: has no servers"));
  EXPECT_THAT(complaints("[[upstream]]\nname = \"a\"\nservers = []\n"),
              HasSubstr("t.toml:3:1: [[upstream]] servers: needs at least one"));
  EXPECT_THAT(complaints("[[upstream]]\nname = \"a\"\nservers = [\"mqtt://u:p@a\"]\n"),
              HasSubstr("t.toml:3:1: [[upstream]] servers: the address holds a user name or password; write them as "
                        "username and password"));
  EXPECT_THAT(complaints("[broker]\nurl = \"mqtt://u:p@a\"\n"),
              HasSubstr("t.toml:2:1: [broker] url: the address holds a user name"));
}

TEST(TlsOptions, GoWithTlsServersAndFilesThatAreThere) {
  const std::string tls = "[[upstream]]\nname = \"a\"\nservers = [\"mqtts://a\"]\n[upstream.tls]\n";
  EXPECT_EQ(complaints(tls), "");
  EXPECT_THAT(complaints(tls + "ca_file = \"/nowhere/ca.pem\"\n"),
              HasSubstr("t.toml:5:1: [upstream.tls] ca_file: cannot read /nowhere/ca.pem: No such file or directory"));
  EXPECT_THAT(complaints(tls + "ca_file = \"/\"\n"), HasSubstr("it is a folder"));
  EXPECT_THAT(complaints(tls + "key_file = \"/dev/null\"\n"), HasSubstr("add cert_file"));
  EXPECT_EQ(complaints(tls + "alpn = [\"mqtt\"]\n"), "");
  EXPECT_THAT(complaints(tls + "psk_identity = \"a\"\n"), HasSubstr("psk_identity and psk_key go together"));
  const Variable key("TIDEGATE_TEST_KEY", "00112233445566778899aabbccddeeff");
  const std::string psk = tls + "psk_identity = \"a\"\npsk_key = { env = \"TIDEGATE_TEST_KEY\" }\n";
  EXPECT_EQ(complaints(psk), "");
  EXPECT_THAT(complaints(psk + "verify = false\n"), HasSubstr("verify: is about certificates"));
  const Variable bad("TIDEGATE_TEST_KEY", "00112233");
  EXPECT_THAT(complaints(psk), HasSubstr("psk_key: is a key of 32 to 512 hexadecimal digits"));
  EXPECT_THAT(complaints(psk), Not(HasSubstr("00112233")));
  EXPECT_THAT(complaints(tls + "alpn = [\"\"]\n"), HasSubstr("t.toml:5:1: [upstream.tls] alpn: a protocol's name has"));
  EXPECT_THAT(complaints(upstream("[upstream.tls]\nverify = true\n")),
              HasSubstr("t.toml:4:1: [upstream.tls]: is for mqtts:// servers"));
}

TEST(Numbers, AreKeptInTheirRanges) {
  for (const auto* bad :
       {"keep_alive = \"0s\"", "keep_alive = \"65536s\"", "keep_alive = \"1500ms\"", "qos = 3", "qos = -1",
        "window = 0", "window = 65536", "backoff_first = \"1ms\"", "backoff_most = \"25h\"", "version = 5",
        "version = \"4\"", "client_id = \"\"", "username = \"\"", "backoff_first = \"5s\"\nbackoff_most = \"4s\""}) {
    EXPECT_THAT(complaints(upstream(bad)), HasSubstr("[[upstream]] ")) << bad;
  }
  for (const auto* bad : {"qos = 3", "expiry = \"0s\"", "expiry = \"4294967296s\"", "expiry = \"1500ms\"",
                          "capacity = \"23MiB\"", "sync = \"0ms\"", "sync = \"2m\"", "when_full = \"reject \""}) {
    EXPECT_THAT(complaints(forward(bad)), HasSubstr("t.toml:6:1: [[upstream.forward]] ")) << bad;
  }
  for (const auto* bad : {"port = 65536", "port = -1", "port = \"1883\"", "program = \"\""}) {
    EXPECT_THAT(complaints(std::string("[broker]\n") + bad), HasSubstr("t.toml:2:1: [broker] ")) << bad;
  }
  for (const auto* bad : {"payload_cap = \"5MiB\"", "payload_cap = \"0B\"", "stop_timeout = \"2h\"",
                          "log_level = \"loud\"", "state = \"\""}) {
    EXPECT_THAT(complaints(std::string("[gateway]\n") + bad), HasSubstr("t.toml:2:1: [gateway] ")) << bad;
  }
  EXPECT_EQ(complaints(upstream("backoff_first = \"2m\"\n")), "");  // the longest wait goes up with the first
}

TEST(TheBrokersKeys, AreAboutOursOrAboutTheirs) {
  EXPECT_THAT(complaints("[broker]\nurl = \"mqtt://a\"\nport = 1\n"),
              HasSubstr("t.toml:3:1: [broker] port: is about a broker that we start"));
  EXPECT_THAT(complaints("[broker]\nurl = \"mqtt://a\"\nprogram = \"m\"\n"),
              HasSubstr("t.toml:3:1: [broker] program: "));
  EXPECT_THAT(complaints("[broker]\nusername = \"a\"\n"), HasSubstr("t.toml:2:1: [broker] username: goes with url"));
  EXPECT_EQ(complaints("[broker]\nport = 0\nprogram = \"/usr/sbin/mosquitto\"\n"), "");
}

TEST(APasswordWithoutAUserName, IsNoMqtt311) {
  const Variable variable("TIDEGATE_TEST_SECRET", "geheim");
  const std::string password = "password = { env = \"TIDEGATE_TEST_SECRET\" }\n";
  EXPECT_EQ(complaints(upstream(password)), "");
  EXPECT_THAT(complaints(upstream("version = \"3.1.1\"\n" + password)),
              HasSubstr("t.toml:5:1: [[upstream]] password: MQTT 3.1.1"));
}

TEST(WhatIsProbablyNotMeant, IsWarnedOf) {
  EXPECT_EQ(joined(read(upstream("")).warnings),
            "t.toml: nothing is forwarded: there is no [[upstream.forward]]\n"
            "t.toml:1:1: upstream cloud has neither [[upstream.forward]] nor [[upstream.receive]]: no message goes "
            "either way");
  EXPECT_EQ(joined(read(forward("")).warnings), "");
  const Variable variable("TIDEGATE_TEST_SECRET", "geheim");
  const auto plain =
      read("[[upstream]]\nname = \"a\"\nservers = [\"mqtt://a\"]\npassword = { env = \"TIDEGATE_TEST_SECRET\" }\n");
  EXPECT_THAT(joined(plain.warnings), HasSubstr("the password travels in clear text to mqtt://a:1883"));
  const auto open = read("[[upstream]]\nname = \"a\"\nservers = [\"mqtts://a\"]\ntls.verify = false\n");
  EXPECT_THAT(joined(open.warnings), HasSubstr("upstream a is not verified"));
}

TEST(APluginsComplaints, ComeWithTheOthersWhenItReadsDuringLoad) {
  const Folder folder;
  const auto file = folder.write("t.toml", "[gateway]\nid = 1\n[null]\ncount = \"x\"\nfoo = 1\n");
  std::string what;
  try {
    static_cast<void>(load(file, plugins, [](const Config& config) {
      static_cast<void>(config.plugins.at(0).block.integer("count", 0, 0, 1));
    }));
  } catch (const ConfigError& error) {
    what = error.what();
  }
  EXPECT_THAT(what, HasSubstr(":2:1: [gateway] id: "));
  EXPECT_THAT(what, HasSubstr(":4:1: [null] count: "));
  EXPECT_THAT(what, HasSubstr(":5:1: [null] \"foo\": unknown key"));
}

TEST(APluginsComplaints, AreFoundAfterwardsToo) {
  const auto config = read("[null]\ncount = 1\n[sysstat]\nfoo = 1\n");
  for (const auto& plugin : config.plugins) {
    if (plugin.plugin == "null") {
      EXPECT_EQ(plugin.block.integer("count", 0, 0, 1), 1);
    }
  }
  try {
    check_plugins(config);
    FAIL() << "no complaint";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "t.toml:4:1: [sysstat] \"foo\": unknown key");
  }
  const auto good = read("[null]\ncount = 1\n");
  EXPECT_EQ(block(good).integer("count", 0, 0, 1), 1);
  EXPECT_NO_THROW(check_plugins(good));
}

TEST(AConfigError, LeadsToExit78) {
  try {
    static_cast<void>(read("x = 1\n"));
    FAIL() << "it loaded";
  } catch (const ConfigError& error) {
    EXPECT_EQ(exit_status(error), Exit::config);
  }
}

}  // namespace
}  // namespace tidegate::config::test
