// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/script.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "automation/header.hpp"
#include "automation/strays.hpp"
#include "base/events.hpp"
#include "config/quantity.hpp"

namespace tidegate::automation {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto identity_pause = 100ms;   ///< between two questions whether the broker knows it
constexpr double output_rate = 1 << 20;  ///< bytes a second that are read; a script that writes more waits in its write

/// The program that runs a script: an interpreter that is named, that of a virtual environment that is named, that of
/// the one we are installed in, or python3.
std::string interpreter(const std::optional<fs::path>& python) {
  if (!python) {
    if (auto found = event::find_beside("python3")) return *found;
    if (auto found = event::find_program("python3")) return *found;
    throw UnavailableError("there is no python3 to run it with. Install it with: apt-get install python3");
  }
  std::error_code error;
  const bool folder = fs::is_directory(*python, error);
  auto program = (folder ? *python / "bin/python" : *python).string();
  if (access(program.c_str(), X_OK) == 0) return program;
  throw UnavailableError(
      fmt::format("python names {}, and {} cannot be run: {}. Name an interpreter, or a virtual environment made with: "
                  "python3 -m venv {}",
                  python->string(), program, std::strerror(errno), python->string()));
}

void set(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  std::erase_if(environment, [&](const std::string& one) { return one.starts_with(name + '='); });
  environment.push_back(name + '=' + value);
}

/// No more than we may ourselves: beyond that the kernel would refuse, and there would be no limit at all.
std::pair<int, rlimit> limit(int resource, std::uint64_t wanted) noexcept {
  rlimit ours{};
  getrlimit(static_cast<decltype(RLIMIT_AS)>(resource), &ours);
  const auto value = std::min<rlim_t>(wanted, ours.rlim_max);
  return {resource, {value, value}};
}

std::string show_seconds(Nanoseconds time) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

std::string show_rights(const std::vector<std::string>& filters) {
  return filters.empty() ? "nothing" : fmt::format("{}", fmt::join(filters, " "));
}

}  // namespace

const char* to_string(Script::State state) noexcept {
  switch (state) {
    case Script::State::running:
      return "running";
    case Script::State::stopping:
      return "stopping";
    case Script::State::waiting:
      return "waiting";
    case Script::State::finished:
      return "finished";
    case Script::State::failed:
      return "failed";
    case Script::State::stopped:
      return "stopped";
    case Script::State::gone:
      return "gone";
  }
  return "?";
}

Script::Script(Surroundings& surroundings, fs::path file)
    : surroundings_(surroundings),
      file_(std::move(file)),
      name_(file_.stem().string()),
      since_(surroundings.clock.wall()),
      output_(surroundings.clock, [this](const std::string& line) {
        const log::Field app("TIDEGATE_APP", name_);
        log::info("{}: {}", name_, line);
      }) {}

Script::~Script() {
  end_ = {};
  throttle_.reset();
  if (process_) {
    signal(SIGKILL);
    static_cast<void>(process_.wait(1s));
    process_.reap();
    group_.reset();
    end_strays(mark_, true);
  }
}

void Script::become(State state, std::string why) {
  state_ = state;
  why_ = std::move(why);
  since_ = surroundings_.clock.wall();
  surroundings_.changed(*this);
}

void Script::save() {
  backoff_.reset();
  restarts_ = 0;
  if (!held_) return end(Then::start);
  // It may have been on its way out.
  then_ = Then::stay;
  if (!process_) settle();
}

void Script::settings_changed() {
  try {
    if (wanted_options(read_header(file_).options) != options_) save();
  } catch (const std::exception&) {
    save();  // which tells
  }
}

void Script::broker_moved() {
  if (process_ && options_.has_rights() && !held_) end(Then::start);
}

void Script::start() {
  held_ = false;
  if (state_ == State::stopping) then_ = Then::start;
  if (!process_) end(Then::start);
}

void Script::restart() {
  held_ = false;
  backoff_.reset();
  end(Then::start);
}

void Script::stop() {
  held_ = true;
  end(Then::stay);
}

void Script::remove() {
  end(Then::go);
}

