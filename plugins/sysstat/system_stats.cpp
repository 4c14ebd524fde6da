// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <map>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/system_stats.hpp>

namespace tidegate::system {
namespace {

namespace fs = std::filesystem;

/// Everything in a file of /proc or /sys, whose size nobody knows before.
std::string read_file(const fs::path& path) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw SystemError(errno, fmt::format("cannot open {}", path.string()));
  std::string text;
  std::array<char, 4096> chunk{};
  ssize_t got = 0;
  while ((got = read(fd.get(), chunk.data(), chunk.size())) != 0) {
    if (got > 0) {
      text.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      throw SystemError(errno, fmt::format("cannot read {}", path.string()));
    }
  }
  return text;
}

std::string_view next_line(std::string_view& text) noexcept {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

/// The next word of a line, empty after the last.
std::string_view next_word(std::string_view& line) noexcept {
  constexpr std::string_view blanks = " \t\r\n";
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const auto word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

/// The number that is the whole word.
template <class Number>
std::optional<Number> number(std::string_view word) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

/// Up to Count numbers from the front of a line, 0 for those that an older kernel does not have. How many there were.
template <std::size_t Count>
std::size_t numbers(std::string_view line, std::array<std::uint64_t, Count>& values) noexcept {
  values.fill(0);
  for (std::size_t n = 0; n < Count; ++n) {
    const auto value = number<std::uint64_t>(next_word(line));
    if (!value) return n;
    values[n] = *value;
  }
  return Count;
}

[[noreturn]] void lacks(const fs::path& path, std::string_view what) {
  throw Error(fmt::format("{} has no {}", path.string(), what));
}

double percent_of(std::uint64_t part, std::uint64_t whole) noexcept {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::uint64_t less(std::uint64_t from, std::uint64_t what) noexcept {
  return from > what ? from - what : 0;
}

using Fields = std::map<std::string, std::uint64_t, std::less<>>;

/// The lines "Name:  number kB" of /proc/meminfo, in bytes.
Fields meminfo(const fs::path& path) {
  const std::string text = read_file(path);
  Fields fields;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = next_line(rest);
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto name = line.substr(0, colon);
    line.remove_prefix(colon + 1);
    if (const auto value = number<std::uint64_t>(next_word(line))) {
      fields.emplace(name, next_word(line) == "kB" ? *value * 1024 : *value);
    }
  }
  return fields;
}

std::uint64_t field(const Fields& fields, std::string_view name, const fs::path& path) {
  const auto found = fields.find(name);
  if (found == fields.end()) lacks(path, fmt::format("line \"{}\"", name));
  return found->second;
}

CpuTimes cpu_line(std::string_view line) noexcept {
  static const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  std::array<std::uint64_t, 10> ticks{};
  numbers(line, ticks);
  const auto seconds = [&](std::size_t n) { return static_cast<double>(ticks[n]) * tick; };
  return {.user = seconds(0),
          .nice = seconds(1),
          .system = seconds(2),
          .idle = seconds(3),
          .iowait = seconds(4),
          .irq = seconds(5),
          .softirq = seconds(6),
          .steal = seconds(7),
          .guest = seconds(8),
          .guest_nice = seconds(9)};
}

}  // namespace

NetCounters& NetCounters::operator+=(const NetCounters& other) noexcept {
  bytes_sent += other.bytes_sent;
  bytes_recv += other.bytes_recv;
  packets_sent += other.packets_sent;
  packets_recv += other.packets_recv;
  errin += other.errin;
  errout += other.errout;
  dropin += other.dropin;
  dropout += other.dropout;
  return *this;
}

std::vector<NetInterface> net_io(const fs::path& root) {
  const std::string text = read_file(root / "proc/net/dev");
  std::vector<NetInterface> interfaces;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = next_line(rest);
    const auto colon = line.rfind(':');  // the first may belong to the name of an alias
    if (colon == line.npos) continue;    // one of the two headings
    std::string_view before = line.substr(0, colon);
    // receive: bytes packets errs drop fifo frame compressed multicast; transmit: bytes packets errs drop …
    std::array<std::uint64_t, 12> fields{};
    if (numbers(line.substr(colon + 1), fields) < fields.size()) continue;
    interfaces.push_back({.name = std::string(next_word(before)),
                          .counters = {.bytes_sent = fields[8],
                                       .bytes_recv = fields[0],
                                       .packets_sent = fields[9],
                                       .packets_recv = fields[1],
                                       .errin = fields[2],
                                       .errout = fields[10],
                                       .dropin = fields[3],
                                       .dropout = fields[11]}});
  }
  return interfaces;
}

NetCounters total(const std::vector<NetInterface>& interfaces, bool with_loopback) {
  NetCounters sum;
  for (const auto& interface : interfaces) {
    if (with_loopback || interface.name != "lo") sum += interface.counters;
  }
  return sum;
}

Cpu cpu_times(const fs::path& root) {
  const fs::path path = root / "proc/stat";
  const std::string text = read_file(path);
  Cpu cpu;
  bool found = false;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = next_line(rest);
    const auto word = next_word(line);
    if (word == "cpu") {
      cpu.all = cpu_line(line);
      found = true;
    } else if (word.starts_with("cpu")) {
      if (const auto core = number<int>(word.substr(3))) cpu.cores.push_back({*core, cpu_line(line)});
    }
  }
  if (!found) lacks(path, "line \"cpu\"");
  return cpu;
}

