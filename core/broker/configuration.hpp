// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/listener.hpp"

namespace tidegate::broker {

/// What differs from one local broker to the next.
struct Settings {
  std::uint16_t port = 0;
  std::filesystem::path folder;   ///< where it keeps its database; private to us
  std::uint64_t payload_cap = 0;  ///< bytes
  std::string user;               ///< whom it runs as when started by root; empty: say nothing
  bool persistent = true;         ///< whether the folder can be written
  bool log_topics = false;        ///< it publishes its log under $SYS/broker/log/
  std::optional<config::Listener> listener = {};
  std::filesystem::path rights = {};  ///< where the text of rights() is, if the listener has accounts
};

/// The text of a mosquitto.conf, understood without complaint by Mosquitto 2.0.11 and later.
[[nodiscard]] std::string configuration(const Settings& settings);

/// The text of an acl_file: nobody may do what is not in it.
[[nodiscard]] std::string rights(const std::vector<config::Account>& accounts);

}  // namespace tidegate::broker
