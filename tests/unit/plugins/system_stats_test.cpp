// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <tidegate/clock.hpp>
#include <tidegate/error.hpp>
#include <tidegate/system_stats.hpp>

#include "support/scratch_folder.hpp"

namespace tidegate::system {
namespace {

using namespace std::chrono_literals;
using test::ScratchFolder;

constexpr const char* net_heading =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier\n";

TEST(NetworkCounters, AreReadInTheColumnsOfTheKernel) {
  const ScratchFolder root;
  root.write("proc/net/dev", std::string(net_heading) +
                                 "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                                 "eth0:18446744073709551615 20 30 40 0 0 0 0 90 100 110 120 0 0 0 0\n"
                                 "eth0:1: 7 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  const auto interfaces = net_io(root.path());
  ASSERT_EQ(interfaces.size(), 3U);
  EXPECT_EQ(interfaces[0], (NetInterface{"lo",
                                         {.bytes_sent = 9,
                                          .bytes_recv = 1,
                                          .packets_sent = 10,
                                          .packets_recv = 2,
                                          .errin = 3,
                                          .errout = 11,
                                          .dropin = 4,
                                          .dropout = 12}}));
  EXPECT_EQ(interfaces[1].name, "eth0");
  EXPECT_EQ(interfaces[1].counters.bytes_recv, 18446744073709551615U);
  EXPECT_EQ(interfaces[2].name, "eth0:1");
  EXPECT_EQ(interfaces[2].counters.bytes_recv, 7U);
}

TEST(NetworkCounters, SkipLinesThatAreNotTheKernels) {
  const ScratchFolder root;
  root.write("proc/net/dev",
             "eth0: 1 2 3\neth1: x 2 3 4 5 6 7 8 9 10 11 12\nno colon\n\n: \n"
             "eth2: -1 2 3 4 5 6 7 8 9 10 11 12\neth3: 1 2 3 4 5 6 7 8 9 10 11 12");
  const auto interfaces = net_io(root.path());
  ASSERT_EQ(interfaces.size(), 1U);
  EXPECT_EQ(interfaces[0].name, "eth3");
  EXPECT_EQ(interfaces[0].counters.dropout, 12U);
}

TEST(NetworkCounters, AddUpWithOrWithoutTheLoopbackInterface) {
  const std::vector<NetInterface> interfaces = {{"lo", {.bytes_sent = 1, .errin = 4}},
                                                {"eth0", {.bytes_sent = 20, .dropout = 5}},
                                                {"wlan0", {.bytes_sent = 300, .packets_recv = 6}}};
  EXPECT_EQ(total(interfaces), (NetCounters{.bytes_sent = 320, .packets_recv = 6, .dropout = 5}));
  EXPECT_EQ(total(interfaces, true), (NetCounters{.bytes_sent = 321, .packets_recv = 6, .errin = 4, .dropout = 5}));
  EXPECT_EQ(total({}), NetCounters{});
}

TEST(AFileThatIsMissing, IsASystemErrorThatNamesIt) {
  const ScratchFolder root;
  const auto code_of = [](auto read) {
    try {
      read();
    } catch (const SystemError& error) {
      EXPECT_NE(std::string(error.what()).find("/proc"), std::string::npos) << error.what();
      return error.code();
    }
    return 0;
  };
  EXPECT_EQ(code_of([&] { (void)net_io(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)cpu_times(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)memory(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)swap(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)load(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)disk_io(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)uptime(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)boot_time(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)process_count(root.path()); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)disk_usage(root.path() / "proc"); }), ENOENT);
  EXPECT_TRUE(temperatures(root.path()).empty()) << "a machine without thermal zones is nothing special";
}

TEST(CpuPercent, IsTheShareThatWasNeitherIdleNorWaitingForTheDisk) {
  const CpuTimes before{.user = 10, .idle = 100, .iowait = 5};
  EXPECT_EQ(cpu_percent(before, before), std::nullopt);
  EXPECT_DOUBLE_EQ(*cpu_percent(before, {.user = 10, .idle = 110, .iowait = 15}), 0.0);
  EXPECT_DOUBLE_EQ(*cpu_percent(before, {.user = 20, .idle = 100, .iowait = 5}), 100.0);
  EXPECT_DOUBLE_EQ(
      *cpu_percent(before, {.user = 12, .nice = 1, .system = 1, .idle = 114, .iowait = 5, .irq = 1, .steal = 1}), 30.0);
  EXPECT_DOUBLE_EQ(*cpu_percent({}, {.user = 50, .idle = 50, .guest = 50}), 50.0) << "guest is in user already";
}

TEST(CpuPercent, IsNotUpsetByAFieldThatWentBack) {
  EXPECT_DOUBLE_EQ(*cpu_percent({.user = 10, .idle = 100, .iowait = 5}, {.user = 11, .idle = 101, .iowait = 4}), 50.0);
}

TEST(CpuTimesOfTheKernel, AreSecondsOfEachCoreThatIsOnline) {
  const ScratchFolder root;
  root.write("proc/stat",
             "cpu  100 200 300 400 500 600 700 800 900 1000\ncpu0 1 2 3 4\ncpu3 50 0 0 0 0 0 0 0 0 0\ncpufreq 9\n");
  const auto tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  const Cpu cpu = cpu_times(root.path());
  EXPECT_DOUBLE_EQ(cpu.all.user, 100 * tick);
  EXPECT_DOUBLE_EQ(cpu.all.iowait, 500 * tick);
  EXPECT_DOUBLE_EQ(cpu.all.guest_nice, 1000 * tick);
  ASSERT_EQ(cpu.cores.size(), 2U);
  EXPECT_EQ(cpu.cores[1].number, 3);
  EXPECT_DOUBLE_EQ(cpu.cores[1].times.user, 50 * tick);
  EXPECT_DOUBLE_EQ(cpu.cores[0].times.steal, 0.0) << "an old kernel has fewer columns";
}

TEST(DiskUsageArithmetic, IsThatOfDf) {
  // 1000 blocks of 4 KiB, 100 reserved for root: 300 used, 700 free of which 600 for users.
  const DiskUsage usage = disk_usage(4096, 1000, 700, 600);
  EXPECT_EQ(usage.total, 4'096'000U);
  EXPECT_EQ(usage.used, 300U * 4096);
  EXPECT_EQ(usage.free, 600U * 4096);
  EXPECT_DOUBLE_EQ(usage.percent, 100.0 * 300 / 900);
  EXPECT_DOUBLE_EQ(disk_usage(4096, 0, 0, 0).percent, 0.0) << "proc and its like have no blocks";
  EXPECT_EQ(disk_usage(512, 10, 11, 10).used, 0U) << "a file system that contradicts itself";
}

TEST(DiskCountersOfTheKernel, AreThoseOfWholeDevicesInBytes) {
  const ScratchFolder root;
  root.write("proc/diskstats",
             "   8  0 sda 1 2 3 4 5 6 7 8 9 10 11 0 0 0 0 0 0\n   8  1 sda1 1 2 3 4 5 6 7 8 9 10 11\n"
             " 104  0 cciss/c0d0 1 0 1 0 0 0 0 0 0 0 0\n   7  0 short 1 2 3\n");
  root.write("sys/block/sda/size", "1");
  root.write("sys/block/cciss!c0d0/size", "1");
  root.write("sys/block/short/size", "1");
  const auto disks = disk_io(root.path());
  ASSERT_EQ(disks.size(), 2U);
  EXPECT_EQ(disks[0], (Disk{"sda",
                            {.read_count = 1,
                             .write_count = 5,
                             .read_bytes = 3 * 512,
                             .write_bytes = 7 * 512,
                             .read_time = 4,
                             .write_time = 8,
                             .busy_time = 10}}));
  EXPECT_EQ(disks[1].name, "cciss/c0d0");
}

TEST(Temperatures, ComeByZoneNumberAndSayWhenAZoneDoesNotAnswer) {
  const ScratchFolder root;
  root.write("sys/class/thermal/thermal_zone10/type", "x86_pkg_temp\n");
  root.write("sys/class/thermal/thermal_zone10/temp", "51000\n");
  root.write("sys/class/thermal/thermal_zone2/type", "acpitz\n");
  root.write("sys/class/thermal/thermal_zone2/temp", "-1250\n");
  root.write("sys/class/thermal/thermal_zone3/type", "iwlwifi_1\n");
  root.write("sys/class/thermal/cooling_device0/type", "fan\n");
  const auto zones = temperatures(root.path());
  ASSERT_EQ(zones.size(), 3U);
  EXPECT_EQ(zones[0].type, "acpitz");
  EXPECT_EQ(zones[0].celsius, -1.25);
  EXPECT_EQ(zones[1].zone, 3);
  EXPECT_EQ(zones[1].celsius, std::nullopt);
  EXPECT_EQ(zones[1].code, ENOENT);
  EXPECT_EQ(zones[2].zone, 10);
  EXPECT_EQ(zones[2].celsius, 51.0);
}

TEST(AFileWithNonsense, IsAnErrorThatSaysWhatItLacks) {
  const ScratchFolder root;
  root.write("proc/uptime", "soon\n");
  root.write("proc/loadavg", "0.1 0.2\n");
  root.write("proc/stat", "intr 1\nbtime later\n");
  root.write("proc/meminfo", "MemTotal: 10 kB\nMemFree: many kB\n");
  EXPECT_THROW((void)uptime(root.path()), Error);
  EXPECT_THROW((void)load(root.path()), Error);
  EXPECT_THROW((void)cpu_times(root.path()), Error);
  EXPECT_THROW((void)boot_time(root.path()), Error);
  EXPECT_THROW((void)swap(root.path()), Error);
  try {
    (void)memory(root.path());
    FAIL() << "memory without MemFree";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), (root.path() / "proc/meminfo").string() + " has no line \"MemFree\"");
  }
  for (const char* text : {"nan 1\n", "inf 1\n", "-1 1\n", "1e300 1\n"}) {
    root.write("proc/uptime", text);
    EXPECT_THROW((void)uptime(root.path()), Error) << text;
  }
}