std::optional<double> cpu_percent(const CpuTimes& before, const CpuTimes& after) noexcept {
  // The kernel lets iowait and guest run backwards a little; such a step counts as none.
  const auto step = [&](double CpuTimes::* field) { return std::max(0.0, after.*field - before.*field); };
  const double busy = step(&CpuTimes::user) + step(&CpuTimes::nice) + step(&CpuTimes::system) + step(&CpuTimes::irq) +
                      step(&CpuTimes::softirq) + step(&CpuTimes::steal);
  const double all = busy + step(&CpuTimes::idle) + step(&CpuTimes::iowait);
  if (all <= 0.0) return std::nullopt;
  return 100.0 * busy / all;
}

Memory memory(const fs::path& root) {
  const fs::path path = root / "proc/meminfo";
  const auto fields = meminfo(path);
  Memory memory;
  memory.total = field(fields, "MemTotal", path);
  memory.free = field(fields, "MemFree", path);
  memory.available = std::min(field(fields, "MemAvailable", path), memory.total);
  memory.used = memory.total - memory.available;
  memory.percent = percent_of(memory.used, memory.total);
  return memory;
}

Swap swap(const fs::path& root) {
  const fs::path path = root / "proc/meminfo";
  const auto fields = meminfo(path);
  Swap swap;
  swap.total = field(fields, "SwapTotal", path);
  swap.free = std::min(field(fields, "SwapFree", path), swap.total);
  swap.used = swap.total - swap.free;
  swap.percent = percent_of(swap.used, swap.total);
  return swap;
}

Load load(const fs::path& root) {
  const fs::path path = root / "proc/loadavg";
  const std::string text = read_file(path);
  std::string_view line = text;
  const auto field = [&] {
    const auto value = number<double>(next_word(line));
    if (!value) lacks(path, "three load averages");
    return *value;
  };
  Load load;
  load.one = field();
  load.five = field();
  load.fifteen = field();
  return load;
}

DiskUsage disk_usage(std::uint64_t fragment_size, std::uint64_t blocks, std::uint64_t blocks_free,
                     std::uint64_t blocks_available) noexcept {
  DiskUsage usage;
  usage.total = blocks * fragment_size;
  usage.used = less(blocks, blocks_free) * fragment_size;
  usage.free = blocks_available * fragment_size;
  usage.percent = percent_of(usage.used, usage.used + usage.free);
  return usage;
}

