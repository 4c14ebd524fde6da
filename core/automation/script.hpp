// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidegate/clock.hpp>
#include <tidegate/descriptor.hpp>
#include <tidegate/log.hpp>
#include <tidegate/loop.hpp>

#include "automation/backoff.hpp"
#include "automation/cgroup.hpp"
#include "automation/output.hpp"
#include "automation/throttle.hpp"
#include "config/automation.hpp"
#include "event/process.hpp"

namespace tidegate::automation {

class Script;

/// Who a script is at the local broker.
struct Identity {
  std::vector<std::pair<std::string, std::string>> environment;  ///< what it is told of that
  std::string missing;                                           ///< why it is not known there yet; empty: it is
};

/// What scripts share. Outlives them.
struct Surroundings {
  Loop& loop;
  const Clock& clock;
  const config::Automations& settings;
  std::string mark;                            ///< the begin of the variable that all processes of a script carry
  std::optional<CgroupTree> groups;            ///< where we have been handed some
  std::function<void(const Script&)> changed;  ///< its state is another; when it is gone it may be destroyed, later
  /// Asked before each run. Throws ConfigError when a script cannot have the rights that its options name.
  std::function<Identity(const std::string& name, const config::AutomationOptions& options)> identify;
  std::uint64_t runs = 0;  ///< begun so far
};

/// One file, and the process that runs it: started, watched, limited, started again, stopped. It runs once at a time.
/// All that it started ends with it. Thread: loop.
class Script final {
 public:
  enum class State : std::uint8_t {
    running,
    stopping,  ///< has been asked to end
    waiting,   ///< has ended, and will be started again
    finished,  ///< has ended, and is not started again: that is no failure
    failed,    ///< cannot be started, or has failed and is not started again
    stopped,   ///< is not to run
    gone,      ///< the file was removed
  };

  /// Starts nothing yet.
  Script(Surroundings& surroundings, std::filesystem::path file);
  ~Script();  ///< kills it
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  /// The file is new, or was saved: reads its header, and starts it, again if need be. Not while it was told to stop.
  void save();
  /// The settings are others: as save(), if that changes how this one is run.
  void settings_changed();
  void broker_moved();  ///< starts it again if it was told where the broker was
  void start();         ///< unless it runs
  void restart();       ///< even one that was told to stop
  void stop();          ///< until start() or restart()
  void remove();        ///< the file is gone

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }
  /// How often it was started again because it had ended.
  [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_; }
  [[nodiscard]] WallTime since() const noexcept { return since_; }
  /// "memory 64MiB (control group), cpu 50% (pauses)"; empty when it has none.
  [[nodiscard]] const std::string& limits() const noexcept { return limits_; }
  [[nodiscard]] const Output& output() const noexcept { return output_; }

 private:
  enum class Then : std::uint8_t { start, stay, go };
  void become(State state, std::string why = {});
  [[nodiscard]] config::AutomationOptions wanted_options(const config::AutomationOptions& header) const;
  void launch();
  void run(const config::AutomationOptions& options, const Identity& identity);
  [[nodiscard]] event::Launch prepared(const config::AutomationOptions& options, const Identity& identity);
  void end(Then then);
  void settle();
  void signal(int number) const noexcept;
  void read_output();
  void drain() noexcept;
  void ended();
  void note(const std::string& text, log::Level level = log::Level::notice);

  Surroundings& surroundings_;
  const std::filesystem::path file_;
  const std::string name_;
  State state_ = State::stopped;
  std::string why_;
  WallTime since_;
  std::uint64_t restarts_ = 0;
  bool held_ = false;  ///< was told to stop
  Then then_ = Then::stay;
  config::AutomationOptions options_;  ///< of the last run, or what kept it from running
  std::optional<Backoff> backoff_;
  std::string limits_;
  std::string mark_;
  Output output_;
  Descriptor output_fd_;
  double allowance_ = 0;  ///< bytes that may be read before there is a pause
  Nanoseconds started_{0}, read_{0};
  event::Process process_;
  std::optional<Cgroup> group_;
  std::unique_ptr<Throttle> throttle_;
  Source end_, next_, kill_, output_watch_;
};

[[nodiscard]] const char* to_string(Script::State state) noexcept;

}  // namespace tidegate::automation
