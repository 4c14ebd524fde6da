// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "event/process.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace tidegate::event {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class AProcess : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidegate-process-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    log = folder / "log";
  }
  void TearDown() override { fs::remove_all(folder); }
  [[nodiscard]] std::string logged() const {
    std::ifstream file(log);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void nothing(const Process&) {}

  fs::path folder, log;
};

TEST_F(AProcess, LeadsASessionOfItsOwnWithItsOutputInTheLog) {
  Process process = Process::start({"/bin/sh", "-c", "ps -o sid= -p $$; echo oops >&2"}, log, nothing);
  const pid_t pid = process.pid();
  ASSERT_TRUE(process.wait(10s));
  EXPECT_EQ(show_end(process.reap()), "it ended with status 0");
  EXPECT_EQ(std::strtol(logged().c_str(), nullptr, 10), pid);
  EXPECT_NE(logged().find("oops"), std::string::npos);
  EXPECT_FALSE(process);
}

TEST_F(AProcess, IsTakenNoSignalMaskAndNoServiceNotificationOfOurs) {
  sigset_t terminate, before;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &terminate, &before);
  std::signal(SIGPIPE, SIG_IGN);
  setenv("NOTIFY_SOCKET", "/run/nobody", 1);
  setenv("LISTEN_FDS", "1", 1);
  Process process = Process::start(
      {"/bin/grep", "-ahE", "SigBlk|SigIgn|NOTIFY|LISTEN", "/proc/self/status", "/proc/self/environ"}, log, nothing);
  ASSERT_TRUE(process.wait(10s));
  process.reap();
  unsetenv("NOTIFY_SOCKET");
  unsetenv("LISTEN_FDS");
  std::signal(SIGPIPE, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_NE(logged().find("SigBlk:\t0000000000000000"), std::string::npos) << logged();
  EXPECT_NE(logged().find("SigIgn:\t0000000000000000"), std::string::npos) << logged();
  EXPECT_EQ(logged().find("NOTIFY_SOCKET"), std::string::npos);
  EXPECT_EQ(logged().find("LISTEN_FDS"), std::string::npos);
}

TEST_F(AProcess, HasTheFolderTheLimitsTheEnvironmentAndTheUmaskOfItsLaunch) {
  Launch launch;
  launch.arguments = {"/bin/sh", "-c", "pwd; ulimit -n; ulimit -d; umask; echo $WHO; ls /proc/self/fd | wc -l"};
  launch.environment = {"PATH=/usr/bin:/bin", "WHO=me"};
  launch.folder = folder;
  launch.output = open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  launch.limits = {{RLIMIT_NOFILE, {64, 64}}, {RLIMIT_DATA, {64U << 20, 64U << 20}}};
  launch.mask = 027;
  Process process = Process::start(launch, nothing);
  ASSERT_TRUE(process.wait(10s));
  EXPECT_EQ(show_end(process.reap()), "it ended with status 0");
  close(launch.output);
  EXPECT_EQ(logged(), folder.string() + "\n64\n65536\n0027\nme\n4\n");
}

TEST_F(AProcess, SaysThatItCannotWorkInAFolderThatIsNotThere) {
  Launch launch;
  launch.arguments = {"/bin/true"};
  launch.folder = folder / "nowhere";
  launch.output = open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  Process process = Process::start(launch, nothing);
  ASSERT_TRUE(process.wait(10s));
  EXPECT_EQ(show_end(process.reap()), "it ended with status 127");
  close(launch.output);
  EXPECT_EQ(logged(), "Error: cannot work in " + launch.folder.string() + ": No such file or directory\n");
}

TEST_F(AProcess, EndsWithTheThreadThatStartedItWhereItIsToldTo) {
  Launch launch;
  launch.arguments = {"/bin/sleep", "60"};
  Process bound, free;
  std::thread([&] {
    free = Process::start(launch, nothing);
    launch.death_signal = SIGTERM;
    bound = Process::start(launch, nothing);
    // It says what it wants before it becomes the program.
    while (!Process::find(bound.pid(), bound.started(), "60") && !bound.wait(1ms)) {
    }
  }).join();
  ASSERT_TRUE(bound.wait(10s));
  EXPECT_EQ(show_end(bound.reap()), "it was killed by signal 15 (Terminated)");
  EXPECT_FALSE(free.wait(0ms));
  free.signal(SIGKILL);
  ASSERT_TRUE(free.wait(10s));
  free.reap();
}

TEST(AProgram, IsFoundWhereItIsNamedOrInTheFoldersOfPrograms) {
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  EXPECT_EQ(find_program("/bin/nothing"), std::nullopt);
  EXPECT_EQ(find_program("tidegate-no-such-program", "/usr/sbin:/sbin"), std::nullopt);
  const char* path = std::getenv("PATH");
  const std::string before = path != nullptr ? path : "";
  setenv("PATH", "/nowhere:/bin", 1);
  EXPECT_EQ(find_program("sh"), "/bin/sh");
  setenv("PATH", "/nowhere", 1);
  EXPECT_EQ(find_program("sh", "/usr/sbin:/bin"), "/bin/sh");
  setenv("PATH", before.c_str(), 1);
}

TEST_F(AProcess, DoesNotBeginWhenItCannotBeRecorded) {
  const fs::path trace = folder / "trace";
  EXPECT_THROW(static_cast<void>(Process::start({"/usr/bin/touch", trace.string()}, log,
                                                [](const Process&) { throw std::runtime_error("disk full"); })),
               std::runtime_error);
  EXPECT_FALSE(fs::exists(trace));
}

TEST_F(AProcess, SaysInItsLogThatTheProgramCannotBeRun) {
  Process process = Process::start({"/nowhere/mosquitto"}, log, nothing);
  ASSERT_TRUE(process.wait(10s));
  EXPECT_EQ(show_end(process.reap()), "it ended with status 127");
  EXPECT_EQ(logged(), "Error: cannot run /nowhere/mosquitto: No such file or directory\n");
}

TEST_F(AProcess, IsFoundAgainByNumberStartTimeAndArgumentTogether) {
  Process process = Process::start({"/bin/sleep", "60"}, log, nothing);
  const pid_t pid = process.pid();
  const std::uint64_t started = process.started();
  // Its command line is that of the program only once that has begun.
  std::optional<Process> found;
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!found && std::chrono::steady_clock::now() < deadline) found = Process::find(pid, started, "60");
  EXPECT_TRUE(found);
  EXPECT_FALSE(Process::find(pid, started + 1, "60"));
  EXPECT_FALSE(Process::find(pid, started, "6"));
  EXPECT_FALSE(process.wait(0ms));
  process.signal(SIGKILL);
  ASSERT_TRUE(process.wait(10s));
  EXPECT_FALSE(Process::find(pid, started, "60")) << "a zombie lives no more";
  EXPECT_EQ(show_end(process.reap()), "it was killed by signal 9 (Killed)");
}

}  // namespace
}  // namespace tidegate::event
