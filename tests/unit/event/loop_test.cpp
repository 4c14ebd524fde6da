// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/clock.hpp>
#include <tidegate/error.hpp>
#include <tidegate/loop.hpp>

namespace tidegate {
namespace {

using namespace std::chrono_literals;

/// Turns the loop until the condition holds; false when it did not within ten seconds.
template <class Condition>
bool turn_until(Loop& loop, Condition condition) {
  const auto end = machine_clock().boot() + 10s;
  while (!condition()) {
    if (machine_clock().boot() > end) return false;
    loop.run_once(20ms);
  }
  return true;
}

struct Pipe {
  Pipe() { EXPECT_EQ(pipe(ends), 0); }
  ~Pipe() {
    close(ends[0]);
    close(ends[1]);
  }
  void put(char byte) const { EXPECT_EQ(write(ends[1], &byte, 1), 1); }
  [[nodiscard]] char take() const {
    char byte = 0;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
    return byte;
  }
  int ends[2] = {-1, -1};
};

TEST(ALoop, CallsWhatWasPostedBeforeRunFirstAndInOrder) {
  Loop loop;
  Pipe pipe;
  pipe.put('x');
  std::string order;
  const Source source = loop.watch(pipe.ends[0], EPOLLIN, [&](std::uint32_t) {
    order += pipe.take();
    loop.stop();
  });
  for (const char c : std::string("abc")) {
    loop.post([&order, c] { order += c; });
  }
  loop.run();
  EXPECT_EQ(order, "abcx");
}

TEST(ALoop, CallsEverythingThatOtherThreadsPostInTheOrderOfEachThread) {
  Loop loop;
  constexpr int threads = 4;
  constexpr int each = 1'000;
  std::vector<std::vector<int>> seen(threads);
  int total = 0;
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (int n = 0; n < each; ++n) {
        loop.post([&, t, n] {
          seen[static_cast<std::size_t>(t)].push_back(n);
          if (++total == threads * each) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& poster : posters) poster.join();
  for (const auto& numbers : seen) {
    ASSERT_EQ(numbers.size(), static_cast<std::size_t>(each));
    for (int n = 0; n < each; ++n) EXPECT_EQ(numbers[static_cast<std::size_t>(n)], n);
  }
}

TEST(ALoop, EndsRunAfterTheCallbackThatStopsIt) {
  Loop loop;
  std::string order;
  loop.post([&] {
    order += 'a';
    loop.stop();
    order += 'b';
  });
  loop.post([&] { order += 'c'; });
  loop.run();
  EXPECT_EQ(order, "ab");
  EXPECT_FALSE(loop.run_once(0ns));
  EXPECT_EQ(order, "abc") << "what was left is for a drain";
}

TEST(ALoop, IsStoppedFromAnotherThreadWhileItWaits) {
  Loop loop;
  std::thread other([&] { loop.stop(); });
  loop.run();
  other.join();
  EXPECT_FALSE(loop.run_once(0ns));
}

TEST(ALoop, LetsOtherSourcesHaveTheirTurnWhileACallbackPostsItselfForever) {
  Loop loop;
  std::function<void()> again = [&] { loop.post(again); };
  again();
  bool fired = false;
  const Source timer = loop.after(1ms, [&] { fired = true; });
  EXPECT_TRUE(turn_until(loop, [&] { return fired; }));
}

TEST(ALoop, GoesOnAfterACallbackThrew) {
  Loop loop;
  int calls = 0;
  loop.post([] { throw std::runtime_error("posted"); });
  const Source timer = loop.every(1ms, [&] {
    ++calls;
    if (calls == 1) throw 42;
    if (calls == 2) throw TopicError("timer");
  });
  EXPECT_TRUE(turn_until(loop, [&] { return calls >= 3; }));
}

TEST(ALoop, DropsWhatIsStillPostedWhenItIsDestroyed) {
  const auto token = std::make_shared<int>(1);
  {
    Loop loop;
    loop.post([token] { FAIL(); });
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(ALoopTurnedOnce, ReturnsAfterTheTimeoutWhenNothingIsReady) {
  Loop loop;
  const auto begin = machine_clock().boot();
  EXPECT_TRUE(loop.run_once(5ms));
  EXPECT_GE(machine_clock().boot() - begin, 5ms);
}

TEST(ALoopTurnedOnce, DispatchesEverythingThatIsReady) {
  Loop loop;
  Pipe one;
  Pipe two;
  one.put('1');
  two.put('2');
  std::string seen;
  const Source a = loop.watch(one.ends[0], EPOLLIN, [&](std::uint32_t) { seen += one.take(); });
  const Source b = loop.watch(two.ends[0], EPOLLIN, [&](std::uint32_t) { seen += two.take(); });
  loop.post([&] { seen += 'p'; });
  EXPECT_TRUE(loop.run_once(1s));
  EXPECT_EQ(seen.size(), 3U);
}

TEST(ALoopTurnedOnce, ReturnsAlthoughADescriptorIsAlwaysReady) {
  Loop loop;
  Pipe pipe;
  int calls = 0;
  const Source source = loop.watch(pipe.ends[1], EPOLLOUT, [&](std::uint32_t) { ++calls; });
  EXPECT_TRUE(loop.run_once(0ns));
  EXPECT_GE(calls, 1);
}

TEST(AWatch, SaysWhichEventsAreThere) {
  Loop loop;
  auto pipe = std::make_unique<Pipe>();
  const int write_end = dup(pipe->ends[1]);
  std::uint32_t got = 0;
  const Source source = loop.watch(pipe->ends[0], EPOLLIN, [&](std::uint32_t events) { got = events; });
  close(pipe->ends[1]);
  pipe->ends[1] = dup(write_end);
  pipe->put('x');
  EXPECT_TRUE(turn_until(loop, [&] { return got != 0; }));
  EXPECT_EQ(got & EPOLLIN, static_cast<std::uint32_t>(EPOLLIN));
  close(write_end);
}

TEST(AWatch, IsRefusedForWhatCannotBePolled) {
  Loop loop;
  const auto code_of = [&](int fd) {
    try {
      const Source source = loop.watch(fd, EPOLLIN, [](std::uint32_t) {});
    } catch (const SystemError& error) {
      return error.code();
    }
    return 0;
  };
  EXPECT_EQ(code_of(-1), EBADF);
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(code_of(file), EPERM) << "regular files are always ready";
  close(file);
}

TEST(AWatch, IsSilentOnceItsSourceIsDestroyed) {
  Loop loop;
  Pipe pipe;
  pipe.put('x');
  int calls = 0;
  Source source = loop.watch(pipe.ends[0], EPOLLIN, [&](std::uint32_t) { ++calls; });
  EXPECT_TRUE(static_cast<bool>(source));
  source = Source();
  EXPECT_FALSE(static_cast<bool>(source));
  loop.run_once(0ns);
  EXPECT_EQ(calls, 0);
}

TEST(AWatch, IsSilentWhenAnotherCallbackOfTheSameTurnDestroyedIt) {
  Loop loop;
  Pipe one;
  Pipe two;
  one.put('1');
  two.put('2');
  int calls = 0;
  Source a;
  Source b;
  a = loop.watch(one.ends[0], EPOLLIN, [&](std::uint32_t) {
    ++calls;
    b = Source();
    a = Source();
  });
  b = loop.watch(two.ends[0], EPOLLIN, [&](std::uint32_t) {
    ++calls;
    a = Source();
    b = Source();
  });
  loop.run_once(0ns);
  EXPECT_EQ(calls, 1);
}

TEST(AWatch, KeepsItsCapturesUntilACallbackThatDestroysItHasReturned) {
  Loop loop;
  const auto text = std::make_shared<std::string>("still here");
  std::string seen;
  Source source;
  source = loop.after(0ns, [&source, &seen, text] {
    source = Source();
    seen = *text;
  });
  EXPECT_TRUE(turn_until(loop, [&] { return !seen.empty(); }));
  EXPECT_EQ(seen, "still here");
  EXPECT_EQ(text.use_count(), 1);
}

TEST(AWatch, CanBeReplacedFromItsOwnCallback) {
  Loop loop;
  std::string order;
  Source source;
  source = loop.every(1ms, [&] {
    order += 'a';
    source = loop.after(1ms, [&] { order += 'b'; });
  });
  EXPECT_TRUE(turn_until(loop, [&] { return order.size() >= 2; }));
  loop.run_once(5ms);
  EXPECT_EQ(order, "ab");
}

TEST(ATimer, IsNeverEarlyAndFiresOnce) {
  Loop loop;
  const auto begin = machine_clock().boot();
  std::vector<Nanoseconds> fired;
  const Source timer = loop.after(3ms, [&] { fired.push_back(machine_clock().boot() - begin); });
  EXPECT_TRUE(turn_until(loop, [&] { return !fired.empty(); }));
  loop.run_once(5ms);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_GE(fired[0], 3ms);
}

TEST(ATimer, WithALongerDelayThanTheClockCanSayIsSimplyNotDue) {
  Loop loop;
  const Source timer = loop.after(Loop::Duration::max(), [] { FAIL(); });
  EXPECT_TRUE(loop.run_once(1ms));
}

TEST(ATimer, KeepsItsGridHoweverLongItsCallbacksTake) {
  Loop loop;
  constexpr auto interval = 10ms;
  const auto before = machine_clock().boot();
  std::vector<Nanoseconds> fired;
  Nanoseconds least = interval;
  const Source timer = loop.every(interval, [&] {
    fired.push_back(machine_clock().boot());
    least = std::min(least, (fired.back() - before) % interval);
    // A slow callback, as seen from the grid: it burns a third of the interval.
    while (machine_clock().boot() - fired.back() < interval / 3) {
    }
  });
  const auto after = machine_clock().boot();
  EXPECT_TRUE(turn_until(loop, [&] { return fired.size() >= 20; }));
  // The grid starts between before and after; no call is early, and the slow callbacks pushed none off it. Where the
  // machine is busy, all may be late for a while.
  EXPECT_TRUE(turn_until(loop, [&] { return least <= (after - before) + 2ms; })) << "calls drifted off the grid";
  for (const Nanoseconds at : fired) EXPECT_GE(at - before, interval);
  const Nanoseconds last = fired.back() - before;
  EXPECT_GE(last / interval, 20);
}

TEST(ATimer, SkipsTheTurnsThatItMissed) {
  Loop loop;
  int calls = 0;
  const auto begin = machine_clock().boot();
  const Source timer = loop.every(2ms, [&] {
    if (++calls > 1) return;
    while (machine_clock().boot() - begin < 50ms) {
    }
  });
  EXPECT_TRUE(turn_until(loop, [&] { return calls >= 3; }));
  const auto turns = (machine_clock().boot() - begin) / 2ms;
  EXPECT_LE(calls, turns - 20) << "about 24 turns were missed; none of them may be made up for";
}

TEST(ATimer, WithoutAnIntervalIsRefused) {
  Loop loop;
  EXPECT_THROW((void)loop.every(0ns, [] {}), SystemError);
}

TEST(ASignal, IsDeliveredOnTheLoopAndDoesNotKillTheProcess) {
  Loop loop;
  int calls = 0;
  const Source source = loop.signal(SIGUSR1, [&] { ++calls; });
  kill(getpid(), SIGUSR1);
  EXPECT_TRUE(turn_until(loop, [&] { return calls == 1; }));
}

TEST(ASignal, StaysBlockedAfterItsSourceIsGone) {
  Loop loop;
  {
    const Source source = loop.signal(SIGUSR2, [] {});
  }
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGUSR2), 1);
}

TEST(ASignal, ThatCannotBeWatchedIsRefused) {
  Loop loop;
  EXPECT_THROW((void)loop.signal(0, [] {}), SystemError);
  EXPECT_THROW((void)loop.signal(4'711, [] {}), SystemError);
}

TEST(AChild, IsReapedAndItsStatusHandedOver) {
  Loop loop;
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) _exit(7);
  std::vector<int> statuses;
  const Source source = loop.child(pid, [&](int status) { statuses.push_back(status); });
  EXPECT_TRUE(turn_until(loop, [&] { return !statuses.empty(); }));
  loop.run_once(1ms);
  ASSERT_EQ(statuses.size(), 1U);
  EXPECT_TRUE(WIFEXITED(statuses[0]));
  EXPECT_EQ(WEXITSTATUS(statuses[0]), 7);
  EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1);
}

TEST(AChild, ThatWasKilledSaysByWhichSignal) {
  Loop loop;
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    for (;;) pause();
  }
  int got = 0;
  bool ended = false;
  Source source;
  source = loop.child(pid, [&](int status) {
    source = Source();
    got = status;
    ended = true;
  });
  kill(pid, SIGKILL);
  EXPECT_TRUE(turn_until(loop, [&] { return ended; }));
  EXPECT_TRUE(WIFSIGNALED(got));
  EXPECT_EQ(WTERMSIG(got), SIGKILL);
}

TEST(AChild, ThatIsNoChildIsRefused) {
  Loop loop;
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) _exit(0);
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  EXPECT_THROW((void)loop.child(pid, [](int) {}), SystemError);
}

}  // namespace
}  // namespace tidegate
