// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tidegate/block.hpp>
#include <tidegate/channel.hpp>
#include <tidegate/clock.hpp>
#include <tidegate/loop.hpp>
#include <tidegate/message.hpp>

namespace tidegate {

/// A message that a plugin listens for.
struct Heard {
  Message message;                      ///< retain: it was kept by the broker, and is of unknown age
  std::optional<Nanoseconds> deadline;  ///< by Clock::boot(), when it was published with an expiry: stale from then on
  std::string* refusal = nullptr;       ///< where to write why it is not obeyed; null: nobody asks
};

/// Listens for as long as it is there.
using Listening = std::shared_ptr<void>;

/// What a plugin is given: nothing else of the gateway can be seen from one. Thread: loop.
class Context {
 public:
  virtual ~Context() = default;
  [[nodiscard]] virtual Loop& loop() noexcept = 0;
  [[nodiscard]] virtual const Clock& clock() const noexcept = 0;
  /// The topic that belongs to a name: <base>/<gateway>/<plugin>/<name>.
  [[nodiscard]] virtual std::string topic(std::string_view name) const = 0;
  /// name: "cpu/percent"; becomes the end of the topic. Throws TopicError when that is no topic.
  [[nodiscard]] virtual std::unique_ptr<Channel> channel(std::string_view name, const ChannelOptions& options = {}) = 0;
  /// Has heard called for every message on the local broker that matches, between start() and stop(); this gateway's
  /// own readings too. Messages that were published while the gateway was not there are not among them, but for
  /// retained ones. Only while the plugin is made. Throws TopicError.
  [[nodiscard]] virtual Listening listen(const std::string& filter, std::function<void(const Heard&)> heard) = 0;
  /// Whether the session to an upstream is up; without a name, the one to the local broker. False for a name that is
  /// not configured.
  [[nodiscard]] virtual bool linked(std::string_view upstream = {}) const = 0;
  /// Whether an upstream of this name is configured.
  [[nodiscard]] virtual bool has_upstream(std::string_view name) const = 0;
  /// A folder for what the plugin keeps over restarts. Throws SystemError when there is none that can be written.
  [[nodiscard]] virtual std::filesystem::path folder() = 0;
  /// Says in health that something does not work ("eth0 vanished"), or that it works again (empty text).
  virtual void degraded(std::string_view what, std::string_view why) = 0;
  /// Runs work on a thread of this plugin's own and then done on the loop; for buses that block. Work of one bus is
  /// done one after another; each bus has its own thread, so that one that hangs holds up no other.
  virtual void work(std::function<void()> work, std::function<void()> done, std::string_view bus = {}) = 0;
};

/// A source of readings, or something that can be switched and set. Construction reads the configuration, listens, and
/// opens nothing. Thread: loop.
class Plugin {
 public:
  virtual ~Plugin() = default;
  /// Opens and starts emitting. Throws Error when it cannot; the gateway reports it and tries again with backoff.
  virtual void start() = 0;
  /// After it returned nothing is emitted. Outputs are in their safe state.
  virtual void stop() noexcept = 0;
  /// Called instead of nothing when the configuration was reloaded: this one was made from the new block, and is
  /// started after former, of the same kind and made from the block before, was stopped. It may take out of it what
  /// goes on unchanged. False when it took nothing, and nothing that former still has under way matters.
  virtual bool take_over(Plugin& /*former*/) { return false; }
};

/// A plugin's name (the TOML table it reads), a sample of that table, and how to make it from its block, whose getters
/// file their own complaints.
struct PluginInfo {
  const char* name;
  const char* sample;
  std::unique_ptr<Plugin> (*make)(Context&, const Block&);
};

}  // namespace tidegate
