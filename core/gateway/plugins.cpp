// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/plugins.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <ranges>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/topic.hpp>

#include "plugins/table.hpp"

namespace tidegate::gateway {
namespace {

constexpr std::chrono::seconds first_wait{1};
constexpr std::chrono::seconds most_wait{60};
constexpr std::chrono::seconds names_known{15};  // after a start, the readings of slow buses too
constexpr std::size_t names_said = 8;

const PluginInfo* find_plugin(std::string_view name) noexcept {
  const auto table = plugins::table();
  const auto found = std::ranges::find_if(table, [&](const PluginInfo* plugin) { return plugin->name == name; });
  return found == table.end() ? nullptr : *found;
}

class ReadingChannel final : public Channel {
 public:
  ReadingChannel(Message form, bool json, const std::function<void(Message)>& publish, std::uint64_t& count)
      : form_(std::move(form)), json_(json), publish_(publish), count_(count) {}

  void put(const Reading& reading) override {
    if (!json_ && reading.quality == Quality::bad) return;  // a bare value cannot say that it is not to be believed
    ++count_;
    Message message = form_;
    message.payload = json_ ? to_json(reading) : to_text(reading.value);
    publish_(std::move(message));
  }

 private:
  const Message form_;
  const bool json_;
  const std::function<void(Message)>& publish_;
  std::uint64_t& count_;
};

/// One thread that runs a plugin's slow work in turn. Work that has not begun when it is destroyed is not done. Work
/// that hangs (a dead mount, a stuck bus) cannot be ended: its thread is left behind, and touches nothing but its own
/// job.
class Worker {
 public:
  explicit Worker(Loop& loop) : state_(std::make_shared<State>(loop)), thread_([state = state_] { run(*state); }) {}
  ~Worker() {
    end();
    std::unique_lock lock(state_->mutex);
    const bool ended = state_->condition.wait_until(lock, state_->deadline, [&] { return state_->ended; });
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

  /// No work begins any more, and what is under way has until patience is over.
  void end() {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    state_->stopping = true;
    state_->deadline = std::chrono::steady_clock::now() + patience;
    state_->condition.notify_all();
  }

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
    std::chrono::steady_clock::time_point deadline;  ///< once stopping
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

bool names_upstream(const config::Config& config, std::string_view name) noexcept {
  return std::ranges::find(config.upstreams, name, &config::Upstream::name) != config.upstreams.end();
}

/// A Context that leads nowhere: for reading blocks without starting anything.
class NullContext final : public Context {
 public:
  NullContext(Loop& loop, const config::Config& config, const char* plugin)
      : loop_(loop), config_(config), plugin_(plugin) {}
  Loop& loop() noexcept override { return loop_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return machine_clock(); }
  [[nodiscard]] std::string topic(std::string_view name) const override {
    return config_.gateway.topic(fmt::format("{}/{}", plugin_, name));
  }
  std::unique_ptr<Channel> channel(std::string_view, const ChannelOptions&) override {
    class NullChannel final : public Channel {
      void put(const Reading&) override {}
    };
    return std::make_unique<NullChannel>();
  }
  void listen(const std::string&, std::function<void(const Heard&)>) override {}
  [[nodiscard]] bool linked(std::string_view) const override { return false; }
  [[nodiscard]] bool has_upstream(std::string_view name) const override { return names_upstream(config_, name); }
  std::filesystem::path folder() override { return {}; }
  void degraded(std::string_view, std::string_view) override {}
  void work(std::function<void()>, std::function<void()>, std::string_view) override {}

 private:
  Loop& loop_;
  const config::Config& config_;
  const char* const plugin_;
};

}  // namespace

class Plugins::Part final : private Context {
 public:
  Part(Loop& loop, const config::Config& config, const PluginInfo& info, const Block& block, Health& health,
       const Services& services, Audience& audience, std::map<std::string, std::string>& own_topics)
      : loop_(loop),
        config_(config),
        gateway_(config.gateway),
        info_(info),
        health_(health),
        services_(services),
        audience_(audience),
        own_topics_(own_topics),
        alive_(std::make_shared<int>()) {
    plugin_ = info.make(*this, block);
    for (const auto& reading : block.tables("reading")) {
      if (!reading.has("name")) rules_.push_back(reading.text("of", ""));  // else it makes a reading
    }
  }

  void start() {
    try {
      plugin_->start();
      running_ = true;
      if (!rules_.empty()) names_due_ = loop_.after(names_known, [this] { check_rules(); });
      health_.set(info_.name, "");
      wait_ = first_wait;
    } catch (const std::exception& error) {
      health_.set(info_.name, fmt::format("cannot start: {}; trying again in {} s", error.what(), wait_.count()));
      again_ = loop_.after(wait_, [this] { start(); });
      wait_ = std::min(wait_ * 2, most_wait);
    }
  }

  void stop() noexcept {
    again_ = {};
    names_due_ = {};
    if (running_) plugin_->stop();
    running_ = false;
    alive_.reset();
    for (const auto& [bus, worker] : workers_) worker->end();  // all at once, so that the slow wait together
    workers_.clear();
  }

