// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/loop.hpp>

namespace tidegate {
namespace {

using std::chrono::nanoseconds;

/// A run_once() takes at most so many turns, so that a descriptor that is always ready cannot keep it.
constexpr int most_turns = 64;

nanoseconds boot_now() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

/// Rounded up, so that nothing is called early.
std::uint64_t microseconds(nanoseconds time) noexcept {
  if (time <= nanoseconds::zero()) return 0;
  return static_cast<std::uint64_t>(time.count() / 1'000 + (time.count() % 1'000 != 0));
}

/// now + delay, or as far away as can be said.
nanoseconds deadline(nanoseconds delay) noexcept {
  const nanoseconds now = boot_now();
  return delay > nanoseconds::max() - now ? nanoseconds::max() : now + std::max(delay, nanoseconds::zero());
}

void check(int result, const char* what) {
  if (result < 0) throw SystemError(-result, what);
}

/// Nothing may pass through sd-event's C frames.
template <class Callback, class... Args>
void call(const Callback& callback, Args... args) noexcept {
  try {
    callback(args...);
  } catch (const std::exception& error) {
    log::error("a callback of the event loop failed: {}", error.what());
  } catch (...) {
    log::error("a callback of the event loop failed with something that is no std::exception");
  }
}

/// What one sd_event_source calls. Shared by the Source and, while the callback runs, by the dispatch: a callback may
/// destroy its own Source, and must not lose its captures under its feet.
struct Watch : std::enable_shared_from_this<Watch> {
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  virtual ~Watch() { sd_event_source_unref(source); }
  void end() noexcept { source = sd_event_source_disable_unref(source); }

  sd_event_source* source = nullptr;
  Descriptor own_fd;
};

struct FdWatch final : Watch {
  explicit FdWatch(std::function<void(std::uint32_t)> to_call) : callback(std::move(to_call)) {}
  static int dispatch(sd_event_source*, int, std::uint32_t events, void* self) noexcept {
    const auto keep = static_cast<FdWatch*>(self)->shared_from_this();
    call(static_cast<FdWatch*>(self)->callback, events);
    return 0;
  }
  std::function<void(std::uint32_t)> callback;
};

struct OnceWatch final : Watch {
  explicit OnceWatch(Loop::Callback to_call) : callback(std::move(to_call)) {}
  static int dispatch(sd_event_source*, std::uint64_t, void* self) noexcept {
    const auto keep = static_cast<OnceWatch*>(self)->shared_from_this();
    call(static_cast<OnceWatch*>(self)->callback);
    return 0;
  }
  Loop::Callback callback;
};

struct GridWatch final : Watch {
  GridWatch(nanoseconds step, Loop::Callback to_call)
      : interval(step), next(deadline(step)), callback(std::move(to_call)) {}
  static int dispatch(sd_event_source* source, std::uint64_t, void* self) noexcept {
    const auto keep = static_cast<GridWatch*>(self)->shared_from_this();
    auto& watch = *static_cast<GridWatch*>(self);
    call(watch.callback);
    if (watch.source == nullptr) return 0;
    const nanoseconds late = boot_now() - watch.next;
    watch.next += watch.interval * (std::max(late, nanoseconds::zero()) / watch.interval + 1);
    const int armed = sd_event_source_set_time(source, microseconds(watch.next));
    return armed < 0 ? armed : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
  }
  nanoseconds interval;
  nanoseconds next;
  Loop::Callback callback;
};

struct SignalWatch final : Watch {
  explicit SignalWatch(Loop::Callback to_call) : callback(std::move(to_call)) {}
  static int dispatch(sd_event_source*, const signalfd_siginfo*, void* self) noexcept {
    const auto keep = static_cast<SignalWatch*>(self)->shared_from_this();
    call(static_cast<SignalWatch*>(self)->callback);
    return 0;
  }
  Loop::Callback callback;
};

/// A pidfd of our own rather than sd_event_add_child(): that one demands SIGCHLD to be blocked.
struct ChildWatch final : Watch {
  ChildWatch(pid_t child, std::function<void(int)> to_call) : pid(child), callback(std::move(to_call)) {}
  static int dispatch(sd_event_source* source, int, std::uint32_t, void* self) noexcept {
    const auto keep = static_cast<ChildWatch*>(self)->shared_from_this();
    auto& watch = *static_cast<ChildWatch*>(self);
    int status = 0;
    const pid_t reaped = waitpid(watch.pid, &status, WNOHANG);
    if (reaped == 0 || (reaped < 0 && errno == EINTR)) return 0;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (reaped < 0) {
      log::error("process {} ended, but somebody else took its status", watch.pid);
      status = -1;
    }
    call(watch.callback, status);
    return 0;
  }
  pid_t pid;
  std::function<void(int)> callback;
};

}  // namespace