DiskUsage disk_usage(const fs::path& path) {
  struct statvfs status{};
  while (statvfs(path.c_str(), &status) != 0) {
    if (errno != EINTR) throw SystemError(errno, fmt::format("cannot ask for the disk usage of {}", path.string()));
  }
  return disk_usage(status.f_frsize, status.f_blocks, status.f_bfree, status.f_bavail);
}

std::vector<Disk> disk_io(const fs::path& root) {
  constexpr std::uint64_t sector = 512;  // in this file, whatever the device's own
  const std::string text = read_file(root / "proc/diskstats");
  std::vector<Disk> disks;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = next_line(rest);
    next_word(line);  // major
    next_word(line);  // minor
    std::string name(next_word(line));
    // reads, merged, sectors, ms; writes, merged, sectors, ms; in flight, ms busy
    std::array<std::uint64_t, 10> fields{};
    if (numbers(line, fields) < fields.size()) continue;
    std::string folder = name;
    std::ranges::replace(folder, '/', '!');
    std::error_code none;
    if (!fs::exists(root / "sys/block" / folder, none)) continue;
    disks.push_back({.name = std::move(name),
                     .counters = {.read_count = fields[0],
                                  .write_count = fields[4],
                                  .read_bytes = fields[2] * sector,
                                  .write_bytes = fields[6] * sector,
                                  .read_time = fields[3],
                                  .write_time = fields[7],
                                  .busy_time = fields[9]}});
  }
  return disks;
}

std::vector<Temperature> temperatures(const fs::path& root) {
  constexpr std::string_view prefix = "thermal_zone";
  std::vector<Temperature> zones;
  std::error_code error;
  for (fs::directory_iterator entry(root / "sys/class/thermal", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string folder = entry->path().filename().string();
    if (!folder.starts_with(prefix)) continue;
    const auto zone = number<int>(std::string_view(folder).substr(prefix.size()));
    if (!zone) continue;
    Temperature temperature;
    temperature.zone = *zone;
    try {
      const std::string type = read_file(entry->path() / "type");
      temperature.type = type.substr(0, type.find('\n'));
      const std::string text = read_file(entry->path() / "temp");
      std::string_view line = text;
      const auto millidegrees = number<std::int64_t>(next_word(line));
      if (millidegrees) {
        temperature.celsius = static_cast<double>(*millidegrees) / 1000.0;
      } else {
        temperature.code = EPROTO;
      }
    } catch (const SystemError& silent) {
      temperature.code = silent.code();
    }
    zones.push_back(std::move(temperature));
  }
  std::ranges::sort(zones, {}, &Temperature::zone);
  return zones;
}

std::chrono::nanoseconds uptime(const fs::path& root) {
  const fs::path path = root / "proc/uptime";
  const std::string text = read_file(path);
  std::string_view line = text;
  const auto seconds = number<double>(next_word(line));
  if (!seconds || !(*seconds >= 0.0) || *seconds > 1e9) lacks(path, "number of seconds");
  return std::chrono::milliseconds(std::llround(*seconds * 1000.0));
}

std::chrono::sys_seconds boot_time(const fs::path& root) {
  const fs::path path = root / "proc/stat";
  const std::string text = read_file(path);
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = next_line(rest);
    if (next_word(line) != "btime") continue;
    if (const auto seconds = number<std::int64_t>(next_word(line))) {
      return std::chrono::sys_seconds(std::chrono::seconds(*seconds));
    }
  }
  lacks(path, "line \"btime\"");
}

bool reboot_required(const fs::path& root) {
  std::error_code none;
  return fs::exists(root / "run/reboot-required", none);
}

