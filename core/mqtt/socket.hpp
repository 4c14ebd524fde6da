// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include <poll.h>
#include <sys/socket.h>

#include <tidegate/descriptor.hpp>

namespace tidegate::mqtt {

using Steady = std::chrono::steady_clock;

/// Wakes a thread that waits. Any thread rings; one thread waits.
class Nudge {
 public:
  Nudge();  ///< Throws SystemError.
  void ring() const noexcept;
  /// Gives its descriptor back: ringing does nothing until open(). When nobody waits any more.
  void close() noexcept;
  void open();  ///< Throws SystemError.
  /// Waits for a ring, for events on fd (if it is not -1), or until the time. Returns what poll saw on fd, else 0.
  short wait_until(Steady::time_point until, int fd = -1, short events = 0) const noexcept;

 private:
  mutable std::mutex mutex_;  ///< between ring() and close(): the number might be another file's by then
  Descriptor event_;
};

/// One address of a server, with its port.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;

  /// Of a unix socket. path is short enough.
  [[nodiscard]] static Endpoint of_path(const std::string& path);
  /// "192.0.2.1:1883", "[2001:db8::1]:1883" or the path.
  [[nodiscard]] std::string text() const;
};

/// Connects over TCP, or to a unix socket. The socket is non-blocking, close-on-exec, without Nagle's delay, with
/// keep-alive probes. Ends early, with ECANCELED, when cancelled() says so after nudge rang. Returns the error number,
/// 0 for connected.
int dial(const Endpoint& endpoint, Steady::time_point deadline, const Nudge& nudge,
         const std::function<bool()>& cancelled, Descriptor& socket);

}  // namespace tidegate::mqtt
