// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/plugin.hpp>
#include <tidegate/system_stats.hpp>

#include "plugins/common/errand.hpp"
#include "plugins/common/faults.hpp"
#include "plugins/common/selection.hpp"
#include "plugins/common/sysfs.hpp"
#include "plugins/sysstat/updates.hpp"
#include "sysstat_sample.hpp"

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;
using sysfs::level;

/// Groups that are read by one errand.
constexpr std::array<const char*, 4> slow_groups = {"temperature", "throttled", "wifi", "top"};

/// Something that has been gone for so long is taken for removed, and no longer a fault.
constexpr Nanoseconds gone_for_good = 24h;

struct Options {
  Nanoseconds interval{};
  std::vector<std::string> groups;
  ReadingRules rules;
  std::filesystem::path root;
  Selection net;
  Selection disk_io;
  std::vector<std::string> mounts;
  std::size_t top = 0;
  Nanoseconds updates_interval{};

  [[nodiscard]] bool collects(std::string_view group) const { return std::ranges::find(groups, group) != groups.end(); }
};

/// "/" is root, and "/boot/firmware" is boot-firmware.
std::string mount_level(std::string_view mount) {
  while (mount.starts_with('/')) mount.remove_prefix(1);
  while (mount.ends_with('/')) mount.remove_suffix(1);
  if (mount.empty()) return "root";
  std::string text(mount);
  std::ranges::replace(text, '/', '-');
  return level(text);
}

double one_decimal(double value) noexcept {
  return std::round(value * 10.0) / 10.0;
}

Value count(std::uint64_t value) noexcept {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(value, most));
}

/// Steps of a counter a second; nothing when it went back (wrapped, or began anew): a rate is never guessed.
std::optional<double> rate(std::uint64_t before, std::uint64_t after, Nanoseconds elapsed) noexcept {
  if (after < before || elapsed <= 0ns) return std::nullopt;
  return static_cast<double>(after - before) / std::chrono::duration<double>(elapsed).count();
}

/// A name as JSON. Processes call themselves what they like, so what is no ASCII becomes '?'.
std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c >= ' ' && c <= '~' ? c : '?';
  }
  return quoted + '"';
}

/// When a worker read something.
struct Stamp {
  explicit Stamp(const Clock& clock) noexcept : taken(clock.wall()), quality(clock.quality()) {}
  WallTime taken;
  ClockQuality quality;
};

/// One of disk.mounts: its usage, or why there is none.
struct Mount {
  std::string path;
  std::optional<system::DiskUsage> usage;
  std::string why;
};

