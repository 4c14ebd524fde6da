// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
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
  std::filesystem::path rights = {};  ///< where the text of rights() is, if the listener has accounts
  std::uint16_t apps_port = 0;        ///< of the door for automations with rights of their own; 0: there is none
  bool apps_named = false;            ///< there is an automation with rights of its own
  std::filesystem::path apps_users = {}, apps_rights = {};  ///< where the texts of app_users() and app_rights() are
};

/// Whether who may come differs from listener to listener, as with a door to the network that asks for names: Mosquitto
/// has no other way to let this machine's clients in without. It is dear: from 2.0.12 to 2.0.22 Mosquitto throws away
/// what comes for a session whose client is away, and its will (mosquitto#2618).
[[nodiscard]] bool has_walls(const std::optional<config::Listener>& listener);

/// The text of a mosquitto.conf, understood without complaint by Mosquitto 2.0.11 and later.
[[nodiscard]] std::string configuration(const Settings& settings);

/// The text of an acl_file: nobody may do what is not in it.
[[nodiscard]] std::string rights(const std::vector<config::Account>& accounts);

/// The texts of a password_file and an acl_file for the automations' door: never empty, which Mosquitto could take for
/// "all may do all". alone: that door has rights of its own; else who gives no name may do all.
[[nodiscard]] std::string app_users(const std::vector<AppAccount>& accounts);
[[nodiscard]] std::string app_rights(const std::vector<AppAccount>& accounts, bool alone);

}  // namespace tidegate::broker