TEST(ThisMachine, HasMemoryLoadProcessesAndATimeSinceBoot) {
  const Memory ram = memory();
  EXPECT_GT(ram.total, 16U << 20);
  EXPECT_LE(ram.available, ram.total);
  EXPECT_EQ(ram.used, ram.total - ram.available);
  EXPECT_GE(ram.percent, 0.0);
  EXPECT_LE(ram.percent, 100.0);
  const Swap swapped = swap();
  EXPECT_EQ(swapped.used + swapped.free, swapped.total);
  EXPECT_GE(load().one, 0.0);
  EXPECT_GE(process_count(), 1U);
  EXPECT_FALSE(cpu_times().cores.empty());
  EXPECT_GT(cpu_times().all.idle, 0.0);
  EXPECT_FALSE(net_io().empty());
  EXPECT_NO_THROW((void)disk_io());
  for (const auto& zone : temperatures()) {
    if (!zone.celsius) continue;
    EXPECT_GT(*zone.celsius, -90.0);
    EXPECT_LT(*zone.celsius, 150.0);
  }
}

TEST(ThisMachine, TellsATimeSinceBootThatTheClockConfirms) {
  // A container may have an uptime of its own, but it goes on as the clock does, and never by more.
  const auto clock_before = machine_clock().boot();
  const auto before = uptime();
  const auto after = uptime();
  const auto clock_after = machine_clock().boot();
  EXPECT_GT(before, 0ns);
  EXPECT_GE(after, before);
  EXPECT_LE(after - before, clock_after - clock_before + 10ms);
  EXPECT_LE(boot_time(), machine_clock().wall());
}

