// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <tidegate/plugin.hpp>

#include "plugins/gpio/line.hpp"

namespace tidegate::plugins::gpio {

/// CLOCK_MONOTONIC, the clock of the kernel's edges.
[[nodiscard]] Nanoseconds monotonic() noexcept;

/// How often a line is looked at without a reason: kernels before 6.5 wake nobody when a chip goes away.
inline constexpr Nanoseconds look_interval = std::chrono::seconds(1);

/// One thing that the configuration names: opened, and, when it fails, closed and opened again with backoff, while the
/// others run. What is wrong stands in health, with the place in the configuration. Thread: loop.
class Part {
 public:
  /// options: how its own readings are published. Reads the keys name and channel_options() of the block.
  Part(Context& context, const Block& block, const ChannelOptions& fallback);
  virtual ~Part() = default;
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  void start();
  void stop() noexcept;
  [[nodiscard]] bool is_started() const noexcept { return started_; }
  /// Whether it would be the same: of the same kind, and written the same.
  [[nodiscard]] bool is_same(const Part& other) const;
  /// Goes on in the place of one that is the same and was never started.
  virtual void replace(Part& fresh);
  /// Before this one is started: takes over what the other one, which is to be stopped next, holds, if that is what
  /// this one would open; so that the line sees nothing of the change. False when it takes nothing.
  virtual bool inherit(Part& /*other*/) { return false; }
  /// It is stopped for good.
  virtual void leave();
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// The topic of its own readings, or of what is under it.
  [[nodiscard]] std::string topic(const std::string& under = {}) const;

 protected:
  /// Throws Error when it cannot.
  virtual void open() = 0;
  /// What open() began, as far as it got; outputs go to their safe state.
  virtual void close() noexcept = 0;

  /// Runs work; what it throws closes this part until it is tried again.
  void guarded(const std::function<void()>& work) noexcept;
  /// Something is wrong that does not stop it; empty: no longer.
  void complain(const std::string& why);

  /// A channel for its readings; under: "event" for <topic>/event.
  [[nodiscard]] std::unique_ptr<Channel> channel(const std::string& under = {}, bool retain = false,
                                                 bool filtered = false) const;
  void put(Channel& channel, Value value, const std::string& unit = {}) const;
  /// The same, for what happened at this time of the kernel's.
  void put_at(Channel& channel, Value value, Nanoseconds at) const;

  Context& context_;
  const ChannelOptions options_;

 private:
  void fail(const std::string& why) noexcept;

  Block block_;
  const bool usual_json_;
  std::string name_;
  std::string where_;
  bool started_ = false;
  bool open_ = false;
  bool left_ = false;
  std::string complaint_;
  Nanoseconds wait_{};
  Source again_;
};

/// The keys line, bias, drive and active_low of a block.
struct LineKeys {
  std::string line;
  Bias bias = Bias::as_is;
  Drive drive = Drive::push_pull;
  bool active_low = false;

  /// Without drive for an input. Complains.
  LineKeys(const Block& block, bool output, const char* key = "line");
  LineKeys() = default;
  [[nodiscard]] LineOptions options() const;
  bool operator==(const LineKeys&) const = default;
};

}  // namespace tidegate::plugins::gpio
