// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/inputs.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include <tidegate/log.hpp>

#include "plugins/table.hpp"

namespace tidegate::gateway {
namespace {

constexpr std::chrono::seconds first_wait{1};
constexpr std::chrono::seconds most_wait{60};

const PluginInfo* find_plugin(std::string_view name) noexcept {
  const auto table = plugins::table();
  const auto found = std::ranges::find_if(table, [&](const PluginInfo* plugin) { return plugin->name == name; });
  return found == table.end() ? nullptr : *found;
}

class ReadingChannel final : public Channel {
 public:
  ReadingChannel(Message form, bool json, const Inputs::Publish& publish, std::uint64_t& count)
      : form_(std::move(form)), json_(json), publish_(publish), count_(count) {}

  void put(const Reading& reading) override {
    ++count_;
    Message message = form_;
    message.payload = json_ ? to_json(reading) : to_text(reading.value);
    publish_(std::move(message));
  }

 private:
  const Message form_;
  const bool json_;
  const Inputs::Publish& publish_;
  std::uint64_t& count_;
};

/// One thread that runs a plugin's slow work in turn. Work that has not begun when it is destroyed is not done. Work
/// that hangs (a dead mount, a stuck bus) cannot be ended: its thread is left behind, and touches nothing but its own
/// job.
class Worker {
 public:
  explicit Worker(Loop& loop) : state_(std::make_shared<State>(loop)), thread_([state = state_] { run(*state); }) {}
  ~Worker() {
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->condition.notify_all();
    const bool ended = state_->condition.wait_for(lock, patience, [&] { return state_->ended; });
    lock.unlock();
    if (ended) {
      thread_.join();
    } else {
      log::warning("a plugin's slow work does not end; it is left behind");
      thread_.detach();
    }
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void add(std::function<void()> work, std::function<void()> done) {
    {
      const std::lock_guard lock(state_->mutex);
      state_->jobs.emplace_back(std::move(work), std::move(done));
    }
    state_->condition.notify_all();
  }

 private:
  static constexpr std::chrono::seconds patience{1};

  struct State {
    explicit State(Loop& of) : loop(of) {}
    Loop& loop;  ///< not touched once stopping is set
    std::mutex mutex;
    std::condition_variable condition;
    std::deque<std::pair<std::function<void()>, std::function<void()>>> jobs;
    bool stopping = false;
    bool ended = false;
  };

  static void run(State& state) {
    std::unique_lock lock(state.mutex);
    for (;;) {
      state.condition.wait(lock, [&] { return state.stopping || !state.jobs.empty(); });
      if (state.stopping) break;
      auto job = std::move(state.jobs.front());
      state.jobs.pop_front();
      lock.unlock();
      try {
        job.first();
      } catch (const std::exception& error) {
        log::error("a plugin's work failed: {}", error.what());
      }
      lock.lock();
      if (state.stopping) break;
      state.loop.post(std::move(job.second));
    }
    state.ended = true;
    state.condition.notify_all();
  }

  std::shared_ptr<State> state_;
  std::thread thread_;
};

/// A Context that leads nowhere: for reading blocks without starting anything.
class NullContext final : public Context {
 public:
  explicit NullContext(Loop& loop) : loop_(loop) {}
  Loop& loop() noexcept override { return loop_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return machine_clock(); }
  std::unique_ptr<Channel> channel(std::string_view, const ChannelOptions&) override {
    class NullChannel final : public Channel {
      void put(const Reading&) override {}
    };
    return std::make_unique<NullChannel>();
  }
  void degraded(std::string_view, std::string_view) override {}
  void work(std::function<void()>, std::function<void()>) override {}

 private:
  Loop& loop_;
};

}  // namespace

class Inputs::Part final : private Context {
 public:
  Part(Loop& loop, const config::Gateway& gateway, const PluginInfo& plugin, const Block& block, Health& health,
       const Publish& publish)
      : loop_(loop),
        gateway_(gateway),
        plugin_(plugin),
        health_(health),
        publish_(publish),
        alive_(std::make_shared<int>()) {
    input_ = plugin.make_input(*this, block);
  }

  void start() {
    try {
      input_->start();
      running_ = true;
      health_.set(plugin_.name, "");
      wait_ = first_wait;
    } catch (const std::exception& error) {
      health_.set(plugin_.name, fmt::format("cannot start: {}; trying again in {} s", error.what(), wait_.count()));
      again_ = loop_.after(wait_, [this] { start(); });
      wait_ = std::min(wait_ * 2, most_wait);
    }
  }

  void stop() noexcept {
    again_ = {};
    if (running_) input_->stop();
    running_ = false;
    alive_.reset();
    worker_.reset();
  }

  [[nodiscard]] Status status() const { return {plugin_.name, running_, readings_}; }

 private:
  Loop& loop() noexcept override { return loop_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return machine_clock(); }

  std::unique_ptr<Channel> channel(std::string_view name, const ChannelOptions& options) override {
    Message form;
    form.topic = options.topic.empty() ? gateway_.topic(fmt::format("{}/{}", plugin_.name, name)) : options.topic;
    check_topic(form.topic);
    form.qos = options.qos;
    form.retain = options.retain;
    return std::make_unique<ReadingChannel>(std::move(form), options.json, publish_, readings_);
  }

  void degraded(std::string_view what, std::string_view why) override {
    health_.set(fmt::format("{} {}", plugin_.name, what), why);
  }

  void work(std::function<void()> work, std::function<void()> done) override {
    if (!worker_) worker_ = std::make_unique<Worker>(loop_);
    // What the worker posts may reach the loop after this plugin was stopped.
    worker_->add(std::move(work), [done = std::move(done), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) done();
    });
  }

  Loop& loop_;
  const config::Gateway& gateway_;
  const PluginInfo& plugin_;
  Health& health_;
  const Publish publish_;
  std::unique_ptr<Input> input_;
  std::unique_ptr<Worker> worker_;
  std::shared_ptr<int> alive_;
  Source again_;
  std::chrono::seconds wait_ = first_wait;
  std::uint64_t readings_ = 0;
  bool running_ = false;
};

Inputs::Inputs(Loop& loop, const config::Config& config, Health& health, const Publish& publish) {
  for (const auto& block : config.plugins) {
    const auto* plugin = find_plugin(block.plugin);
    if (plugin == nullptr || plugin->make_input == nullptr) continue;
    parts_.push_back(std::make_unique<Part>(loop, config.gateway, *plugin, block.block, health, publish));
  }
}

Inputs::~Inputs() {
  stop();
}

void Inputs::start() {
  for (const auto& part : parts_) part->start();
}

void Inputs::stop() noexcept {
  for (const auto& part : parts_) part->stop();
}

std::vector<Inputs::Status> Inputs::status() const {
  std::vector<Status> status;
  for (const auto& part : parts_) status.push_back(part->status());
  return status;
}

void read_plugin_blocks(const config::Config& config) {
  Loop loop;
  NullContext context(loop);
  for (const auto& block : config.plugins) {
    const auto* plugin = find_plugin(block.plugin);
    if (plugin == nullptr) continue;
    if (plugin->make_input != nullptr) static_cast<void>(plugin->make_input(context, block.block));
    if (plugin->make_output != nullptr) static_cast<void>(plugin->make_output(context, block.block));
  }
}

std::vector<std::string> plugin_names() {
  std::vector<std::string> names;
  for (const auto* plugin : plugins::table()) names.emplace_back(plugin->name);
  return names;
}

}  // namespace tidegate::gateway
