// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace tidegate::broker {

/// A process that outlives the one that started it: in a session of its own, its output in a file. Held by pidfd, so
/// that it cannot be mistaken for a later one with its number. Destroying this lets go of it and leaves it running.
/// Move-only. Thread: one at a time.
class Process final {
 public:
  Process() noexcept = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  /// Runs arguments[0], a path, with its standard output and error appended to log. record is called with the new
  /// process before the program begins; if it throws, or this process dies first, the program never begins.
  /// Throws SystemError when the process cannot be made, and what record throws.
  [[nodiscard]] static Process start(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                                     const std::function<void(const Process&)>& record);
  /// The living process that has this number and start time, and the argument on its command line.
  [[nodiscard]] static std::optional<Process> find(pid_t pid, std::uint64_t started, const std::string& argument);

  [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// When it started, in clock ticks since boot: with pid(), its name for ever.
  [[nodiscard]] std::uint64_t started() const noexcept { return started_; }
  /// Readable once it has ended. Stays ours.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  void signal(int number) const noexcept;
  /// Waits until it has ended; false when timeout came first.
  [[nodiscard]] bool wait(std::chrono::milliseconds timeout) const noexcept;
  /// How it ended, in words, and lets go of it. Call it once it has ended.
  std::string reap();

 private:
  Process(pid_t pid, std::uint64_t started, int descriptor) noexcept;
  pid_t pid_ = 0;
  std::uint64_t started_ = 0;
  int descriptor_ = -1;
};

}  // namespace tidegate::broker
