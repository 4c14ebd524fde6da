// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/plugin.hpp>

#include "plugins/common/members.hpp"
#include "plugins/sim/recording.hpp"
#include "plugins/sim/signal.hpp"
#include "sim_sample.hpp"

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;
using sim::Recording;
using sim::Signal;

/// How one sensor is published, and when.
struct Options {
  std::string name;
  std::string unit;
  Nanoseconds interval;
  ChannelOptions channel;
};

/// Shows something on its channel from start() to stop(). Thread: loop.
class Sensor {
 public:
  Sensor(Context& context, Options options) : context_(context), options_(std::move(options)) {}
  virtual ~Sensor() = default;
  Sensor(const Sensor&) = delete;
  Sensor& operator=(const Sensor&) = delete;

  void start() {
    channel_ = context_.channel(options_.name, options_.channel);
    origin_ = context_.clock().boot();
    begin();
  }
  void stop() noexcept {
    timer_ = Source();
    channel_.reset();
  }

 protected:
  virtual void begin() = 0;
  void show(double value) const {
    const Clock& clock = context_.clock();
    channel_->put(
        {.value = value, .unit = options_.unit, .taken = clock.wall(), .clock = clock.quality(), .simulated = true});
  }
  [[nodiscard]] Nanoseconds since() const { return context_.clock().boot() - origin_; }
  /// Once so long from now, or each interval, until it is stopped or told otherwise.
  void call_after(Nanoseconds time, Loop::Callback callback) {
    timer_ = context_.loop().after(time, std::move(callback));
  }
  void call_each_interval(Loop::Callback callback) {
    timer_ = context_.loop().every(options_.interval, std::move(callback));
  }

 private:
  Context& context_;
  const Options options_;
  std::unique_ptr<Channel> channel_;
  Nanoseconds origin_{};
  Source timer_;
};

/// Shows a signal, once each interval.
class Wave final : public Sensor {
 public:
  Wave(Context& context, Options options, Signal signal)
      : Sensor(context, std::move(options)), form_(std::move(signal)) {}

 private:
  void begin() override {
    signal_ = form_;
    show(signal_(since()));
    call_each_interval([this] { show(signal_(since())); });
  }

  const Signal form_;  // as it is at the start; a walk goes on from there
  Signal signal_;
};

/// Shows each row of a recording at its time.
class Replay final : public Sensor {
 public:
  Replay(Context& context, Options options, Recording recording, bool loops)
      : Sensor(context, std::move(options)), recording_(std::move(recording)), loops_(loops) {}

 private:
  /// When the loop has been late, at most so many rows come at once; the older ones are left out.
  static constexpr std::ptrdiff_t most_at_once = 1'000;

  void begin() override {
    lap_ = {};
    next_ = recording_.rows.begin();
    turn();
  }
  void turn() {
    // A machine that slept for whole laps does not make up for them.
    if (loops_ && since() - lap_ >= 2 * recording_.length) {
      lap_ += recording_.length * ((since() - lap_) / recording_.length);
      next_ = recording_.rows.begin();
    }
    show_due();
    if (next_ == recording_.rows.end() && loops_) {
      lap_ += recording_.length;
      next_ = recording_.rows.begin();
      show_due();
    }
    if (next_ != recording_.rows.end()) call_after(lap_ + next_->at - since(), [this] { turn(); });
  }
  void show_due() {
    const auto due = std::upper_bound(next_, recording_.rows.cend(), since() - lap_,
                                      [](Nanoseconds time, const Recording::Row& row) { return time < row.at; });
    for (next_ = std::max(next_, due - std::min(due - next_, most_at_once)); next_ != due; ++next_) show(next_->value);
  }

  const Recording recording_;
  const bool loops_;
  Nanoseconds lap_{};  // when this one began, since the start
  std::vector<Recording::Row>::const_iterator next_;
};

/// A seed for every name (FNV-1a), so that two sensors differ and each is the same after a restart.
std::uint64_t seed_of(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

std::unique_ptr<Sensor> read_replay(Context& context, const Block& block, Options options) {
  const auto file = block.path("file");
  const bool loops = block.boolean("loop", true);
  if (!block.has("file")) block.complain({}, "has no file; add file = \"recording.csv\"");
  Recording recording{{{0ns, 0.0}}, options.interval};
  try {
    if (!file.empty()) recording = sim::read_recording(file, options.interval);
  } catch (const Error& error) {
    block.complain("file", error.what());
  }
  return std::make_unique<Replay>(context, std::move(options), std::move(recording), loops);
}

Signal read_signal(const Block& block, const std::string& kind, const Options& options) {
  constexpr double largest = std::numeric_limits<double>::max() / 4;  // so that the difference of two is a number
  sim::Range range{block.number("min", 0, -largest, largest), block.number("max", 1, -largest, largest)};
  if (range.least >= range.most) {
    block.complain(block.has("min") ? "min" : "max",
                   fmt::format("min is {} and max is {}; min has to be less", range.least, range.most));
    range = {0, 1};
  }
  if (kind == "noise" || kind == "walk") {
    const auto seed =
        block.has("seed")
            ? static_cast<std::uint64_t>(block.integer("seed", 0, 0, std::numeric_limits<std::int64_t>::max()))
            : seed_of(options.name);
    if (kind == "noise") return sim::noise(range, options.interval, seed);
    const double step = block.number("step", (range.most - range.least) / 20, 0, range.most - range.least);
    return sim::walk(range, step, options.interval, seed);
  }
  const auto period = block.duration("period", 60s, 1ms, std::chrono::days(366));
  if (kind == "ramp") return sim::ramp(range, period);
  if (kind == "square") return sim::square(range, period);
  return sim::sine(range, period);
}

std::unique_ptr<Sensor> read_sensor(Context& context, const Block& block, std::set<std::string>& names) {
  Options options;
  options.name = member_name(block, names, "sensor");
  const auto kind = block.word("kind", "sine", {"sine", "ramp", "walk", "square", "noise", "replay"});
  options.interval = block.duration("interval", 1s, 1ms, std::chrono::days(366));
  options.unit = block.text("unit", "");
  options.channel = channel_options(block);
  if (kind == "replay") return read_replay(context, block, std::move(options));
  auto signal = read_signal(block, kind, options);
  return std::make_unique<Wave>(context, std::move(options), std::move(signal));
}

}  // namespace

extern const PluginInfo sim_plugin;
const PluginInfo sim_plugin = {
    .name = "sim",
    .sample = sim_sample,
    .make = [](Context& context, const Block& block) -> std::unique_ptr<Plugin> {
      std::vector<std::unique_ptr<Sensor>> sensors;
      std::set<std::string> names;
      for (const auto& sensor : block.tables("sensor")) sensors.push_back(read_sensor(context, sensor, names));
      return std::make_unique<Members<Sensor>>(std::move(sensors));
    },
};

}  // namespace tidegate::plugins
