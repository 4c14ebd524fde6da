// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <tidegate/plugin.hpp>
#include <tidegate/topic.hpp>

namespace tidegate::test {

/// A clock that stands still until a test moves it.
class StillClock final : public Clock {
 public:
  [[nodiscard]] Nanoseconds boot() const noexcept override { return boot_; }
  [[nodiscard]] WallTime wall() const noexcept override { return wall_; }
  [[nodiscard]] ClockQuality quality() const noexcept override { return ClockQuality::ntp; }

  void advance(Nanoseconds step) noexcept {
    boot_ += step;
    wall_ += step;
  }

 private:
  Nanoseconds boot_ = std::chrono::hours(1);
  WallTime wall_{std::chrono::seconds(1'800'000'000)};
};

/// A plugin's view of a gateway that keeps what the plugin emits. work() runs at once, unless the test holds the
/// worker or lets it have threads. Thread: the test's.
class RecordingContext final : public Context {
 public:
  struct Record {
    std::string name;
    Reading reading;
    ChannelOptions options;
  };

  explicit RecordingContext(const Clock& clock = machine_clock()) : clock_(clock) {}

  [[nodiscard]] Loop& loop() noexcept override { return loop_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }
  [[nodiscard]] std::unique_ptr<Channel> channel(std::string_view name, const ChannelOptions& options = {}) override {
    check_topic(name);
    ++channels_made;
    return options.filters.before(std::make_unique<Recorder>(*this, std::string(name), options), loop_, clock_);
  }
  /// The name itself.
  [[nodiscard]] std::string topic(std::string_view name) const override { return std::string(name); }
  Listening listen(const std::string& filter, std::function<void(const Heard&)> heard) override {
    check_filter(filter);
    const auto place = listeners_->emplace(listeners_->end(), filter, std::move(heard));
    // A plugin may outlive its context here.
    return {&*place, [listeners = listeners_, place](void*) { listeners->erase(place); }};
  }
  [[nodiscard]] bool linked(std::string_view upstream) const override { return !broken_links.contains(upstream); }
  [[nodiscard]] bool has_upstream(std::string_view name) const override { return name == "cloud"; }
  [[nodiscard]] std::filesystem::path folder() override { return kept; }
  void degraded(std::string_view what, std::string_view why) override {
    ++degraded_calls;
    if (why.empty()) {
      faults.erase(std::string(what));
    } else {
      faults[std::string(what)] = why;
    }
  }
  void work(std::function<void()> work, std::function<void()> done, std::string_view bus) override {
    if (worker_threads) {
      threads_.emplace_back([this, work = std::move(work), done = std::move(done), &turn = buses_[std::string(bus)]] {
        const std::lock_guard lock(turn);
        work();
        loop_.post(done);
      });
      return;
    }
    held_.emplace_back(std::move(work), std::move(done));
    if (!hold_worker) release_worker();
  }

  /// A message on the local broker: everybody who listens for it hears it, as long as the plugin runs.
  void tell(const std::string& topic, const std::string& payload) {
    Heard heard;
    heard.message.topic = topic;
    heard.message.payload = payload;
    tell(heard);
  }
  void tell(const Heard& heard) const {
    for (const auto& [filter, listener] : *listeners_) {
      if (matches(filter, heard.message.topic)) listener(heard);
    }
  }

  /// Does what was held, in order.
  void release_worker() {
    while (!held_.empty()) {
      const auto [work, done] = std::move(held_.front());
      held_.pop_front();
      work();
      done();
    }
  }

  /// The last reading of a channel, or nullptr.
  [[nodiscard]] const Reading* last(std::string_view name) const {
    const Reading* found = nullptr;
    for (const auto& record : records) {
      if (record.name == name) found = &record.reading;
    }
    return found;
  }

  /// Turns the loop until the condition holds; false when it did not within ten seconds.
  template <class Condition>
  bool turn_until(Condition condition) {
    const Nanoseconds end = machine_clock().boot() + std::chrono::seconds(10);
    while (!condition()) {
      if (machine_clock().boot() > end) return false;
      loop_.run_once(std::chrono::milliseconds(20));
    }
    return true;
  }

  std::vector<Record> records;
  std::map<std::string, std::string> faults;  ///< what is degraded now, and why
  int degraded_calls = 0;
  int channels_made = 0;
  bool hold_worker = false;
  bool worker_threads = false;  ///< work has threads, as in a gateway; those that hang are waited for at the end
  std::set<std::string, std::less<>> broken_links;  ///< upstreams that linked() is false for; "": the local broker
  std::filesystem::path kept;                       ///< what folder() returns

 private:
  class Recorder final : public Channel {
   public:
    Recorder(RecordingContext& context, std::string name, ChannelOptions options)
        : context_(context), name_(std::move(name)), options_(std::move(options)) {}
    void put(const Reading& reading) override { context_.records.push_back({name_, reading, options_}); }

   private:
    RecordingContext& context_;
    const std::string name_;
    const ChannelOptions options_;
  };

  const Clock& clock_;
  Loop loop_;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> held_;
  std::map<std::string, std::mutex> buses_;
  std::vector<std::jthread> threads_;
  using Listeners = std::list<std::pair<std::string, std::function<void(const Heard&)>>>;
  std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
};

}  // namespace tidegate::test
