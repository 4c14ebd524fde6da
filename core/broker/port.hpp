// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <tidegate/descriptor.hpp>

namespace tidegate::broker {

/// 0 when a server could listen on this port now, else the errno that it would meet (EADDRINUSE, EACCES,
/// EADDRNOTAVAIL). address: of this machine, in numbers; empty: all of IPv4.
[[nodiscard]] int listen_error(std::uint16_t port, const std::string& address = "127.0.0.1") noexcept;

/// A port of 127.0.0.1 that is kept for a server to come, and while that is away: the kernel gives it to nobody else
/// who asks for a free one. The server has to say SO_REUSEADDR, as Mosquitto does.
class HeldPort final {
 public:
  HeldPort() noexcept = default;
  /// 0: one that nobody has. Throws SystemError when it cannot be had.
  explicit HeldPort(std::uint16_t port);

  /// 0: none.
  [[nodiscard]] std::uint16_t number() const noexcept { return number_; }

 private:
  Descriptor socket_;
  std::uint16_t number_ = 0;
};

/// Whether something accepts connections on 127.0.0.1:port. Does not wait.
[[nodiscard]] bool accepts(std::uint16_t port) noexcept;

}  // namespace tidegate::broker
