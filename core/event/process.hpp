// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>

#include <tidegate/descriptor.hpp>

namespace tidegate::event {

/// Our environment, as "NAME=value", without what systemd meant for us alone: another program would announce itself
/// ready in our name.
[[nodiscard]] std::vector<std::string> environment();

/// The path of a program: as it is with a '/' in it, else looked up in $PATH, then in more, both separated by ':'.
/// Nothing when there is none that we may run.
[[nodiscard]] std::optional<std::string> find_program(const std::string& name, const std::string& more = {});

/// The same in the folder of the program that this process is.
[[nodiscard]] std::optional<std::string> find_beside(const std::string& name);

/// What a process is started with.
struct Launch {
  std::vector<std::string> arguments;  ///< the first is the path of the program
  std::vector<std::string> environment = event::environment();
  std::filesystem::path folder;                ///< where it works; empty: where we do
  int output = 2;                              ///< its standard output and error; stays yours
  std::vector<std::pair<int, rlimit>> limits;  ///< by RLIMIT_…
  int death_signal = 0;                        ///< it gets when the thread that started it ends; 0: it outlives us
  mode_t mask = 022;                           ///< its umask
};

/// A process in a session of its own, with nothing of ours but what its Launch says. Held by pidfd, so that it cannot
/// be mistaken for a later one with its number. Destroying this lets go of it and leaves it running. Move-only. Thread:
/// one at a time.
class Process final {
 public:
  Process() noexcept = default;

  /// record is called with the new process before the program begins; if it throws, or this process dies first, the
  /// program never begins. Throws SystemError when the process cannot be made, and what record throws. A program that
  /// cannot be run is told on the output, and ends with status 127.
  [[nodiscard]] static Process start(const Launch& launch, const std::function<void(const Process&)>& record);
  /// The same for one that outlives us, is private, and has its output appended to a file.
  [[nodiscard]] static Process start(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                                     const std::function<void(const Process&)>& record);
  /// The living process that has this number and start time, and the argument on its command line.
  [[nodiscard]] static std::optional<Process> find(pid_t pid, std::uint64_t started, const std::string& argument);

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(descriptor_); }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// When it started, in clock ticks since boot: with pid(), its name for ever.
  [[nodiscard]] std::uint64_t started() const noexcept { return started_; }
  /// Readable once it has ended. Stays ours.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }
  void signal(int number) const noexcept;
  /// Waits until it has ended; false when timeout came first.
  [[nodiscard]] bool wait(std::chrono::milliseconds timeout) const noexcept;
  /// Its wait status, or -1 where it was not ours to wait for, and lets go of it. Call it once it has ended.
  int reap();

 private:
  Process(pid_t pid, std::uint64_t started, Descriptor descriptor) noexcept;
  pid_t pid_ = 0;
  std::uint64_t started_ = 0;
  Descriptor descriptor_;
};

/// A wait status in words: "it ended with status 1".
[[nodiscard]] std::string show_end(int status);

}  // namespace tidegate::event
