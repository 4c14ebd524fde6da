// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidegate/channel.hpp>

#include "config/config.hpp"
#include "support/recording_context.hpp"

namespace tidegate::test {

/// The configuration of a plugin's table with these lines, the first of which is line 2.
class Lines {
 public:
  explicit Lines(const std::string& lines) : config_(config::parse("[null]\n" + lines, "t.toml", {"null"})) {}

  [[nodiscard]] const Block& block() const { return config_.plugins.at(0).block; }
  /// One a line; empty when there is none.
  [[nodiscard]] std::string complaints() const {
    std::string all;
    for (const auto& [where, what] : block().complaints()) all += (all.empty() ? "" : "\n") + where + ": " + what;
    return all;
  }

 private:
  config::Config config_;
};

/// The complaints about filters = [what].
inline std::string complaints_about(const std::string& what) {
  const Lines lines("filters = [" + what + "]\n");
  (void)Filters(lines.block());
  lines.block().finish();
  return lines.complaints();
}

/// filters = [what] in front of a channel that remembers what came through, by a clock that a test moves.
class Chain {
 public:
  explicit Chain(const std::string& what) : lines_("filters = [" + what + "]\n") {
    const Filters filters(lines_.block());
    lines_.block().finish();
    EXPECT_EQ(lines_.complaints(), "");
    first_ = filters.before(std::make_unique<Last>(out), context_.loop(), clock);
  }

  void put(Value value, Quality quality = Quality::good) {
    put(Reading{std::move(value), "u", quality, clock.wall(), clock.quality()});
  }
  void put(const Reading& reading) { first_->put(reading); }
  /// Puts each in turn; the values that came through for them.
  std::vector<Value> pass(const std::vector<Value>& values) {
    out.clear();
    for (const auto& value : values) put(value);
    return seen();
  }
  [[nodiscard]] std::vector<Value> seen() const {
    std::vector<Value> values;
    for (const auto& reading : out) values.push_back(reading.value);
    return values;
  }
  /// Moves the clock, and turns the loop for as long as it has timers that are due by it.
  template <class Condition>
  bool turn_until(Condition condition) {
    return context_.turn_until(condition);
  }
  /// Lets real time pass for timers that should not do anything.
  void turn_for(Nanoseconds time) {
    const Nanoseconds end = machine_clock().boot() + time;
    while (machine_clock().boot() < end) context_.loop().run_once(std::chrono::milliseconds(1));
  }
  void destroy() { first_.reset(); }

  StillClock clock;
  std::vector<Reading> out;

 private:
  class Last final : public Channel {
   public:
    explicit Last(std::vector<Reading>& out) : out_(out) {}
    void put(const Reading& reading) override { out_.push_back(reading); }

   private:
    std::vector<Reading>& out_;
  };

  RecordingContext context_{clock};
  Lines lines_;
  std::unique_ptr<Channel> first_;
};

}  // namespace tidegate::test