TEST(ThisMachine, TellsTheDiskUsageThatStatvfsTells) {
  const DiskUsage usage = disk_usage("/");
  struct statvfs status{};
  ASSERT_EQ(statvfs("/", &status), 0);
  EXPECT_EQ(usage.total, status.f_blocks * status.f_frsize);
  EXPECT_LE(usage.used, usage.total);
  EXPECT_LE(usage.percent, 100.0);
}

TEST(Throttling, IsReadFromTheBitsOfTheFirmware) {
  const ScratchFolder root;
  EXPECT_EQ(throttled(root.path()), std::nullopt) << "every machine is a Raspberry Pi";
  root.write("sys/devices/platform/soc/soc:firmware/get_throttled", "a0005\n");
  const auto reasons = throttled(root.path());
  ASSERT_TRUE(reasons);
  EXPECT_EQ(reasons->now, (Throttled::Reasons{.under_voltage = true, .throttled = true}));
  EXPECT_EQ(reasons->since_boot, (Throttled::Reasons{.frequency_capped = true, .soft_temperature_limit = true}));
  root.write("sys/devices/platform/soc/soc:firmware/get_throttled", "\n");
  EXPECT_THROW((void)throttled(root.path()), Error);
}

TEST(WirelessInterfaces, AreThoseThatHearAnAccessPoint) {
  const ScratchFolder root;
  EXPECT_TRUE(wifi(root.path()).empty()) << "no file is a fault";
  root.write("proc/net/wireless",
             "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
             " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n"
             " wlan0: 0000   35.  -75.  -256        0      0      0      0     16        0\n"
             "wlan1: 0000   0.  -256.  -256        0      0      0      0     16        0\n"
             "wlan2: 0000   90  200  0        0      0      0      0     16        0\n"
             "wlan3: 0000\n");
  const auto interfaces = wifi(root.path());
  ASSERT_EQ(interfaces.size(), 2U);
  EXPECT_EQ(interfaces[0].name, "wlan0");
  EXPECT_EQ(interfaces[0].signal, -75.0);
  EXPECT_EQ(interfaces[0].quality, 50.0);
  EXPECT_EQ(interfaces[1].name, "wlan2");
  EXPECT_EQ(interfaces[1].signal, -56.0);
  EXPECT_EQ(interfaces[1].quality, 100.0);
}