struct Source::Impl {
  explicit Impl(std::shared_ptr<Watch> made) noexcept : watch(std::move(made)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { watch->end(); }

  std::shared_ptr<Watch> watch;
};

Source::Source() noexcept = default;
Source::Source(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Source::Source(Source&&) noexcept = default;
Source& Source::operator=(Source&&) noexcept = default;
Source::~Source() = default;

struct Loop::Impl {
  Impl() {
    check(sd_event_new(&event), "the event loop could not be made");
    wake_fd = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const int result = !wake_fd ? -errno : sd_event_add_io(event, &wake_source, wake_fd.get(), EPOLLIN, woken, this);
    if (result < 0) {
      release();
      check(result, "the event loop's wake-up descriptor could not be made");
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { release(); }

  void release() noexcept {
    posted.clear();
    sd_event_source_disable_unref(wake_source);
    sd_event_unref(event);
  }

  void wake() noexcept {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is woken anyway.
    [[maybe_unused]] const ssize_t written = write(wake_fd.get(), &one, sizeof one);
  }

  static int woken(sd_event_source*, int fd, std::uint32_t, void* self) noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(fd, &count, sizeof count);
    static_cast<Impl*>(self)->dispatch_posted();
    return 0;
  }

  /// What was posted until now; what these post in turn comes after the other sources had their turn.
  void dispatch_posted() noexcept {
    std::vector<Callback> batch;
    {
      const std::lock_guard lock(mutex);
      batch.swap(posted);
    }
    const bool stopped_before = stopped;
    for (auto next = batch.begin(); next != batch.end(); ++next) {
      if (stopped && !stopped_before) {
        const std::lock_guard lock(mutex);
        posted.insert(posted.begin(), std::move_iterator(next), std::move_iterator(batch.end()));
        wake();
        return;
      }
      const Callback callback = std::move(*next);
      call(callback);
    }
  }

  /// One sd_event_run(): one source at most. False when nothing was ready in time.
  bool turn(std::uint64_t timeout) {
    const int result = sd_event_run(event, timeout);
    if (result != -EINTR) check(result, "the event loop failed");
    return result > 0;
  }

  template <class Made, class Add>
  Source add(std::shared_ptr<Made> watch, const char* what, Add add_to) {
    check(add_to(watch.get()), what);
    return Source(std::make_unique<Source::Impl>(std::move(watch)));
  }

  sd_event* event = nullptr;
  sd_event_source* wake_source = nullptr;
  Descriptor wake_fd;
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  std::vector<Callback> posted;  // guarded by mutex
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

void Loop::run() {
  if (!impl_->stopped) impl_->dispatch_posted();
  while (!impl_->stopped) impl_->turn(UINT64_MAX);
}

bool Loop::run_once(Duration timeout) {
  const bool stopped_before = impl_->stopped;
  bool more = impl_->turn(timeout == Duration::max() ? UINT64_MAX : microseconds(timeout));
  for (int turns = 1; more && turns < most_turns && (stopped_before || !impl_->stopped); ++turns) more = impl_->turn(0);
  return !impl_->stopped;
}

void Loop::stop() noexcept {
  impl_->stopped = true;
  impl_->wake();
}

void Loop::post(Callback callback) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->posted.push_back(std::move(callback));
  }
  impl_->wake();
}

Source Loop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback) {
  return impl_->add(std::make_shared<FdWatch>(std::move(callback)), "a descriptor cannot be watched",
                    [&](FdWatch* watch) {
                      return sd_event_add_io(impl_->event, &watch->source, fd, events, FdWatch::dispatch, watch);
                    });
}

Source Loop::after(Duration delay, Callback callback) {
  return impl_->add(std::make_shared<OnceWatch>(std::move(callback)), "a timer cannot be set", [&](OnceWatch* watch) {
    return sd_event_add_time(impl_->event, &watch->source, CLOCK_BOOTTIME, microseconds(deadline(delay)), 1,
                             OnceWatch::dispatch, watch);
  });
}

Source Loop::every(Duration interval, Callback callback) {
  if (interval <= Duration::zero()) throw SystemError(EINVAL, "a timer's interval must be more than zero");
  return impl_->add(std::make_shared<GridWatch>(interval, std::move(callback)), "a timer cannot be set",
                    [&](GridWatch* watch) {
                      return sd_event_add_time(impl_->event, &watch->source, CLOCK_BOOTTIME, microseconds(watch->next),
                                               1, GridWatch::dispatch, watch);
                    });
}

Source Loop::signal(int number, Callback callback) {
  // The mask stays when the Source goes: a signal that is pending then must not kill a process that is shutting down.
  sigset_t mask;
  sigemptyset(&mask);
  if (sigaddset(&mask, number) != 0) throw SystemError(errno, fmt::format("signal {} cannot be watched", number));
  check(-pthread_sigmask(SIG_BLOCK, &mask, nullptr), "a signal cannot be blocked");
  return impl_->add(std::make_shared<SignalWatch>(std::move(callback)), "a signal cannot be watched",
                    [&](SignalWatch* watch) {
                      return sd_event_add_signal(impl_->event, &watch->source, number, SignalWatch::dispatch, watch);
                    });
}

Source Loop::child(pid_t pid, std::function<void(int)> callback) {
  return impl_->add(std::make_shared<ChildWatch>(pid, std::move(callback)), "a child process cannot be watched",
                    [&](ChildWatch* watch) {
                      // Not pidfd_open(): glibc 2.36 declares it without extern "C".
                      watch->own_fd = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
                      if (!watch->own_fd) return -errno;
                      return sd_event_add_io(impl_->event, &watch->source, watch->own_fd.get(), EPOLLIN,
                                             ChildWatch::dispatch, watch);
                    });
}

}  // namespace tidegate
