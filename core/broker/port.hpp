// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace tidegate::broker {

/// 0 when a server could listen on this port now, else the errno that it would meet (EADDRINUSE, EACCES,
/// EADDRNOTAVAIL). address: of this machine, in numbers; empty: all of IPv4.
[[nodiscard]] int listen_error(std::uint16_t port, const std::string& address = "127.0.0.1") noexcept;

/// A port of 127.0.0.1 that nobody listens on. Another may take it before its user does.
/// Throws SystemError when the kernel has none.
[[nodiscard]] std::uint16_t free_port();

/// Whether something accepts connections on 127.0.0.1:port. Does not wait.
[[nodiscard]] bool accepts(std::uint16_t port) noexcept;

}  // namespace tidegate::broker
