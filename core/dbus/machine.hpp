// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <tidegate/loop.hpp>

#include "dbus/bus.hpp"
#include "dbus/news.hpp"

namespace tidegate::dbus {

/// What other services of the machine tell on the system bus: NetworkManager and systemd-networkd of the network,
/// logind of sleep and shutdown, which it delays until the news has been worked on, timesyncd and timedated of the
/// clock. None of them has to be there, and none is started. Thread: loop.
class Machine final {
 public:
  Machine(Loop& loop, News news);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

 private:
  using Properties = std::map<std::string, sdbus::Variant>;
  /// How good the network is, as one service says. Only differences matter: more is better, 0 is none.
  struct Network {
    int grade = 0;
    std::string words;  ///< "NetworkManager says that the network is disconnected"
  };

  void up(sdbus::IConnection& connection);
  void down();
  void ask(const std::string& service);
  void owner_changed(sdbus::Message& message);
  void properties_changed(const std::string& service, sdbus::Message& message);
  void network_manager(const Properties& properties);
  void networkd(const Properties& properties);
  void graded(const std::string& service, Network network);
  void conclude();
  void inhibit();
  void prepare(bool sleep, bool begins);
  void look_at_clock(const std::string& by);

  const News news_;
  std::map<std::string, std::unique_ptr<sdbus::IProxy>> proxies_;  ///< by service
  std::map<std::string, Network> networks_;                        ///< by service
  int grade_ = -1;                                                 ///< the best; -1: nobody has said anything
  std::optional<sdbus::UnixFd> inhibitor_;
  bool synchronized_ = false;
  std::shared_ptr<int> alive_;
  Bus bus_;  ///< last: its callbacks use the rest
};

}  // namespace tidegate::dbus