std::vector<Mount> read_mounts(const Options& options) {
  std::vector<Mount> mounts;
  for (const auto& path : options.mounts) {
    Mount mount{path, std::nullopt, {}};
    try {
      mount.usage = system::disk_usage(options.root / std::filesystem::path(path).relative_path());
    } catch (const std::exception& error) {
      mount.why = error.what();
    }
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

/// A value, or why there is none.
template <class What>
struct Perhaps {
  std::optional<What> what;
  std::string why;

  template <class Read>
  static Perhaps of(bool wanted, Read read) {
    Perhaps perhaps;
    if (!wanted) return perhaps;
    try {
      perhaps.what = read();
    } catch (const std::exception& error) {
      perhaps.why = error.what();
    }
    return perhaps;
  }
  /// Throws Error with the reason when there is none.
  [[nodiscard]] const What& get() const {
    if (!what) throw Error(why);
    return *what;
  }
};

/// What drivers and the firmware take their time for.
struct Slow {
  Slow(const Options& options, const Clock& clock)
      : zones(options.collects("temperature") ? system::temperatures(options.root)
                                              : std::vector<system::Temperature>()),
        throttled(Perhaps<std::optional<system::Throttled>>::of(options.collects("throttled"),
                                                                [&] { return system::throttled(options.root); })),
        wifi(Perhaps<std::vector<system::Wifi>>::of(options.collects("wifi"),
                                                    [&] { return system::wifi(options.root); })),
        processes(Perhaps<std::vector<system::Process>>::of(options.collects("top"),
                                                            [&] { return system::processes(options.root); })),
        boot(clock.boot()),
        stamp(clock) {}

  std::vector<system::Temperature> zones;
  Perhaps<std::optional<system::Throttled>> throttled;
  Perhaps<std::vector<system::Wifi>> wifi;
  Perhaps<std::vector<system::Process>> processes;
  Nanoseconds boot;
  Stamp stamp;
};

/// Reads this machine every interval and emits what it found. Thread: loop; the worker sees only a Slow of its own.
class Sysstat final : public Plugin {
 public:
  Sysstat(Context& context, Options options)
      : context_(context), options_(std::make_shared<const Options>(std::move(options))) {}

  void start() override {
    faults_.clear();  // those of an earlier run
    if (options_->groups.empty()) return;
    mounts_ = std::make_unique<Errand>(context_, "disk");
    slow_ = std::make_unique<Errand>(context_, "");
    turn();
    timer_ = context_.loop().every(options_->interval, [this] { turn(); });
    if (!options_->collects("updates")) return;
    updates_ = std::make_unique<Errand>(context_, "updates");
    stopping_ = std::make_shared<std::atomic<bool>>(false);
    ask_updates();
    updates_timer_ = context_.loop().every(options_->updates_interval, [this] { ask_updates(); });
  }

  void stop() noexcept override {
    timer_ = Source();
    updates_timer_ = Source();
    if (stopping_) *stopping_ = true;
    mounts_.reset();
    slow_.reset();
    updates_.reset();
    cpu_.reset();
    processes_.clear();
    net_.clear();
    disks_.clear();
    seen_.clear();
    gone_.clear();
    channels_.clear();
  }

 private:
  using Names = std::set<std::string, std::less<>>;

  void turn() {
    const Clock& clock = context_.clock();
    now_ = clock.boot();
    taken_ = clock.wall();
    quality_ = clock.quality();
    collect("cpu", [this] { cpu(); });
    collect("memory", [this] { memory(); });
    collect("swap", [this] { swap(); });
    collect("load", [this] { load(); });
    collect("net", [this] { net(); });
    collect("disk_io", [this] { disk_io(); });
    collect("uptime", [this] { uptime(); });
    collect("processes", [this] { processes(); });
    collect("boot", [this] { boot(); });
    if (options_->collects("disk")) ask_mounts();
    if (std::ranges::any_of(slow_groups, [&](const char* group) { return options_->collects(group); })) ask_slow();
  }

  /// One group. What it cannot read is said in health, and no other group suffers.
  template <class Read>
  void collect(std::string_view group, Read read) {
    if (!options_->collects(group)) return;
    try {
      read();
      faults_.tell(group, {});
    } catch (const std::exception& error) {
      faults_.tell(group, error.what());
    }
  }

  void emit(const std::string& name, Value value, const char* unit) {
    auto& channel = channels_[name];
    if (!channel) channel = context_.channel(name, options_->rules.of(name));
    channel->put({.value = std::move(value), .unit = unit, .taken = taken_, .clock = quality_});
  }
  void emit_rate(const std::string& name, std::optional<double> value, const char* unit) {
    if (value) emit(name, one_decimal(*value), unit);
  }

  void cpu() {
    system::Cpu now = system::cpu_times(options_->root);
    if (cpu_) {
      emit_rate("cpu/percent", system::cpu_percent(cpu_->all, now.all), "%");
      for (const auto& core : now.cores) {
        const auto before = std::ranges::find(cpu_->cores, core.number, &system::Cpu::Core::number);
        if (before == cpu_->cores.end()) continue;  // it came online just now
        emit_rate(fmt::format("cpu/{}/percent", core.number), system::cpu_percent(before->times, core.times), "%");
      }
    }
    cpu_ = std::move(now);
  }

  void memory() {
    const auto memory = system::memory(options_->root);
    emit("memory/total", count(memory.total), "B");
    emit("memory/available", count(memory.available), "B");
    emit("memory/used", count(memory.used), "B");
    emit("memory/percent", one_decimal(memory.percent), "%");
  }

  void swap() {
    const auto swap = system::swap(options_->root);
    emit("swap/total", count(swap.total), "B");
    emit("swap/used", count(swap.used), "B");
    emit("swap/free", count(swap.free), "B");
    emit("swap/percent", one_decimal(swap.percent), "%");
  }

  void load() {
    const auto load = system::load(options_->root);
    emit("load/1m", load.one, "");
    emit("load/5m", load.five, "");
    emit("load/15m", load.fifteen, "");
  }

  struct NetRates {
    double bytes_sent = 0;
    double bytes_recv = 0;
    double packets_sent = 0;
    double packets_recv = 0;
  };

  void net() {
    auto interfaces = system::net_io(options_->root);
    std::erase_if(interfaces, [&](const auto& interface) { return !options_->net(interface.name); });
    Names names;
    std::map<std::string, system::NetCounters, std::less<>> counters;
    // The total has a rate only when each of its interfaces has one, and they are those of the turn before.
    std::optional<NetRates> sum = NetRates{};
    for (const auto& [name, now] : interfaces) {
      std::string path = "net/" + level(name);
      emit_net(path, now);
      const auto before = net_.find(name);
      const auto rates = before == net_.end() ? std::nullopt : net_rates(before->second, now, now_ - net_read_);
      if (rates) emit_net_rates(path, *rates);
      if (name != "lo") {
        if (rates && sum) {
          sum->bytes_sent += rates->bytes_sent;
          sum->bytes_recv += rates->bytes_recv;
          sum->packets_sent += rates->packets_sent;
          sum->packets_recv += rates->packets_recv;
        } else {
          sum.reset();
        }
      }
      names.insert(std::move(path));
      counters.emplace(name, now);
    }
    for (const auto& [name, before] : net_) {
      if (name != "lo" && !counters.contains(name)) sum.reset();
    }
    emit_net("net/total", system::total(interfaces));
    if (sum && !net_.empty()) emit_net_rates("net/total", *sum);
    net_ = std::move(counters);
    net_read_ = now_;
    attendance("net", std::move(names), "the interface vanished");
  }

  void emit_net(const std::string& path, const system::NetCounters& now) {
    emit(path + "/bytes_sent", count(now.bytes_sent), "B");
    emit(path + "/bytes_recv", count(now.bytes_recv), "B");
    emit(path + "/packets_sent", count(now.packets_sent), "");
    emit(path + "/packets_recv", count(now.packets_recv), "");
    emit(path + "/errin", count(now.errin), "");
    emit(path + "/errout", count(now.errout), "");
    emit(path + "/dropin", count(now.dropin), "");
    emit(path + "/dropout", count(now.dropout), "");
  }

  static std::optional<NetRates> net_rates(const system::NetCounters& before, const system::NetCounters& now,
                                           Nanoseconds elapsed) noexcept {
    const auto bytes_sent = rate(before.bytes_sent, now.bytes_sent, elapsed);
    const auto bytes_recv = rate(before.bytes_recv, now.bytes_recv, elapsed);
    const auto packets_sent = rate(before.packets_sent, now.packets_sent, elapsed);
    const auto packets_recv = rate(before.packets_recv, now.packets_recv, elapsed);
    if (!bytes_sent || !bytes_recv || !packets_sent || !packets_recv) return std::nullopt;
    return NetRates{*bytes_sent, *bytes_recv, *packets_sent, *packets_recv};
  }

  void emit_net_rates(const std::string& path, const NetRates& rates) {
    emit(path + "/bytes_sent_rate", one_decimal(rates.bytes_sent), "B/s");
    emit(path + "/bytes_recv_rate", one_decimal(rates.bytes_recv), "B/s");
    emit(path + "/packets_sent_rate", one_decimal(rates.packets_sent), "1/s");
    emit(path + "/packets_recv_rate", one_decimal(rates.packets_recv), "1/s");
  }

  void disk_io() {
    Names names;
    std::map<std::string, system::DiskCounters, std::less<>> counters;
    for (const auto& [name, now] : system::disk_io(options_->root)) {
      if (!options_->disk_io(name)) continue;
      std::string path = "disk_io/" + level(name);
      emit(path + "/read_count", count(now.read_count), "");
      emit(path + "/write_count", count(now.write_count), "");
      emit(path + "/read_bytes", count(now.read_bytes), "B");
      emit(path + "/write_bytes", count(now.write_bytes), "B");
      emit(path + "/read_time", count(now.read_time), "ms");
      emit(path + "/write_time", count(now.write_time), "ms");
      emit(path + "/busy_time", count(now.busy_time), "ms");
      if (const auto before = disks_.find(name); before != disks_.end()) {
        const Nanoseconds elapsed = now_ - disks_read_;
        emit_rate(path + "/read_bytes_rate", rate(before->second.read_bytes, now.read_bytes, elapsed), "B/s");
        emit_rate(path + "/write_bytes_rate", rate(before->second.write_bytes, now.write_bytes, elapsed), "B/s");
      }
      names.insert(std::move(path));
      counters.emplace(name, now);
    }
    disks_ = std::move(counters);
    disks_read_ = now_;
    attendance("disk_io", std::move(names), "the device vanished");
  }

  void uptime() {
    emit("uptime", std::chrono::floor<std::chrono::seconds>(system::uptime(options_->root)).count(), "s");
    emit("boot_time", system::boot_time(options_->root).time_since_epoch().count(), "s");
  }

  void processes() { emit("processes", count(system::process_count(options_->root)), ""); }

  void boot() {
    // Whole seconds: the kernel's boot time is not known better than that.
    std::string time = iso8601(system::boot_time(options_->root));
    emit("last_boot", time.replace(time.find('.'), 4, ""), "");
    emit("reboot_required", system::reboot_required(options_->root), "");
  }

  void ask_mounts() {
    if (mounts_->under_way()) return faults_.tell("disk", "a path of disk.mounts has not answered since the last turn");
    mounts_->run(
        [options = options_, &clock = context_.clock()](Doing&) {
          auto mounts = read_mounts(*options);
          return std::pair(std::move(mounts), Stamp(clock));
        },
        [this](const std::pair<std::vector<Mount>, Stamp>& answer) {
          taken_ = answer.second.taken;
          quality_ = answer.second.quality;
          collect("disk", [&] { disk(answer.first); });
        });
  }

  void ask_slow() {
    if (slow_->under_way()) {
      return faults_.tell("worker",
                          "a thermal zone, the firmware or a wireless driver has not answered since the last turn");
    }
    slow_->run([options = options_, &clock = context_.clock()](Doing&) { return Slow(*options, clock); },
               [this](const Slow& slow) { answer(slow); });
  }

  void answer(const Slow& slow) {
    faults_.tell("worker", {});
    taken_ = slow.stamp.taken;
    quality_ = slow.stamp.quality;
    collect("temperature", [&] { temperature(slow.zones); });
    collect("throttled", [&] { throttled(slow.throttled.get()); });
    collect("wifi", [&] { wifi(slow.wifi.get()); });
    collect("top", [&] { top(slow.processes.get(), slow.boot); });
  }

  void ask_updates() {
    if (updates_->under_way()) return;
    updates_->run(
        [root = options_->root, stopping = stopping_, &clock = context_.clock()](Doing&) {
          auto updates = Perhaps<Updates>::of(true, [&] { return pending_updates(root, *stopping); });
          return std::pair(std::move(updates), Stamp(clock));
        },
        [this](const std::pair<Perhaps<Updates>, Stamp>& answer) {
          taken_ = answer.second.taken;
          quality_ = answer.second.quality;
          collect("updates", [&] {
            const Updates& updates = answer.first.get();
            emit("updates/pending", count(updates.pending), "");
            emit("updates/security", count(updates.security), "");
          });
        });
  }

  void throttled(const std::optional<system::Throttled>& throttled) {
    if (!throttled) return;  // no Raspberry Pi
    const auto emit_reasons = [this](const system::Throttled::Reasons& reasons, const std::string& suffix) {
      emit("throttled/under_voltage" + suffix, reasons.under_voltage, "");
      emit("throttled/frequency_capped" + suffix, reasons.frequency_capped, "");
      emit("throttled/throttled" + suffix, reasons.throttled, "");
      emit("throttled/soft_temperature_limit" + suffix, reasons.soft_temperature_limit, "");
    };
    emit_reasons(throttled->now, "");
    emit_reasons(throttled->since_boot, "_since_boot");
  }

  void wifi(const std::vector<system::Wifi>& interfaces) {
    Names names;
    for (const auto& interface : interfaces) {
      std::string path = "wifi/" + level(interface.name);
      emit(path + "/signal", interface.signal, "dBm");
      emit(path + "/quality", one_decimal(interface.quality), "%");
      names.insert(std::move(path));
    }
    attendance("wifi", std::move(names), "the interface is not associated any more");
  }

  /// CPU time counts from the turn before, so the first turn says nothing.
  void top(const std::vector<system::Process>& processes, Nanoseconds now) {
    struct Busy {
      const system::Process* process;
      double percent;
    };
    const double elapsed = std::chrono::duration<double>(now - processes_read_).count();
    std::vector<Busy> busy;
    std::map<std::pair<int, std::uint64_t>, double> times;
    for (const auto& process : processes) {
      const std::pair key(process.pid, process.started);
      times[key] = process.cpu;
      const auto before = processes_.find(key);
      const double ran = process.cpu - (before == processes_.end() ? 0.0 : before->second);
      if (elapsed > 0) busy.push_back({&process, one_decimal(std::max(0.0, 100.0 * ran / elapsed))});
    }
    const bool first = processes_.empty();
    processes_ = std::move(times);
    processes_read_ = now;
    if (first || busy.empty()) return;
    std::ranges::sort(busy, [](const Busy& left, const Busy& right) {
      return std::tuple(-left.percent, right.process->rss, left.process->pid) <
             std::tuple(-right.percent, left.process->rss, right.process->pid);
    });
    busy.resize(std::min(busy.size(), options_->top));
    std::string text;
    for (const auto& [process, percent] : busy) {
      text += fmt::format("{}{{\"name\":{},\"pid\":{},\"cpu\":{},\"rss\":{}}}", text.empty() ? "[" : ",",
                          json_text(process->name), process->pid, percent, process->rss);
    }
    emit("top", text + ']', "");
  }

  void disk(const std::vector<Mount>& mounts) {
    for (const auto& mount : mounts) {
      const std::string path = "disk/" + mount_level(mount.path);
      faults_.tell(path, mount.why);
      if (!mount.usage) continue;
      emit(path + "/total", count(mount.usage->total), "B");
      emit(path + "/used", count(mount.usage->used), "B");
      emit(path + "/free", count(mount.usage->free), "B");
      emit(path + "/percent", one_decimal(mount.usage->percent), "%");
    }
  }

  void temperature(const std::vector<system::Temperature>& zones) {
    Names names;
    std::map<std::string, int> same_type;
    for (const auto& zone : zones) {
      std::string path = "temperature/" + (zone.type.empty() ? fmt::format("zone{}", zone.zone) : level(zone.type));
      if (const int number = ++same_type[path]; number > 1) path += fmt::format("-{}", number);
      if (zone.celsius) {
        emit(path, *zone.celsius, "°C");
        names.insert(std::move(path));
      } else {
        // Zones of radios that are off never answer; that is no fault. One that has answered is missed below.
        log::debug("sysstat: {} does not answer: {}", path, std::strerror(zone.code));
      }
    }
    attendance("temperature", std::move(names), "the thermal zone does not answer any more");
  }

  /// Compares who is there with who was, and says who is missing or back.
  void attendance(const std::string& group, Names names, const char* missing) {
    Names& seen = seen_[group];
    for (const auto& name : seen) {
      if (names.contains(name)) continue;
      gone_[name] = now_;
      faults_.tell(name, missing);
      std::erase_if(channels_, [&](const auto& entry) { return entry.first.starts_with(name + '/'); });
    }
    std::erase_if(gone_, [&](const auto& entry) {
      const auto& [name, since] = entry;
      if (!names.contains(name) && now_ - since < gone_for_good) return false;
      faults_.tell(name, {});
      return true;
    });
    seen = std::move(names);
  }

  // Constant.
  Context& context_;
  const std::shared_ptr<const Options> options_;  // shared with a worker that may outlast stop()

  // Of this turn.
  Nanoseconds now_{};
  WallTime taken_{};
  ClockQuality quality_ = ClockQuality::unsynced;

  // From the turn before.
  std::optional<system::Cpu> cpu_;
  std::map<std::string, system::NetCounters, std::less<>> net_;
  Nanoseconds net_read_{};
  std::map<std::string, system::DiskCounters, std::less<>> disks_;
  Nanoseconds disks_read_{};
  std::map<std::pair<int, std::uint64_t>, double> processes_;  // CPU seconds, by pid and start
  Nanoseconds processes_read_{};

  std::map<std::string, Names> seen_;        // by group
  std::map<std::string, Nanoseconds> gone_;  // since when
  Faults faults_{context_};
  std::map<std::string, std::unique_ptr<Channel>> channels_;
  std::unique_ptr<Errand> mounts_, slow_, updates_;
  std::shared_ptr<std::atomic<bool>> stopping_;  // the updates' errand looks at it
  Source timer_, updates_timer_;
};

constexpr std::array<const char*, 13> usual_groups = {"cpu",  "memory",    "swap",        "load",   "net",
                                                      "disk", "disk_io",   "temperature", "uptime", "processes",
                                                      "boot", "throttled", "wifi"};
constexpr std::array<const char*, 2> other_groups = {"updates", "top"};

Options read_options(const Block& block) {
  Options options;
  options.interval = block.duration("interval", 10s);
  if (options.interval < 10ms) {
    block.complain("interval", "the interval must be at least \"10ms\"");
    options.interval = 10s;
  }
  options.groups = block.texts("collect", {usual_groups.begin(), usual_groups.end()});
  for (const auto& group : options.groups) {
    const auto among = [&](const auto& groups) {
      return std::ranges::find(groups, std::string_view(group)) != groups.end();
    };
    if (!among(usual_groups) && !among(other_groups)) {
      block.complain("collect", fmt::format("there is no group \"{}\"; the groups are {}, {}", group,
                                            fmt::join(usual_groups, ", "), fmt::join(other_groups, ", ")));
    }
  }
  ChannelOptions usual;
  usual.json = block.boolean("json", false);
  options.rules = ReadingRules(block, usual);
  options.root = block.text("root", "/");
  if (!options.root.is_absolute()) block.complain("root", "root must be an absolute path, such as \"/\"");
  options.top = static_cast<std::size_t>(block.table("top").integer("count", 5, 1, 100));
  options.updates_interval = block.table("updates").duration("interval", 6h, 1min);
  options.net = read_selection(block.table("net"), {"veth*"});
  options.disk_io = read_selection(block.table("disk_io"), {"loop*", "ram*", "zram*"});
  const Block disk = block.table("disk");
  options.mounts = disk.texts("mounts", {"/"});
  for (const auto& mount : options.mounts) {
    if (!mount.starts_with('/')) {
      disk.complain("mounts", fmt::format("\"{}\" is no absolute path, such as \"/\" or \"/boot/firmware\"", mount));
    }
  }
  return options;
}

}  // namespace

extern const PluginInfo sysstat_plugin;
const PluginInfo sysstat_plugin = {
    .name = "sysstat",
    .sample = sysstat_sample,
    .make = [](Context& context, const Block& block) -> std::unique_ptr<Plugin> {
      return std::make_unique<Sysstat>(context, read_options(block));
    },
};

}  // namespace tidegate::plugins