TEST(ARestart, IsRequiredWhenTheDistributionSaysSo) {
  const ScratchFolder root;
  EXPECT_FALSE(reboot_required(root.path()));
  root.write("run/reboot-required", "");
  EXPECT_TRUE(reboot_required(root.path()));
}

TEST(ProcessList, HasThisProcessWithItsTimeAndItsMemory) {
  const auto all = processes();
  const auto self = std::ranges::find(all, getpid(), &Process::pid);
  ASSERT_NE(self, all.end());
  EXPECT_FALSE(self->name.empty());
  EXPECT_GT(self->rss, 1'000'000U);
  EXPECT_LT(self->rss, memory().total);
  const double before = self->cpu;
  const auto spend = [&] {
    volatile double sink = 0;
    for (int n = 0; n < 1'000'000; ++n) sink = sink + n;
    const auto now = processes();
    return std::ranges::find(now, getpid(), &Process::pid)->cpu;
  };
  double after = before;
  for (int n = 0; n < 1000 && after <= before; ++n) after = spend();
  EXPECT_GT(after, before);
}

TEST(ProcessList, TakesAnyNameAndSkipsWhatIsTorn) {
  const ScratchFolder root;
  root.write("proc/7/stat",
             "7 (a) S (b) R 1 1 1 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 9000 1000000 3 18446744073709551615\n");
  root.write("proc/8/stat", "8 (torn) R 1 1 1");
  root.write("proc/9/status", "no stat");
  root.write("proc/net/stat", "10 (no process) R");
  const auto all = processes(root.path());
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].name, "a) S (b");
  EXPECT_EQ(all[0].cpu, 200.0 / static_cast<double>(sysconf(_SC_CLK_TCK)));
  EXPECT_EQ(all[0].started, 9000U);
  EXPECT_EQ(all[0].rss, 3U * static_cast<unsigned long>(sysconf(_SC_PAGESIZE)));
}

}  // namespace
}  // namespace tidegate::system
