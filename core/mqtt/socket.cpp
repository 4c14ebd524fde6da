// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <tidegate/error.hpp>

namespace tidegate::mqtt {

Nudge::Nudge() {
  open();
}

void Nudge::open() {
  const std::lock_guard lock(mutex_);
  if (event_) return;
  event_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_) throw SystemError(errno, "cannot make an eventfd");
}

void Nudge::ring() const noexcept {
  const std::uint64_t one = 1;
  const std::lock_guard lock(mutex_);
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Nudge::close() noexcept {
  const std::lock_guard lock(mutex_);
  event_ = Descriptor();
}

short Nudge::wait_until(Steady::time_point until, int fd, short events) const noexcept {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()).count();
  pollfd waits[2] = {{event_.get(), POLLIN, 0}, {fd, events, 0}};
  if (::poll(waits, fd >= 0 ? 2 : 1, static_cast<int>(std::clamp<long long>(left, 0, 3'600'000))) <= 0) return 0;
  if (waits[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(event_.get(), &count, sizeof count);
  }
  return waits[1].revents;
}

Endpoint Endpoint::of_path(const std::string& path) {
  Endpoint endpoint;
  auto* const local = reinterpret_cast<sockaddr_un*>(&endpoint.address);
  local->sun_family = AF_UNIX;
  std::memcpy(local->sun_path, path.data(), std::min(path.size(), sizeof local->sun_path - 1));
  endpoint.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return endpoint;
}

std::string Endpoint::text() const {
  if (address.ss_family == AF_UNIX) return reinterpret_cast<const sockaddr_un*>(&address)->sun_path;
  char buffer[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    inet_ntop(AF_INET6, &v6->sin6_addr, buffer, sizeof buffer);
    return fmt::format("[{}]:{}", buffer, ntohs(v6->sin6_port));
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
  inet_ntop(AF_INET, &v4->sin_addr, buffer, sizeof buffer);
  return fmt::format("{}:{}", buffer, ntohs(v4->sin_port));
}

int dial(const Endpoint& endpoint, Steady::time_point deadline, const Nudge& nudge,
         const std::function<bool()>& cancelled, Descriptor& socket) {
  socket = Descriptor(::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  const int on = 1;
  if (endpoint.address.ss_family != AF_UNIX) {
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  while (!cancelled()) {
    if (nudge.wait_until(deadline, socket.get(), POLLOUT) != 0) {
      int error = 0;
      socklen_t length = sizeof error;
      return ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 ? errno : error;
    }
    if (Steady::now() >= deadline) return ETIMEDOUT;
  }
  return ECANCELED;
}

}  // namespace tidegate::mqtt
