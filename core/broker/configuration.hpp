// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/app_account.hpp"
#include "config/listener.hpp"

namespace tidegate::broker {

/// What differs from one local broker to the next.
struct Settings {
  std::uint16_t port = 0;
  std::filesystem::path folder;       ///< where it keeps its database; private to us
  std::uint64_t payload_cap = 0;      ///< bytes
  std::string user;                   ///< whom it runs as when started by root; empty: say nothing
  bool persistent = true;             ///< whether the folder can be written
  bool log_topics = false;            ///< it publishes its log under $SYS/broker/log/
  std::filesystem::path socket = {};  ///< where it listens too, for the gateway; empty: nowhere
  std::optional<config::Listener> listener = {};
  bool named = false;                             ///< there is an automation with rights of its own
  std::filesystem::path users = {}, rights = {};  ///< where the texts of users() and rights() are
  std::filesystem::path doorkeeper = {};          ///< the plugin
};

/// Whether it is a door to the network where clients have names, given by themselves or in a certificate.
[[nodiscard]] bool asks_for_names(const std::optional<config::Listener>& listener);

/// The text of a mosquitto.conf, understood without complaint by Mosquitto 2.0.11 and later.
[[nodiscard]] std::string configuration(const Settings& settings);

/// Names and hashes of passwords.
using Users = std::vector<std::pair<std::string, std::string>>;

/// The texts of a password_file and an acl_file, of the network's users and the automations that have rights of their
/// own. Who gives no name may do all. Never empty, which Mosquitto could take for "all may do all".
[[nodiscard]] std::string users(const Users& network, const std::vector<AppAccount>& apps);
[[nodiscard]] std::string rights(const std::vector<config::Account>& network, const std::vector<AppAccount>& apps);

}  // namespace tidegate::broker
