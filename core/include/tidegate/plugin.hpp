// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <tidegate/block.hpp>
#include <tidegate/clock.hpp>
#include <tidegate/loop.hpp>
#include <tidegate/message.hpp>
#include <tidegate/reading.hpp>

namespace tidegate {

/// Where one stream of readings goes. Its topic was bound when it was made, so putting is cheap. Thread: loop.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual void put(const Reading& reading) = 0;
};

struct ChannelOptions {
  std::string topic;  ///< empty: <base>/<gateway>/<plugin>/<name>
  bool json = false;  ///< the payload is to_json(reading) instead of the bare value
  bool retain = false;
  Qos qos = Qos::at_least_once;
};

/// What a plugin is given: nothing else of the gateway can be seen from one. Thread: loop.
class Context {
 public:
  virtual ~Context() = default;
  [[nodiscard]] virtual Loop& loop() noexcept = 0;
  [[nodiscard]] virtual const Clock& clock() const noexcept = 0;
  /// name: "cpu/percent"; becomes the end of the topic. Throws TopicError when that is no topic.
  [[nodiscard]] virtual std::unique_ptr<Channel> channel(std::string_view name, const ChannelOptions& options = {}) = 0;
  /// Says in health that something does not work ("eth0 vanished"), or that it works again (empty text).
  virtual void degraded(std::string_view what, std::string_view why) = 0;
  /// Runs work on a thread of this plugin's own and then done on the loop, one after another; for buses that block.
  virtual void work(std::function<void()> work, std::function<void()> done) = 0;
};

/// A source of readings. Construction reads the configuration and opens nothing. Thread: loop.
class Input {
 public:
  virtual ~Input() = default;
  /// Opens and starts emitting. Throws Error when it cannot; the gateway reports it and tries again with backoff.
  virtual void start() = 0;
  /// After it returned nothing is emitted.
  virtual void stop() noexcept = 0;
};

/// A request to change an output.
struct Command {
  std::string payload;
  WallTime taken{};
  bool retained = false;
};

/// Something that can be switched or set. Thread: loop.
class Output {
 public:
  virtual ~Output() = default;
  virtual void start() = 0;
  virtual void stop() noexcept = 0;
  virtual void apply(const Command& command) = 0;
};

/// A plugin: its name (the TOML table it reads), a sample of that table, and how to make its parts; either may be null.
/// The makers read the block with its getters, which file their own complaints, and open nothing.
struct PluginInfo {
  const char* name;
  const char* sample;
  std::unique_ptr<Input> (*make_input)(Context&, const Block&);
  std::unique_ptr<Output> (*make_output)(Context&, const Block&);
};

}  // namespace tidegate
