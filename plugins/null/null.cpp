// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <string>

#include <tidegate/plugin.hpp>

#include "null_sample.hpp"

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;

/// Counts 1, 2, 3, … on "count", one step each interval, and reports what it is told on "tell" as "told": the observed
/// state, as every output does. Thread: loop.
class Null final : public Plugin {
 public:
  Null(Context& context, const Block& block)
      : context_(context), interval_(block.duration("interval", 1s, 1ms)), options_(channel_options(block)) {
    listening_ =
        context.listen(context.topic("tell"), [this](const Heard& heard) { report(*told_, heard.message.payload); });
  }

  void start() override {
    count_ = context_.channel("count", options_);
    told_ = context_.channel("told");
    timer_ = context_.loop().every(interval_, [this] { report(*count_, ++counted_); });
  }
  void stop() noexcept override {
    timer_ = Source();
    count_.reset();
    told_.reset();
  }

 private:
  void report(Channel& channel, Value value) const {
    const Clock& clock = context_.clock();
    channel.put({.value = std::move(value), .unit = "", .taken = clock.wall(), .clock = clock.quality()});
  }

  Context& context_;
  const Nanoseconds interval_;
  const ChannelOptions options_;
  std::unique_ptr<Channel> count_, told_;
  Listening listening_;
  Source timer_;
  std::int64_t counted_ = 0;  // goes on over a stop and a start
};

}  // namespace

extern const PluginInfo null_plugin;
const PluginInfo null_plugin = {
    .name = "null",
    .sample = null_sample,
    .make = [](Context& context, const Block& block) -> std::unique_ptr<Plugin> {
      return std::make_unique<Null>(context, block);
    },
};

}  // namespace tidegate::plugins