  [[nodiscard]] Status status() const { return {info_.name, running_, readings_}; }

 private:
  Loop& loop() noexcept override { return loop_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return machine_clock(); }
  [[nodiscard]] std::string topic(std::string_view name) const override {
    return gateway_.topic(fmt::format("{}/{}", info_.name, name));
  }

  std::unique_ptr<Channel> channel(std::string_view name, const ChannelOptions& options) override {
    Message form;
    form.topic = options.topic.empty() ? topic(name) : options.topic;
    check_topic(form.topic);
    if (!options.topic.empty()) own_topics_[fmt::format("{}/{}", info_.name, name)] = options.topic;
    form.qos = options.qos;
    form.retain = options.retain;
    if (!rules_.empty() && names_.emplace(name).second && rules_checked_) check_rules();
    return options.filters.before(
        std::make_unique<ReadingChannel>(std::move(form), options.json, services_.publish, readings_), loop_, clock());
  }

  void listen(const std::string& filter, std::function<void(const Heard&)> heard) override {
    audience_.add(filter, [this, heard = std::move(heard)](const Heard& message) {
      if (running_) heard(message);
    });
  }

  [[nodiscard]] bool linked(std::string_view upstream) const override { return services_.linked(upstream); }
  [[nodiscard]] bool has_upstream(std::string_view name) const override { return names_upstream(config_, name); }

  std::filesystem::path folder() override {
    auto folder = gateway_.state / "plugins" / info_.name;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error || ::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
      throw SystemError(error ? error.value() : errno, fmt::format("cannot use the folder {}", folder.string()));
    }
    return folder;
  }

  void degraded(std::string_view what, std::string_view why) override {
    health_.set(fmt::format("{} {}", info_.name, what), why);
  }

  void work(std::function<void()> work, std::function<void()> done, std::string_view bus) override {
    auto at = workers_.find(bus);
    if (at == workers_.end()) at = workers_.emplace(bus, std::make_unique<Worker>(loop_)).first;
    // What the worker posts may reach the loop after this plugin was stopped.
    at->second->add(std::move(work), [done = std::move(done), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) done();
    });
  }

  /// Readings have the names that the machine gives them, so only now a block can be seen to speak of none.
  void check_rules() {
    rules_checked_ = true;
    for (const auto& of : rules_) {
      const bool some = std::ranges::any_of(names_, [&](const auto& name) { return matches(of, name); });
      const auto more = names_.size() > names_said ? fmt::format(" and {} more", names_.size() - names_said) : "";
      const auto known = fmt::format("{}{}", fmt::join(names_ | std::views::take(names_said), ", "), more);
      degraded(fmt::format("reading of \"{}\"", of),
               some ? "" : fmt::format("matches no reading; there are {}", names_.empty() ? "none" : known));
    }
  }

  Loop& loop_;
  const config::Config& config_;
  const config::Gateway& gateway_;
  const PluginInfo& info_;
  Health& health_;
  const Services& services_;
  Audience& audience_;
  std::map<std::string, std::string>& own_topics_;
  std::unique_ptr<Plugin> plugin_;
  std::map<std::string, std::unique_ptr<Worker>, std::less<>> workers_;  // by bus
  std::shared_ptr<int> alive_;
  std::vector<std::string> rules_;            // of the blocks "reading"
  std::set<std::string, std::less<>> names_;  // of the readings that there have been
  bool rules_checked_ = false;
  Source names_due_;
  Source again_;
  std::chrono::seconds wait_ = first_wait;
  std::uint64_t readings_ = 0;
  bool running_ = false;
};

Plugins::Plugins(Loop& loop, const config::Config& config, Health& health, Services services)
    : services_(std::move(services)), audience_(loop, machine_clock()) {
  for (const auto& block : config.plugins) {
    const auto* plugin = find_plugin(block.plugin);
    if (plugin == nullptr) continue;
    parts_.push_back(
        std::make_unique<Part>(loop, config, *plugin, block.block, health, services_, audience_, own_topics_));
  }
}

Plugins::~Plugins() {
  stop();
}

void Plugins::start() {
  for (const auto& part : parts_) part->start();
}

void Plugins::stop() noexcept {
  for (const auto& part : parts_) part->stop();
}

std::vector<Plugins::Status> Plugins::status() const {
  std::vector<Status> status;
  for (const auto& part : parts_) status.push_back(part->status());
  return status;
}

void read_plugin_blocks(const config::Config& config) {
  Loop loop;
  for (const auto& block : config.plugins) {
    const auto* plugin = find_plugin(block.plugin);
    if (plugin == nullptr) continue;
    NullContext context(loop, config, plugin->name);
    static_cast<void>(plugin->make(context, block.block));
  }
}

std::vector<std::string> plugin_names() {
  std::vector<std::string> names;
  for (const auto* plugin : plugins::table()) names.emplace_back(plugin->name);
  return names;
}

}  // namespace tidegate::gateway
