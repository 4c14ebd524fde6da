// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "control/server.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <tidegate/error.hpp>

#include "support/scratch_folder.hpp"

namespace tidegate::control {
namespace {

using namespace std::chrono_literals;

class AServer : public testing::Test {
 protected:
  AServer() {
    control_.add("big", [](const Json&) { return Json(std::string(300'000, 'x')); });
    control_.add("one", [](const Json&) { return Json(1); });
    server_ = std::make_unique<Server>(loop_, path_, control_);
  }
  [[nodiscard]] int dial() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  /// Turns the loop until so many whole lines came, or the server closed.
  std::string lines(int fd, int count) {
    std::string text;
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (std::count(text.begin(), text.end(), '\n') < count && std::chrono::steady_clock::now() < deadline) {
      loop_.run_once(10ms);
      char buffer[65536];
      const auto got = recv(fd, buffer, sizeof buffer, 0);
      if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
      if (got == 0) return text + "<closed>";
    }
    return text;
  }
  static void say(int fd, std::string_view text) {
    ASSERT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

  test::ScratchFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "control.sock";
  Loop loop_;
  Control control_;
  std::unique_ptr<Server> server_;
};

TEST_F(AServer, AnswersSeveralRequestsOfOneClientInOrder) {
  const int fd = dial();
  say(fd, "{\"verb\":\"one\"}\n{\"verb\":\"none\"}\n{\"verb\":");
  const auto first = lines(fd, 2);
  EXPECT_TRUE(first.starts_with("{\"ok\":true,\"result\":1}\n{\"ok\":false")) << first;
  say(fd, "\"one\"}\n");
  EXPECT_EQ(lines(fd, 1), "{\"ok\":true,\"result\":1}\n");
  close(fd);
}

TEST_F(AServer, SendsAnAnswerThatDoesNotFitTheSocketAtOnce) {
  const int fd = dial();
  say(fd, "{\"verb\":\"big\"}\n{\"verb\":\"one\"}\n");
  const auto text = lines(fd, 2);
  EXPECT_GT(text.size(), 300'000U);
  EXPECT_TRUE(text.ends_with("{\"ok\":true,\"result\":1}\n"));
  close(fd);
}

TEST_F(AServer, DisconnectsAClientWhoseLineHasNoEndAndGoesOnServingOthers) {
  const int rude = dial();
  const int polite = dial();
  std::string endless(70'000, 'x');
  for (std::size_t sent = 0; sent < endless.size();) {
    const auto got = send(rude, endless.data() + sent, endless.size() - sent, MSG_NOSIGNAL);
    if (got > 0) sent += static_cast<std::size_t>(got);
    loop_.run_once(1ms);
  }
  EXPECT_NE(lines(rude, 2).find("65536 bytes"), std::string::npos);
  say(polite, "{\"verb\":\"one\"}\n");
  EXPECT_EQ(lines(polite, 1), "{\"ok\":true,\"result\":1}\n");
  close(rude);
  close(polite);
}

TEST_F(AServer, LetsTheMostSilentOfTooManyClientsGiveWayToAnother) {
  std::vector<int> clients;
  for (int count = 0; count < 64; ++count) {
    clients.push_back(dial());
    loop_.run_once(10ms);
  }
  say(clients[0], "{\"verb\":\"one\"}\n");
  EXPECT_EQ(lines(clients[0], 1), "{\"ok\":true,\"result\":1}\n");
  clients.push_back(dial());
  EXPECT_EQ(lines(clients[1], 1), "<closed>");
  for (const int fd : {clients[0], clients[2], clients.back()}) {
    say(fd, "{\"verb\":\"one\"}\n");
    EXPECT_EQ(lines(fd, 1), "{\"ok\":true,\"result\":1}\n");
  }
  for (const int fd : clients) close(fd);
}

TEST_F(AServer, RefusesToTakeThePlaceOfOneThatAnswers) {
  try {
    const Server second(loop_, path_, control_);
    FAIL() << "two servers on one path";
  } catch (const UnavailableError& error) {
    EXPECT_NE(std::string(error.what()).find(path_.string()), std::string::npos);
  }
}

TEST_F(AServer, TakesThePlaceOfASocketThatNobodyAnswers) {
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::ofstream(path_) << "left over";
  server_ = std::make_unique<Server>(loop_, path_, control_);
  const int fd = dial();
  say(fd, "{\"verb\":\"one\"}\n");
  EXPECT_EQ(lines(fd, 1), "{\"ok\":true,\"result\":1}\n");
  close(fd);
}

TEST_F(AServer, IsForItsOwnerAndGroupOnly) {
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
}

TEST_F(AServer, SaysThatAPathIsTooLongForASocket) {
  EXPECT_THROW(Server(loop_, folder_.path() / std::string(120, 'p'), control_), SystemError);
}

}  // namespace
}  // namespace tidegate::control
