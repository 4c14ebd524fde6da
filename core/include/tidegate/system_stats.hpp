// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// What Linux says about this machine in /proc and /sys. Pure: each call reads the files under root (another tree than
/// "/" is for tests and containers) and returns plain values; nothing is kept between calls. Thread-safe. Throws
/// SystemError when a file cannot be read, Error when it does not have what it must have. Fields have the names of
/// Python's psutil where that has them; library tidegate::system_stats.
namespace tidegate::system {

/// Counters of one network interface since it came up, as the driver counts: they start again at 0 when the
/// interface is made anew, and some drivers wrap at 2^32.
struct NetCounters {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_recv = 0;
  std::uint64_t packets_sent = 0;
  std::uint64_t packets_recv = 0;
  std::uint64_t errin = 0;
  std::uint64_t errout = 0;
  std::uint64_t dropin = 0;
  std::uint64_t dropout = 0;

  NetCounters& operator+=(const NetCounters& other) noexcept;
  bool operator==(const NetCounters&) const = default;
};
struct NetInterface {
  std::string name;
  NetCounters counters;

  bool operator==(const NetInterface&) const = default;
};
/// Every interface of this network namespace, in the kernel's order.
[[nodiscard]] std::vector<NetInterface> net_io(const std::filesystem::path& root = "/");
/// The sum. Without the loopback interface "lo" it is what went over the network; psutil's total has it in.
[[nodiscard]] NetCounters total(const std::vector<NetInterface>& interfaces, bool with_loopback = false);

/// Seconds that CPUs spent since boot, by what they did. user has guest in it, and nice has guest_nice.
struct CpuTimes {
  double user = 0;
  double nice = 0;
  double system = 0;
  double idle = 0;
  double iowait = 0;
  double irq = 0;
  double softirq = 0;
  double steal = 0;
  double guest = 0;
  double guest_nice = 0;

  bool operator==(const CpuTimes&) const = default;
};
struct Cpu {
  CpuTimes all;
  struct Core {
    int number = 0;
    CpuTimes times;
  };
  std::vector<Core> cores;  ///< those that are online
};
[[nodiscard]] Cpu cpu_times(const std::filesystem::path& root = "/");
/// How busy between two readings, 0 to 100 %: all but idle and iowait. Nothing when no time has passed between them.
[[nodiscard]] std::optional<double> cpu_percent(const CpuTimes& before, const CpuTimes& after) noexcept;

/// Bytes. used = total - available, and percent is used of total.
struct Memory {
  std::uint64_t total = 0;
  std::uint64_t available = 0;  ///< could be had without swapping, as the kernel estimates
  std::uint64_t used = 0;
  std::uint64_t free = 0;  ///< of no use to anybody now
  double percent = 0;
};
struct Swap {
  std::uint64_t total = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
  double percent = 0;  ///< 0 without swap space
};
[[nodiscard]] Memory memory(const std::filesystem::path& root = "/");
[[nodiscard]] Swap swap(const std::filesystem::path& root = "/");

/// Mean number of processes that ran or waited for the disk, over 1, 5 and 15 minutes.
struct Load {
  double one = 0;
  double five = 0;
  double fifteen = 0;
};
[[nodiscard]] Load load(const std::filesystem::path& root = "/");

/// Bytes of the file system that holds a path. free is what a user without privileges can get, and percent is
/// used of (used + free): what df shows, before it rounds up.
struct DiskUsage {
  std::uint64_t total = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
  double percent = 0;
};
/// May wait for as long as a network file system does not answer.
[[nodiscard]] DiskUsage disk_usage(const std::filesystem::path& path);
/// The arithmetic of disk_usage(), from the fields of struct statvfs.
[[nodiscard]] DiskUsage disk_usage(std::uint64_t fragment_size, std::uint64_t blocks, std::uint64_t blocks_free,
                                   std::uint64_t blocks_available) noexcept;

/// Counters of one block device since boot. Times are milliseconds.
struct DiskCounters {
  std::uint64_t read_count = 0;
  std::uint64_t write_count = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t write_bytes = 0;
  std::uint64_t read_time = 0;
  std::uint64_t write_time = 0;
  std::uint64_t busy_time = 0;

  bool operator==(const DiskCounters&) const = default;
};
struct Disk {
  std::string name;
  DiskCounters counters;

  bool operator==(const Disk&) const = default;
};
/// Every whole block device (no partitions), in the kernel's order.
[[nodiscard]] std::vector<Disk> disk_io(const std::filesystem::path& root = "/");

/// One thermal zone of the kernel. The type is what it calls itself: "cpu-thermal", "x86_pkg_temp".
struct Temperature {
  int zone = 0;
  std::string type;
  std::optional<double> celsius;  ///< nothing when the zone does not answer
  int code = 0;                   ///< errno, when it does not
};
/// By zone number; empty where the kernel has none. Some zones take milliseconds to answer.
[[nodiscard]] std::vector<Temperature> temperatures(const std::filesystem::path& root = "/");

/// Since boot, suspend included.
[[nodiscard]] std::chrono::nanoseconds uptime(const std::filesystem::path& root = "/");
/// Moves when the clock is set.
[[nodiscard]] std::chrono::sys_seconds boot_time(const std::filesystem::path& root = "/");
/// Whether the distribution asks for a restart, mostly after an update (/run/reboot-required).
[[nodiscard]] bool reboot_required(const std::filesystem::path& root = "/");

/// What a Raspberry Pi's firmware did to keep itself alive: now, and at any time since boot.
struct Throttled {
  struct Reasons {
    bool under_voltage = false;
    bool frequency_capped = false;
    bool throttled = false;
    bool soft_temperature_limit = false;

    bool operator==(const Reasons&) const = default;
  };
  Reasons now;
  Reasons since_boot;
};
/// Nothing where the kernel has no such firmware. Asks the firmware, which takes up to some milliseconds.
[[nodiscard]] std::optional<Throttled> throttled(const std::filesystem::path& root = "/");

/// How one wireless interface, while it is associated, hears its access point.
struct Wifi {
  std::string name;
  double signal = 0;   ///< dBm, or the driver's own unit where it knows no dBm
  double quality = 0;  ///< 0 to 100 %
};
/// Empty where the kernel has no /proc/net/wireless. Drivers may take milliseconds to answer.
[[nodiscard]] std::vector<Wifi> wifi(const std::filesystem::path& root = "/");

/// One process. pid and started together are one for as long as the machine runs.
struct Process {
  int pid = 0;
  std::string name;           ///< at most 15 bytes
  double cpu = 0;             ///< seconds that it ran, in user and in kernel mode
  std::uint64_t started = 0;  ///< clock ticks after boot
  std::uint64_t rss = 0;      ///< bytes that it has in memory
};
/// All that still run when they are looked at, by number.
[[nodiscard]] std::vector<Process> processes(const std::filesystem::path& root = "/");
/// Processes, not threads.
[[nodiscard]] std::size_t process_count(const std::filesystem::path& root = "/");

}  // namespace tidegate::system