/// Ends it if it runs, and then goes on.
void Script::end(Then then) {
  then_ = then;
  next_ = {};
  if (!process_) return settle();
  if (state_ == State::stopping) return;
  throttle_.reset();
  signal(SIGTERM);
  signal(SIGCONT);
  const auto patience = options_.stop_timeout.value();
  kill_ = surroundings_.loop.after(patience, [this, patience] {
    note(fmt::format("does not end within {}: it is killed", config::show_duration(patience)), log::Level::warning);
    signal(SIGKILL);
  });
  become(State::stopping);
}

void Script::settle() {
  switch (then_) {
    case Then::start:
      return launch();
    case Then::stay:
      return become(State::stopped, "by command");
    case Then::go:
      return become(State::gone);
  }
}

/// To all of its process group, or to it alone while it is so new that it has none.
void Script::signal(int number) const noexcept {
  if (process_ && ::kill(-process_.pid(), number) < 0) process_.signal(number);
}

void Script::note(const std::string& text, log::Level level) {
  const log::Field app("TIDEGATE_APP", name_);
  log::print(level, "{}: {}", name_, text);
  output_.note("-- " + text);
}

config::AutomationOptions Script::wanted_options(const config::AutomationOptions& header) const {
  config::AutomationOptions options = surroundings_.settings.usual;
  options.lay_over(header);
  for (const auto& named : surroundings_.settings.scripts) {
    if (named.name == name_) options.lay_over(named.options);
  }
  return options;
}

void Script::launch() {
  next_ = {};
  limits_.clear();
  config::AutomationOptions options = surroundings_.settings.usual;
  try {
    const auto header = read_header(file_);
    if (!header.complaints.empty()) {
      std::string all;
      const log::Field app("TIDEGATE_APP", name_);
      for (const auto& [where, what] : header.complaints) {
        log::error("{}: {}", where, what);
        all += fmt::format("{}{}: {}", all.empty() ? "" : "\n", where, what);
      }
      return become(State::failed, all);
    }
    options = options_ = wanted_options(header.options);
    if (!options.run.value_or(true)) return become(State::stopped, "run = false");
    if (!backoff_) {
      backoff_.emplace(options.backoff_first.value(), options.backoff_most.value());
    }
    const auto identity = surroundings_.identify(name_, options);
    if (!identity.missing.empty()) {
      next_ = surroundings_.loop.after(identity_pause, [this] { launch(); });
      if (state_ != State::waiting || why_ != identity.missing) become(State::waiting, identity.missing);
      return;
    }
    run(options, identity);
  } catch (const ConfigError& error) {
    log::error("{}: {}", name_, error.what());
    become(State::failed, error.what());
  } catch (const std::exception& error) {
    // It may be there later: a folder that is not mounted yet, an environment that is being made.
    const auto pause = backoff_ ? backoff_->next(0ns) : options.backoff_first.value();
    if (why_ != error.what()) log::error("{}: {}", name_, error.what());
    next_ = surroundings_.loop.after(pause, [this] { launch(); });
    become(State::waiting, error.what());
  }
}

event::Launch Script::prepared(const config::AutomationOptions& options, const Identity& identity) {
  event::Launch launch;
  launch.arguments = {interpreter(options.python), file_.string()};
  set(launch.environment, "TIDEGATE_APP", name_);
  const auto equals = mark_.find('=');
  set(launch.environment, mark_.substr(0, equals), mark_.substr(equals + 1));
  set(launch.environment, "PYTHONUNBUFFERED", "1");
  for (const auto& [name, value] : identity.environment) set(launch.environment, name, value);
  launch.folder = file_.parent_path();
  launch.death_signal = SIGKILL;
  const auto add = [&](std::string_view what, const std::string& value, std::string_view by) {
    limits_ += fmt::format("{}{} {} ({})", limits_.empty() ? "" : ", ", what, value, by);
  };
  if (options.memory) {
    const bool grouped = group_ && group_->limits_memory();
    // Not RLIMIT_AS: a thread reserves much that it never uses.
    if (!grouped) launch.limits.push_back(limit(RLIMIT_DATA, *options.memory));
    add("memory", config::show_size(*options.memory), grouped ? "control group" : "setrlimit");
  }
  if (options.cpu) {
    add("cpu", fmt::format("{:g}%", *options.cpu * 100), group_ && group_->limits_cpu() ? "control group" : "pauses");
  }
  if (options.files) {
    launch.limits.push_back(limit(RLIMIT_NOFILE, *options.files));
    add("files", std::to_string(*options.files), "setrlimit");
  }
  if (options.publish) add("publish", show_rights(*options.publish), "broker");
  if (options.subscribe) add("subscribe", show_rights(*options.subscribe), "broker");
  return launch;
}

