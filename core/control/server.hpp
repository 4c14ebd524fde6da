// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <list>
#include <string>

#include <tidegate/descriptor.hpp>
#include <tidegate/loop.hpp>

#include "control/control.hpp"

namespace tidegate::control {

/// The unix socket through which the tidegate program talks to a running gateway: one JSON object a line, each way.
/// The socket is for its owner and group (mode 0660). A client may send many requests; one that sends a line over 64
/// KiB, or does not read its answers, is disconnected, and so is the one of 64 that has been silent longest, when
/// another comes. Thread: loop.
class Server {
 public:
  /// Throws UnavailableError when another gateway answers on this path (a socket that nobody answers is replaced),
  /// SystemError when it cannot be made.
  Server(Loop& loop, std::filesystem::path path, const Control& control);
  ~Server();  ///< closes every client and removes the socket
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct Client {
    Descriptor fd;
    std::string input;
    std::string output;
    bool closing = false;  ///< the other side has said all it will
    Source source;
  };
  void accept();
  void serve(std::list<Client>::iterator client, std::uint32_t events);
  /// False when the client is gone.
  [[nodiscard]] bool flush(Client& client);
  void watch(std::list<Client>::iterator client);
  void drop(std::list<Client>::iterator client);

  Loop& loop_;
  const std::filesystem::path path_;
  const Control& control_;
  Descriptor fd_;
  Source source_;
  std::list<Client> clients_;  ///< the one that has been silent longest first
};

}  // namespace tidegate::control
