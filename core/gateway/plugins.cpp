// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/plugins.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <ranges>
#include <set>
#include <thread>
#include <utility>

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
  [[nodiscard]] bool has_ended() const {
    const std::lock_guard lock(state_->mutex);
    return state_->ended;
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
  Listening listen(const std::string&, std::function<void(const Heard&)>) override { return {}; }
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

class Plugins::ReadingChannel final : public Channel {
 public:
  /// usual: the name of its topic, where it has one of its own.
  ReadingChannel(Message form, bool json, const std::string& usual, Channels& channels,
                 const std::function<void(Message&&)>& publish, std::uint64_t& count)
      : form_(std::move(form)), json_(json), usual_(usual), channels_(channels), publish_(publish), count_(count) {
    if (form_.retain) channels_.retained.insert(form_.topic);
    if (usual_.empty()) return;
    auto& own = channels_.own[usual_];
    own.topic = form_.topic;
    ++own.open;
  }
  ~ReadingChannel() override {
    if (form_.retain) channels_.retained.erase(channels_.retained.find(form_.topic));
    if (!usual_.empty()) --channels_.own[usual_].open;
  }
  ReadingChannel(const ReadingChannel&) = delete;
  ReadingChannel& operator=(const ReadingChannel&) = delete;

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
  const std::string usual_;
  Channels& channels_;
  const std::function<void(Message&&)>& publish_;
  std::uint64_t& count_;
};

class Plugins::Part final : private Context {
 public:
  /// Makes no plugin yet.
  Part(Plugins& plugins, const PluginInfo& info) : plugins_(plugins), info_(info) {}

  /// Makes one from this block, unless it is the one that is there. Throws what it throws.
  void prepare(const Block& block) {
    next_block_ = block;
    if (block_ && block_->same(block)) return;
    next_ = info_.make(*this, block);
  }
  /// Forgets what was prepared.
  void forget() noexcept {
    next_block_.reset();
    next_.reset();
  }
  [[nodiscard]] bool is_wanted() const noexcept { return next_block_.has_value(); }
  [[nodiscard]] bool is_new() const noexcept { return !plugin_; }
  /// Puts what was prepared in its place; it is to be started if that is new. Returns whether it is.
  bool change() noexcept {
    block_ = std::exchange(next_block_, {});
    if (!next_) return false;
    names_due_ = {};
    read_rules();
    if (plugin_) {
      again_ = {};
      const bool goes_on = next_->take_over(*plugin_);
      if (running_) plugin_->stop();
      running_ = false;
      if (!goes_on) end();
    }
    plugin_ = std::move(next_);
    wait_ = first_wait;
    return true;
  }

  void start() {
    try {
      plugin_->start();
      running_ = true;
      if (!rules_.empty()) names_due_ = loop().after(names_known, [this] { check_rules(); });
      plugins_.health_.set(info_.name, "");
      wait_ = first_wait;
    } catch (const std::exception& error) {
      plugins_.health_.set(info_.name,
                           fmt::format("cannot start: {}; trying again in {} s", error.what(), wait_.count()));
      again_ = loop().after(wait_, [this] { start(); });
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
    leaving_.clear();
  }
  /// It left the configuration; destroying it comes next.
  void leave() noexcept {
    again_ = {};
    if (running_) plugin_->stop();
    running_ = false;
    end();
    plugin_.reset();
    plugins_.health_.set(info_.name, "", true);
  }
  /// Nothing works for what was stopped any more.
  [[nodiscard]] bool has_left() const {
    return std::ranges::all_of(leaving_, [](const auto& worker) { return worker->has_ended(); });
  }

  [[nodiscard]] Status status() const { return {info_.name, running_, readings_}; }
  [[nodiscard]] std::string_view name() const noexcept { return info_.name; }

 private:
  Loop& loop() noexcept override { return plugins_.loop_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return machine_clock(); }
  [[nodiscard]] std::string topic(std::string_view name) const override {
    return plugins_.config_.gateway.topic(fmt::format("{}/{}", info_.name, name));
  }

  std::unique_ptr<Channel> channel(std::string_view name, const ChannelOptions& options) override {
    Message form;
    form.topic = options.topic.empty() ? topic(name) : options.topic;
    check_topic(form.topic);
    form.qos = options.qos;
    form.retain = options.retain;
    if (!rules_.empty() && names_.emplace(name).second && rules_checked_) check_rules();
    const auto usual = options.topic.empty() ? std::string() : fmt::format("{}/{}", info_.name, name);
    return options.filters.before(
        std::make_unique<ReadingChannel>(std::move(form), options.json, usual, plugins_.channels_,
                                         plugins_.services_.publish, readings_),
        loop(), clock());
  }

  Listening listen(const std::string& filter, std::function<void(const Heard&)> heard) override {
    return plugins_.audience_.add(filter, [this, heard = std::move(heard)](const Heard& message) {
      if (running_) heard(message);
    });
  }

  [[nodiscard]] bool linked(std::string_view upstream) const override { return plugins_.services_.linked(upstream); }
  [[nodiscard]] bool has_upstream(std::string_view name) const override {
    return names_upstream(plugins_.config_, name);
  }

  std::filesystem::path folder() override {
    auto folder = plugins_.config_.gateway.state / "plugins" / info_.name;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error || ::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
      throw SystemError(error ? error.value() : errno, fmt::format("cannot use the folder {}", folder.string()));
    }
    return folder;
  }

  void degraded(std::string_view what, std::string_view why) override {
    const auto whole = fmt::format("{} {}", info_.name, what);
    if (why.empty()) {
      degraded_.erase(whole);
    } else {
      degraded_.insert(whole);
    }
    plugins_.health_.set(whole, why);
  }

  void work(std::function<void()> work, std::function<void()> done, std::string_view bus) override {
    auto at = workers_.find(bus);
    if (at == workers_.end()) at = workers_.emplace(bus, std::make_unique<Worker>(loop())).first;
    // What the worker posts may reach the loop after this plugin was stopped.
    at->second->add(std::move(work), [done = std::move(done), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) done();
    });
  }

  void read_rules() {
    for (const auto& of : rules_) degraded(fmt::format("reading of \"{}\"", of), "");
    rules_.clear();
    names_.clear();
    rules_checked_ = false;
    for (const auto& reading : block_->tables("reading")) {
      if (!reading.has("name")) rules_.push_back(reading.text("of", ""));  // else it makes a reading
    }
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

  /// Of a plugin that was stopped nothing is to be heard any more; its slow work is not waited for.
  void end() noexcept {
    alive_ = std::make_shared<int>();
    std::erase_if(leaving_, [](const auto& worker) { return worker->has_ended(); });
    for (auto& [bus, worker] : workers_) {
      worker->end();
      leaving_.push_back(std::move(worker));
    }
    workers_.clear();
    for (const auto& what : degraded_) plugins_.health_.set(what, "", true);
    degraded_.clear();
  }

  Plugins& plugins_;
  const PluginInfo& info_;
  std::optional<Block> block_, next_block_;
  std::map<std::string, std::unique_ptr<Worker>, std::less<>> workers_;  // by bus
  std::vector<std::string> rules_;                                       // of the blocks "reading"
  std::set<std::string, std::less<>> names_;                             // of the readings that there have been
  bool rules_checked_ = false;
  Source names_due_;
  std::vector<std::unique_ptr<Worker>> leaving_;  // have been ended
  std::set<std::string> degraded_;                // what health knows from it
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  Source again_;
  std::chrono::seconds wait_ = first_wait;
  std::uint64_t readings_ = 0;
  bool running_ = false;
  std::unique_ptr<Plugin> plugin_, next_;
};

Plugins::Plugins(Loop& loop, const config::Config& config, Health& health, Services services)
    : loop_(loop), config_(config), health_(health), services_(std::move(services)), audience_(loop, machine_clock()) {
  prepare();
  for (const auto& part : parts_) part->change();
}

Plugins::~Plugins() {
  stop();
}

void Plugins::start() {
  for (const auto& part : parts_) part->start();
}

void Plugins::stop() noexcept {
  for (const auto& part : parts_) part->stop();
  former_.clear();
}

void Plugins::prepare() {
  try {
    for (const auto& block : config_.plugins) {
      const auto* plugin = find_plugin(block.plugin);
      if (plugin == nullptr) continue;
      auto part = std::ranges::find(parts_, std::string_view(plugin->name), &Part::name);
      if (part == parts_.end()) part = parts_.insert(parts_.end(), std::make_unique<Part>(*this, *plugin));
      (*part)->prepare(block.block);
    }
  } catch (...) {
    for (const auto& part : parts_) part->forget();
    std::erase_if(parts_, [](const auto& part) { return part->is_new(); });
    throw;
  }
}

std::vector<std::string> Plugins::change() {
  const auto retained = channels_.retained;
  // What leaves gives its lines free before another takes them.
  for (auto& part : parts_) {
    if (part->is_wanted()) continue;
    part->leave();
    former_.push_back(std::move(part));
  }
  std::erase(parts_, nullptr);
  std::erase_if(former_, [](const auto& part) { return part->has_left(); });
  std::vector<Part*> fresh;
  for (const auto& part : parts_) {
    if (part->change()) fresh.push_back(part.get());
  }
  std::erase_if(channels_.own, [](const auto& own) { return own.second.open == 0; });
  for (auto* const part : fresh) part->start();
  std::vector<std::string> gone;
  for (const auto& topic : retained) {
    if (!channels_.retained.contains(topic) && (gone.empty() || gone.back() != topic)) gone.push_back(topic);
  }
  return gone;
}

std::map<std::string, std::string> Plugins::own_topics() const {
  std::map<std::string, std::string> topics;
  for (const auto& [usual, own] : channels_.own) topics.emplace(usual, own.topic);
  return topics;
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