std::optional<Throttled> throttled(const fs::path& root) {
  // …/soc/soc:firmware/get_throttled, with the address of the bus in both names on some models
  const auto file = [&]() -> std::optional<fs::path> {
    std::error_code error;
    for (fs::directory_iterator bus(root / "sys/devices/platform", error), end; !error && bus != end;
         bus.increment(error)) {
      const std::string name = bus->path().filename().string();
      if (!name.starts_with("soc")) continue;
      fs::path path = bus->path() / (name + ":firmware") / "get_throttled";
      std::error_code none;
      if (fs::exists(path, none)) return path;
    }
    return std::nullopt;
  }();
  if (!file) return std::nullopt;
  const std::string text = read_file(*file);
  std::string_view line = text;
  std::string_view word = next_word(line);
  if (word.starts_with("0x")) word.remove_prefix(2);
  std::uint32_t bits = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bits, 16);
  if (error != std::errc{} || end != word.data() + word.size()) lacks(*file, "hexadecimal number");
  const auto reasons = [&](unsigned first) {
    const auto bit = [&](unsigned n) { return (bits >> (first + n) & 1U) != 0; };
    return Throttled::Reasons{bit(0), bit(1), bit(2), bit(3)};
  };
  return Throttled{.now = reasons(0), .since_boot = reasons(16)};
}

std::vector<Wifi> wifi(const fs::path& root) {
  constexpr double best_link = 70;  // of every driver that uses cfg80211
  std::string text;
  try {
    text = read_file(root / "proc/net/wireless");
  } catch (const SystemError& error) {
    if (error.code() == ENOENT) return {};
    throw;
  }
  std::vector<Wifi> interfaces;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = next_line(rest);
    const auto colon = line.find(':');
    if (colon == line.npos) continue;  // one of the two headings
    std::string_view before = line.substr(0, colon);
    line.remove_prefix(colon + 1);
    next_word(line);  // status
    // A '.' behind a number says that it is of now.
    const auto field = [&]() -> std::optional<double> {
      std::string_view word = next_word(line);
      if (word.ends_with('.')) word.remove_suffix(1);
      return number<double>(word);
    };
    const auto link = field();
    const auto level = field();
    if (!link || !level || *level <= -256.0) continue;  // associated with nothing
    // Old drivers write a negative level as the byte that holds it.
    interfaces.push_back({.name = std::string(next_word(before)),
                          .signal = *level > 63.0 ? *level - 256.0 : *level,
                          .quality = std::clamp(100.0 * *link / best_link, 0.0, 100.0)});
  }
  return interfaces;
}

std::vector<Process> processes(const fs::path& root) {
  static const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const fs::path path = root / "proc";
  std::vector<Process> processes;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const auto pid = number<int>(entry->path().filename().string());
    if (!pid) continue;
    std::string text;
    try {
      text = read_file(entry->path() / "stat");
    } catch (const SystemError&) {
      continue;  // it has just ended
    }
    // "1 (a (strange) name) S …": the name may have anything in it.
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == text.npos || close == text.npos || close < open) continue;
    std::string_view line = std::string_view(text).substr(close + 1);
    for (int field = 3; field < 14; ++field) next_word(line);
    const auto user = number<std::uint64_t>(next_word(line));
    const auto system = number<std::uint64_t>(next_word(line));
    for (int field = 16; field < 22; ++field) next_word(line);
    const auto started = number<std::uint64_t>(next_word(line));
    next_word(line);  // size of its address space
    const auto pages = number<std::uint64_t>(next_word(line));
    if (!user || !system || !started || !pages) continue;
    processes.push_back({.pid = *pid,
                         .name = text.substr(open + 1, close - open - 1),
                         .cpu = static_cast<double>(*user + *system) * tick,
                         .started = *started,
                         .rss = *pages * page});
  }
  if (error) throw SystemError(error.value(), fmt::format("cannot list {}", path.string()));
  std::ranges::sort(processes, {}, &Process::pid);
  return processes;
}

std::size_t process_count(const fs::path& root) {
  const fs::path path = root / "proc";
  std::error_code error;
  std::size_t count = 0;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (number<int>(entry->path().filename().string())) ++count;
  }
  if (error) throw SystemError(error.value(), fmt::format("cannot list {}", path.string()));
  return count;
}

}  // namespace tidegate::system
