// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <sys/types.h>

namespace tidegate {

/// Something a Loop watches. Destroying it (or assigning over it) ends the watch; its callback is not called again.
/// Move-only. Thread: loop. Must not outlive its Loop.
class Source final {
 public:
  Source() noexcept;
  Source(Source&&) noexcept;
  Source& operator=(Source&&) noexcept;
  ~Source();
  [[nodiscard]] explicit operator bool() const noexcept { return impl_ != nullptr; }

 private:
  friend class Loop;
  struct Impl;
  explicit Source(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// The event loop (sd-event). Everything is called on the thread that calls run(); only post() and stop() may be
/// called from others. An exception that leaves a callback is logged, and the loop goes on.
class Loop final {
 public:
  using Callback = std::function<void()>;
  using Duration = std::chrono::nanoseconds;

  /// Throws SystemError when the kernel refuses.
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Dispatches until stop(). What was posted before run() is dispatched first.
  void run();
  /// Dispatches what is ready, waiting at most for timeout; for tests and for drains. False once stopped.
  bool run_once(Duration timeout);
  /// Ends run() after the callback that is running. Thread-safe.
  void stop() noexcept;
  /// Calls callback on the loop, in the order posted. Thread-safe; the queue is unbounded, so post events, not data.
  void post(Callback callback);

  /// Calls back with epoll events (EPOLLIN, …) while the descriptor, which stays yours, is ready.
  [[nodiscard]] Source watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback);
  /// Calls back once, delay from now (CLOCK_BOOTTIME).
  [[nodiscard]] Source after(Duration delay, Callback callback);
  /// Calls back every interval, first one interval from now, on a fixed grid: no drift, missed turns are skipped.
  [[nodiscard]] Source every(Duration interval, Callback callback);
  /// Calls back when the process gets the signal. Blocks it for this thread, so call before starting others.
  [[nodiscard]] Source signal(int number, Callback callback);
  /// Calls back once with the wait status when the child, which is reaped, ends.
  [[nodiscard]] Source child(pid_t pid, std::function<void(int)> callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate
