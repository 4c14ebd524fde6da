// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tidegate/system_stats.hpp>

#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"
#include "support/scratch_folder.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

std::int64_t integer(const Reading* reading) {
  return reading == nullptr ? -1 : std::get<std::int64_t>(reading->value);
}

/// A sysstat input on a context of its own.
struct Running {
  explicit Running(const std::string& keys, const Clock& clock = machine_clock())
      : context(clock), block("sysstat", "[sysstat]\n" + keys), input(plugin("sysstat")->make(context, block.block())) {
    EXPECT_EQ(block.complaints(), "");
  }
  ~Running() { input->stop(); }
  /// Waits for the next turn of its timer.
  [[nodiscard]] bool turn() {
    context.records.clear();
    return context.turn_until([&] { return !context.records.empty(); });
  }

  RecordingContext context;
  PluginBlock block;
  std::unique_ptr<Plugin> input;
};

/// Sends one datagram of so many bytes over the loopback interface, and takes it out again.
void loopback_traffic(std::size_t bytes) {
  const int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(receiver, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(receiver, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::string data(bytes, 'x');
  EXPECT_EQ(sendto(sender, data.data(), bytes, 0, reinterpret_cast<sockaddr*>(&address), size),
            static_cast<ssize_t>(bytes));
  EXPECT_EQ(recv(receiver, data.data(), bytes, 0), static_cast<ssize_t>(bytes));
  close(sender);
  close(receiver);
}

TEST(SysstatOnThisMachine, CountsTheBytesThatWentOverLoopback) {
  Running sysstat("interval = \"20ms\"\ncollect = [\"net\"]\n");
  sysstat.input->start();
  const Reading* first = sysstat.context.last("net/lo/bytes_recv");
  if (first == nullptr) GTEST_SKIP() << "this machine has no loopback interface";
  const std::int64_t before = integer(first);
  const std::int64_t packets_before = integer(sysstat.context.last("net/lo/packets_sent"));
  for (int n = 0; n < 10; ++n) loopback_traffic(5'000);
  ASSERT_TRUE(sysstat.turn());
  EXPECT_GE(integer(sysstat.context.last("net/lo/bytes_recv")) - before, 50'000);
  EXPECT_GE(integer(sysstat.context.last("net/lo/packets_sent")) - packets_before, 10);
  const Reading* rate = sysstat.context.last("net/lo/bytes_recv_rate");
  ASSERT_NE(rate, nullptr);
  EXPECT_EQ(rate->unit, "B/s");
  EXPECT_GT(std::get<double>(rate->value), 0.0);
  EXPECT_NE(sysstat.context.last("net/total/bytes_recv"), nullptr);
}

TEST(SysstatOnThisMachine, ReportsEveryGroupWithoutAFault) {
  Running sysstat("interval = \"50ms\"\n");
  sysstat.input->start();
  ASSERT_TRUE(sysstat.turn());
  const auto& context = sysstat.context;
  for (const char* name : {"memory/total", "memory/available", "memory/used", "memory/percent", "swap/total", "load/1m",
                           "load/5m", "load/15m", "net/total/bytes_recv", "disk/root/total", "disk/root/percent",
                           "uptime", "boot_time", "processes"}) {
    EXPECT_NE(context.last(name), nullptr) << name;
  }
  EXPECT_THAT(context.faults, testing::IsEmpty());
  EXPECT_EQ(integer(context.last("memory/total")), static_cast<std::int64_t>(system::memory().total));
  EXPECT_EQ(context.last("memory/total")->unit, "B");
  for (const auto& record : context.records) {
    if (record.reading.unit != "%") continue;
    EXPECT_GE(std::get<double>(record.reading.value), 0.0) << record.name;
    EXPECT_LE(std::get<double>(record.reading.value), 100.0) << record.name;
  }
}

TEST(SysstatOnThisMachine, ReportsHowBusyEachCoreWas) {
  Running sysstat("interval = \"50ms\"\ncollect = [\"cpu\"]\n");
  sysstat.input->start();
  EXPECT_TRUE(sysstat.context.records.empty()) << "one look at the counters says nothing";
  // The counters of an idle core may stand still for a turn; the sum of all does not for long.
  ASSERT_TRUE(sysstat.context.turn_until([&] { return sysstat.context.last("cpu/percent") != nullptr; }));
  const double percent = std::get<double>(sysstat.context.last("cpu/percent")->value);
  EXPECT_GE(percent, 0.0);
  EXPECT_LE(percent, 100.0);
}

TEST(Sysstat, MakesEachChannelOnceAndEmitsNothingAfterStop) {
  Running sysstat("interval = \"10ms\"\ncollect = [\"load\", \"uptime\"]\njson = true\n");
  sysstat.input->start();
  ASSERT_TRUE(sysstat.turn());
  ASSERT_TRUE(sysstat.turn());
  EXPECT_EQ(sysstat.context.channels_made, 5);
  EXPECT_TRUE(sysstat.context.records.front().options.json);
  sysstat.input->stop();
  sysstat.context.records.clear();
  sysstat.context.loop().run_once(30ms);
  EXPECT_TRUE(sysstat.context.records.empty());
  sysstat.input->start();
  EXPECT_EQ(sysstat.context.records.size(), 5U) << "started again, it emits at once";
}

TEST(Sysstat, IsTurnedOffByAnEmptyList) {
  Running sysstat("interval = \"10ms\"\ncollect = []\n");
  sysstat.input->start();
  sysstat.context.loop().run_once(30ms);
  EXPECT_TRUE(sysstat.context.records.empty());
}

TEST(Sysstat, GoesOnWithTheOtherGroupsWhileAMountPointDoesNotAnswer) {
  Running sysstat("interval = \"10ms\"\ncollect = [\"load\", \"disk\"]\n");
  sysstat.context.hold_worker = true;
  sysstat.input->start();
  EXPECT_EQ(sysstat.context.last("disk/root/total"), nullptr);
  ASSERT_TRUE(sysstat.turn());
  EXPECT_NE(sysstat.context.last("load/1m"), nullptr);
  EXPECT_EQ(sysstat.context.last("disk/root/total"), nullptr);
  EXPECT_THAT(sysstat.context.faults["disk"], HasSubstr("has not answered"));
  sysstat.context.hold_worker = false;
  sysstat.context.release_worker();
  EXPECT_NE(sysstat.context.last("disk/root/total"), nullptr);
  EXPECT_THAT(sysstat.context.faults, testing::IsEmpty());
}

TEST(Sysstat, ThrowsAwayAnAnswerThatComesAfterItWasStopped) {
  auto sysstat = std::make_unique<Running>("collect = [\"disk\"]\n");
  sysstat->context.hold_worker = true;
  sysstat->input->start();
  sysstat->input->stop();
  sysstat->input = plugin("sysstat")->make(sysstat->context, sysstat->block.block());
  sysstat->context.release_worker();
  EXPECT_TRUE(sysstat->context.records.empty());
}

TEST(Sysstat, SaysThatAMountPointIsMissingAndReportsTheOthers) {
  const ScratchFolder folder;
  folder.write("usb/stick", "");
  Running sysstat(fmt::format("collect = [\"disk\"]\nroot = \"{}\"\ndisk.mounts = [\"/\", \"/usb/\", \"/gone/away\"]\n",
                              folder.path().string()));
  sysstat.input->start();
  EXPECT_NE(sysstat.context.last("disk/root/percent"), nullptr);
  EXPECT_NE(sysstat.context.last("disk/usb/percent"), nullptr);
  EXPECT_EQ(sysstat.context.last("disk/gone-away/percent"), nullptr);
  EXPECT_THAT(sysstat.context.faults["disk/gone-away"], HasSubstr("No such file"));
}

TEST(Sysstat, SaysAFaultOnceAndForgetsAnInterfaceThatWasGoneForADay) {
  const ScratchFolder folder;
  const std::string eth0 = "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
  StillClock clock;
  Running sysstat(fmt::format("interval = \"10ms\"\ncollect = [\"net\"]\nroot = \"{}\"\n", folder.path().string()),
                  clock);
  folder.write("proc/net/dev", eth0 + "usb0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  sysstat.input->start();
  EXPECT_EQ(sysstat.context.degraded_calls, 0);
  folder.write("proc/net/dev", eth0);
  for (int n = 0; n < 3; ++n) {
    clock.advance(10s);
    ASSERT_TRUE(sysstat.turn());
  }
  EXPECT_EQ(sysstat.context.faults["net/usb0"], "the interface vanished");
  EXPECT_EQ(sysstat.context.degraded_calls, 1);
  clock.advance(25h);
  ASSERT_TRUE(sysstat.turn());
  EXPECT_THAT(sysstat.context.faults, testing::IsEmpty());
}

TEST(Sysstat, BeginsWithACleanSlateWhenItIsStartedAgain) {
  const ScratchFolder folder;
  Running sysstat(fmt::format("collect = [\"net\", \"load\"]\nroot = \"{}\"\n", folder.path().string()));
  sysstat.input->start();
  EXPECT_EQ(sysstat.context.faults.size(), 2U);
  sysstat.input->stop();
  folder.write("proc/net/dev", "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  sysstat.input->start();
  EXPECT_EQ(sysstat.context.faults.size(), 1U);
  EXPECT_TRUE(sysstat.context.faults.contains("load"));
}

TEST(Sysstat, ReportsTheInterfacesThatAreAskedForAndAddsUpThose) {
  const ScratchFolder folder;
  folder.write("proc/net/dev",
               "lo: 1 0 0 0 0 0 0 0 0 0 0 0\neth0: 20 0 0 0 0 0 0 0 0 0 0 0\neth1: 300 0 0 0 0 0 0 0 0 0 0 0\n"
               "wlan0: 4000 0 0 0 0 0 0 0 0 0 0 0\nod+d/#: 5 0 0 0 0 0 0 0 0 0 0 0\n");
  const std::string root = fmt::format("collect = [\"net\"]\nroot = \"{}\"\n", folder.path().string());
  const auto interfaces = [&](const std::string& keys) {
    Running sysstat(root + keys);
    sysstat.input->start();
    std::set<std::string> names;
    for (const auto& record : sysstat.context.records) {
      const auto end = record.name.find('/', 4);
      if (record.name.substr(end) == "/bytes_recv") {
        names.insert(record.name.substr(4, end - 4) + '=' + to_text(record.reading.value));
      }
    }
    return names;
  };
  using testing::ElementsAre;
  EXPECT_THAT(interfaces(""), ElementsAre("eth0=20", "eth1=300", "lo=1", "od_d__=5", "total=4325", "wlan0=4000"));
  EXPECT_THAT(interfaces("net.include = [\"eth*\"]\n"), ElementsAre("eth0=20", "eth1=300", "total=320"));
  EXPECT_THAT(interfaces("net.include = [\"eth*\", \"lo\"]\nnet.exclude = [\"eth1\"]\n"),
              ElementsAre("eth0=20", "lo=1", "total=20"));
}

TEST(SysstatsConfiguration, IsToldWhereItIsWrongAndHowToMendIt) {
  RecordingContext context;
  const PluginBlock block("sysstat",
                          "[sysstat]\n"
                          "interval = \"1ms\"\n"
                          "collect = [\"cpu\", \"gpu\"]\n"
                          "root = \"here\"\n"
                          "disk.mounts = [\"usb\"]\n"
                          "jsno = true\n");
  (void)plugin("sysstat")->make(context, block.block());
  EXPECT_THAT(block.complaints(),
              AllOf(HasSubstr("test.toml:2:"), HasSubstr("\"10ms\""), HasSubstr("test.toml:3:"),
                    HasSubstr("no group \"gpu\"; the groups are cpu, memory"), HasSubstr("test.toml:4:"),
                    HasSubstr("absolute path"), HasSubstr("test.toml:5:"), HasSubstr("\"usb\" is no absolute path"),
                    HasSubstr("test.toml:6:"), HasSubstr("json")));
}

TEST(Sysstat, CountsPendingUpdatesWhenItIsAsked) {
  const ScratchFolder root;
  root.write("usr/bin/apt-get", "#!/bin/sh\necho 'Inst a (1 Debian-Security:12 [all])'\n");
  std::filesystem::permissions(root.path() / "usr/bin/apt-get", std::filesystem::perms::owner_all);
  Running sysstat(
      fmt::format("collect = [\"updates\"]\nroot = \"{}\"\nupdates.interval = \"1h\"\n", root.path().string()));
  sysstat.input->start();
  EXPECT_EQ(integer(sysstat.context.last("updates/pending")), 1);
  EXPECT_EQ(integer(sysstat.context.last("updates/security")), 1);
  EXPECT_THAT(sysstat.context.faults, testing::IsEmpty());
}

TEST(SysstatOnThisMachine, ListsItsBusiestProcesses) {
  Running sysstat("interval = \"20ms\"\ncollect = [\"top\"]\ntop.count = 2\n");
  sysstat.input->start();
  EXPECT_EQ(sysstat.context.last("top"), nullptr) << "one look at the counters says nothing";
  ASSERT_TRUE(sysstat.turn());
  EXPECT_THAT(
      std::get<std::string>(sysstat.context.last("top")->value),
      testing::MatchesRegex("\\[(\\{\"name\":\".*\",\"pid\":[0-9]+,\"cpu\":[0-9.]+,\"rss\":[0-9]+\\},?){1,2}\\]"));
}

TEST(Sysstat, ComplainsAboutCountsAndIntervalsThatAreOutOfRange) {
  RecordingContext context;
  const PluginBlock block("sysstat", "[sysstat]\ntop.count = 0\nupdates.interval = \"1s\"\ncollect = [\"tops\"]\n");
  (void)plugin("sysstat")->make(context, block.block());
  EXPECT_THAT(block.complaints(), AllOf(HasSubstr("test.toml:2:"), HasSubstr("test.toml:3:"), HasSubstr("test.toml:4:"),
                                        HasSubstr("updates, top")));
}

}  // namespace
}  // namespace tidegate::test
