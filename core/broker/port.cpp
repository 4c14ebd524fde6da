// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/port.hpp"

#include <cerrno>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <tidegate/error.hpp>

namespace tidegate::broker {
namespace {

/// That does not block.
Descriptor tcp_socket(int family = AF_INET) noexcept {
  return Descriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

sockaddr_in loopback(std::uint16_t port) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

int listen_error(std::uint16_t port, const std::string& address) noexcept {
  sockaddr_in v4 = loopback(port);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const bool six = inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1;
  if (address.empty()) v4.sin_addr.s_addr = htonl(INADDR_ANY);
  if (!six && !address.empty() && inet_pton(AF_INET, address.c_str(), &v4.sin_addr) != 1) return EADDRNOTAVAIL;
  const Descriptor probe = tcp_socket(six ? AF_INET6 : AF_INET);
  if (!probe) return errno;
  // As Mosquitto does: connections of its last life that linger in TIME_WAIT are no obstacle, a listener is.
  const int on = 1;
  setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (six) setsockopt(probe.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const auto* const there = six ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  return bind(probe.get(), there, six ? sizeof v6 : sizeof v4) < 0 ? errno : 0;
}

HeldPort::HeldPort(std::uint16_t port) : socket_(tcp_socket()) {
  const int on = 1;
  sockaddr_in address = loopback(port);
  socklen_t size = sizeof address;
  if (!socket_ || setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 ||
      getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) < 0) {
    throw SystemError(errno, port == 0 ? "no free port on 127.0.0.1 for the local broker"
                                       : fmt::format("port {} of 127.0.0.1 cannot be kept for the local broker", port));
  }
  number_ = ntohs(address.sin_port);
}

bool accepts(std::uint16_t port) noexcept {
  const Descriptor probe = tcp_socket();
  if (!probe) return false;
  const sockaddr_in address = loopback(port);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd writable{probe.get(), POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  return poll(&writable, 1, 0) == 1 && getsockopt(probe.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

}  // namespace tidegate::broker
