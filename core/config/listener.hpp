// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/block.hpp>

namespace tidegate::config {

/// What one user of the network may do at the local broker; topics are filters.
struct Account {
  std::string name;
  std::vector<std::string> publish;
  std::vector<std::string> subscribe;

  bool operator==(const Account&) const = default;
};

/// [broker.listener]: the local broker's door to the network. Without it there is none. Its files are read by who keeps
/// the broker, who may be another user.
struct Listener {
  std::string address;     ///< an IPv4 or IPv6 address of this machine; empty: all of them
  std::uint16_t port = 0;  ///< 1 to 65535
  bool anonymous = false;  ///< clients without a user name are taken
  std::filesystem::path
      users;  ///< names and hashed passwords, as mosquitto_passwd writes them; empty: none are asked for
  std::vector<Account> accounts;              ///< who may do what; empty: everybody everything
  std::filesystem::path cert_file, key_file;  ///< empty: no TLS
  std::filesystem::path client_ca_file;  ///< clients show a certificate of this authority; empty: none is asked for
  std::filesystem::path psk_file;        ///< identities and keys, in place of certificates; empty: no such TLS
  std::string psk_hint;                  ///< told to clients that choose their identity by it
  std::uint32_t most_clients = 0;        ///< at once; 0: no limit

  bool operator==(const Listener&) const = default;
};

/// Why this is no name of an account; empty when it is one. A wildcard in a name would match others' rights.
[[nodiscard]] std::string account_name_problem(std::string_view name);

/// Why a valid topic filter cannot stand in a list of rights; empty when it can.
[[nodiscard]] std::string right_problem(std::string_view filter);

/// A list of topic filters, each fit for a list of rights; complaints are filed.
[[nodiscard]] std::vector<std::string> read_rights(const Block& block, std::string_view key);

/// Reads the table; complaints are filed. own_port: what the broker listens on at 127.0.0.1; 0: any that is free.
[[nodiscard]] Listener read_listener(const Block& block, std::uint16_t own_port);

}  // namespace tidegate::config
