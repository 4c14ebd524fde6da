// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "event/notifier.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tidegate::event {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// In systemd's place: the socket that $NOTIFY_SOCKET names.
class ANotifier : public testing::Test {
 protected:
  ANotifier() : path_(testing::TempDir() + "notify-" + std::to_string(getpid())) {
    std::filesystem::remove(path_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  ~ANotifier() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    close(fd_);
    std::filesystem::remove(path_);
  }
  /// sd_notify() has been through when it returns.
  std::vector<std::string> told() {
    std::vector<std::string> all;
    std::array<char, 512> text{};
    for (ssize_t got = 0; (got = recv(fd_, text.data(), text.size(), MSG_DONTWAIT)) >= 0;) {
      all.emplace_back(text.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  const std::string path_;
  int fd_ = -1;
};

TEST_F(ANotifier, SaysReadyOnce) {
  Notifier notifier;
  notifier.ready();
  notifier.ready();
  EXPECT_THAT(told(), ElementsAre("READY=1"));
}

TEST_F(ANotifier, SaysAStatusAsOneLineAndOnlyWhenItIsAnother) {
  Notifier notifier;
  notifier.status("one");
  notifier.status("one");
  notifier.status("two\nlines");
  EXPECT_THAT(told(), ElementsAre("STATUS=one", "STATUS=two lines"));
}

TEST_F(ANotifier, SaysThatItStopsAndMayTakeLongerAndThatItLives) {
  Notifier notifier;
  notifier.stopping();
  notifier.extend(1500ms);
  notifier.alive();
  EXPECT_THAT(told(), ElementsAre("STOPPING=1", "EXTEND_TIMEOUT_USEC=1500000", "WATCHDOG=1"));
}

TEST_F(ANotifier, KnowsItsWatchdog) {
  EXPECT_FALSE(Notifier().watchdog());
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(Notifier().watchdog(), 30s);
  setenv("WATCHDOG_PID", "1", 1);  // another process's
  EXPECT_FALSE(Notifier().watchdog());
}

TEST_F(ANotifier, TellsNobodyWhereNobodyAsked) {
  unsetenv("NOTIFY_SOCKET");
  Notifier notifier;
  notifier.ready();
  notifier.status("one");
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace tidegate::event
