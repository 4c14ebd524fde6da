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

struct Options {
  Nanoseconds interval{};
  ChannelOptions channel;
};

/// Reads every key of the block; both makers call it, so that no key is unknown to either.
Options read_options(const Block& block) {
  Options options;
  options.interval = block.duration("interval", 1s);
  if (options.interval < 1ms) {
    block.complain("interval", "the interval must be at least \"1ms\"");
    options.interval = 1s;
  }
  options.channel.json = block.boolean("json", false);
  return options;
}

/// Counts 1, 2, 3, … on "count", one step each interval. Thread: loop.
class NullInput final : public Input {
 public:
  NullInput(Context& context, Options options) : context_(context), options_(std::move(options)) {}

  void start() override {
    channel_ = context_.channel("count", options_.channel);
    timer_ = context_.loop().every(options_.interval, [this] { count(); });
  }
  void stop() noexcept override {
    timer_ = Source();
    channel_.reset();
  }

 private:
  void count() {
    const Clock& clock = context_.clock();
    channel_->put({.value = ++count_, .unit = "", .taken = clock.wall(), .clock = clock.quality()});
  }

  Context& context_;
  const Options options_;
  std::unique_ptr<Channel> channel_;
  Source timer_;
  std::int64_t count_ = 0;  // goes on over a stop and a start
};

/// Moves nothing, and reports what it was told on "told": the observed state, as every output does. Thread: loop.
class NullOutput final : public Output {
 public:
  NullOutput(Context& context, Options options) : context_(context), options_(std::move(options)) {}

  void start() override { channel_ = context_.channel("told", options_.channel); }
  void stop() noexcept override { channel_.reset(); }
  void apply(const Command& command) override {
    if (!channel_) return;
    const Clock& clock = context_.clock();
    channel_->put({.value = command.payload, .unit = "", .taken = clock.wall(), .clock = clock.quality()});
  }

 private:
  Context& context_;
  const Options options_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace

extern const PluginInfo null_plugin;
const PluginInfo null_plugin = {
    .name = "null",
    .sample = null_sample,
    .make_input = [](Context& context, const Block& block) -> std::unique_ptr<Input> {
      return std::make_unique<NullInput>(context, read_options(block));
    },
    .make_output = [](Context& context, const Block& block) -> std::unique_ptr<Output> {
      return std::make_unique<NullOutput>(context, read_options(block));
    },
};

}  // namespace tidegate::plugins