void Script::run(const config::AutomationOptions& options, const Identity& identity) {
  mark_ = fmt::format("{}{}", surroundings_.mark, ++surroundings_.runs);
  group_.reset();
  if (surroundings_.groups) {
    try {
      group_.emplace(surroundings_.groups->make(name_, options.memory, options.cpu));
    } catch (const SystemError& error) {
      log::warning("{}: {}; it runs without a control group of its own", name_, error.what());
    }
  }
  auto launch = prepared(options, identity);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) throw SystemError(errno, "cannot make a pipe");
  Descriptor output(ends[0]);
  const Descriptor its_output(ends[1]);
  fcntl(output.get(), F_SETFL, O_NONBLOCK);
  launch.output = its_output.get();
  process_ = event::Process::start(launch, [&](const event::Process& process) {
    if (group_) group_->add(process.pid());
  });
  output_fd_ = std::move(output);
  started_ = read_ = surroundings_.clock.boot();
  allowance_ = output_rate;
  output_watch_ = surroundings_.loop.watch(output_fd_.get(), EPOLLIN, [this](std::uint32_t) { read_output(); });
  end_ = surroundings_.loop.watch(process_.descriptor(), EPOLLIN, [this](std::uint32_t) { ended(); });
  if (options.cpu && !(group_ && group_->limits_cpu())) {
    throttle_ = std::make_unique<Throttle>(surroundings_.loop, process_.pid(), *options.cpu);
  }
  note(fmt::format("started, process {}{}", process_.pid(), limits_.empty() ? "" : ", " + limits_));
  become(State::running);
}

void Script::read_output() {
  std::array<char, 65536> buffer;
  const auto got = ::read(output_fd_.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    output_watch_ = {};
    return;
  }
  output_.add({buffer.data(), static_cast<std::size_t>(got)});
  const auto now = surroundings_.clock.boot();
  allowance_ = std::min(output_rate, allowance_ + output_rate * std::chrono::duration<double>(now - read_).count()) -
               static_cast<double>(got);
  read_ = now;
  if (allowance_ > 0) return;
  const std::chrono::duration<double> pause(buffer.size() / output_rate - allowance_ / output_rate);
  output_watch_ = surroundings_.loop.after(std::chrono::duration_cast<Nanoseconds>(pause), [this] {
    output_watch_ = surroundings_.loop.watch(output_fd_.get(), EPOLLIN, [this](std::uint32_t) { read_output(); });
  });
}

/// What is in the pipe still, which holds 64 KiB.
void Script::drain() noexcept {
  output_watch_ = {};
  std::array<char, 65536> buffer;
  for (int turns = 0; turns < 16; ++turns) {
    const auto got = ::read(output_fd_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    output_.add({buffer.data(), static_cast<std::size_t>(got)});
  }
  output_.end();
  output_fd_ = Descriptor();
}

void Script::ended() {
  end_ = {};
  kill_ = {};
  throttle_.reset();
  // Before it is reaped: until then nobody else can have its number.
  signal(SIGKILL);
  const bool starved = group_ && group_->out_of_memory();
  const int status = process_.reap();
  group_.reset();
  end_strays(mark_, true);
  drain();
  const auto ran = surroundings_.clock.boot() - started_;
  const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  auto how = event::show_end(status) + (starved ? ", for it had reached its memory limit" : "");
  const bool expected = good || state_ == State::stopping;
  std::optional<log::Field> event;
  if (!expected) event.emplace(log::events::field, log::events::automation_ended);
  note(fmt::format("{}, after {}", how, show_seconds(ran)), expected ? log::Level::notice : log::Level::warning);
  if (state_ == State::stopping) return settle();
  const auto restart = options_.restart.value();
  if (restart == config::Restart::never || (good && restart == config::Restart::on_failure)) {
    return become(good ? State::finished : State::failed, how);
  }
  const auto pause = backoff_->next(ran);
  next_ = surroundings_.loop.after(pause, [this] {
    ++restarts_;
    launch();
  });
  become(State::waiting, fmt::format("{}; started again after {}", how, config::show_duration(pause)));
}

}  // namespace tidegate::automation
