// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/port.hpp"

#include <cerrno>
#include <utility>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tidegate/error.hpp>

namespace tidegate::broker {
namespace {

/// Listens on a free port of an address while it lives.
struct Listener {
  explicit Listener(in_addr_t on) : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(on);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd, 4), 0);
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
  }
  ~Listener() { close(fd); }
  int fd;
  std::uint16_t port = 0;
};

TEST(AHeldPort, CanBeListenedOnByWhomItIsHeldForAndAcceptsNothing) {
  const HeldPort port(0);
  EXPECT_GE(port.number(), 1024);
  EXPECT_EQ(listen_error(port.number()), 0);
  EXPECT_FALSE(accepts(port.number()));
  const HeldPort again(port.number());
  EXPECT_EQ(again.number(), port.number());
}

TEST(AHeldPort, IsGivenToNobodyElse) {
  HeldPort port(0);
  for (int i = 0; i < 100'000; ++i) ASSERT_NE(HeldPort(0).number(), port.number());
  const std::uint16_t number = port.number();
  const HeldPort moved = std::move(port);
  EXPECT_EQ(moved.number(), number);
  port = {};
  EXPECT_EQ(port.number(), 0);
  for (int i = 0; i < 1'000; ++i) ASSERT_NE(HeldPort(0).number(), number);
}

TEST(APortWithAListener, CannotBeHeld) {
  const Listener other(INADDR_LOOPBACK);
  EXPECT_THROW(HeldPort{other.port}, SystemError);
}

TEST(APortWithAListener, IsTakenAndAccepts) {
  const Listener other(INADDR_LOOPBACK);
  EXPECT_EQ(listen_error(other.port), EADDRINUSE);
  EXPECT_TRUE(accepts(other.port));
}

TEST(APortWithAListenerOnEveryAddress, IsTakenOnTheLoopbackToo) {
  const Listener other(INADDR_ANY);
  EXPECT_EQ(listen_error(other.port), EADDRINUSE);
}

TEST(APortOfAnotherAddress, IsTakenWhereItMeetsAListenerAlone) {
  const Listener other(INADDR_LOOPBACK);
  EXPECT_EQ(listen_error(other.port, ""), EADDRINUSE);
  EXPECT_EQ(listen_error(other.port, "::1"), 0);
  EXPECT_EQ(listen_error(other.port, "192.0.2.1"), EADDRNOTAVAIL);
  EXPECT_EQ(listen_error(other.port, "eth0"), EADDRNOTAVAIL);
}

}  // namespace
}  // namespace tidegate::broker
