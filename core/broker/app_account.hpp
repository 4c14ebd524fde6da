// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/listener.hpp"

namespace tidegate::broker {

/// The account of an automation at the local broker. Who runs the automations tells who keeps
/// the broker, who may be another user, in a file; others may read it, for the passwords are long and random.
struct AppAccount {
  config::Account rights;  ///< its name is the automation's
  std::string hash;        ///< of its password, as mosquitto_passwd makes it
};

/// The file, in the runtime folder of who runs the automations.
inline constexpr const char* app_accounts_file = "apps.accounts";
/// Where the keeper of the broker tells in return, in its own runtime folder: the URL of the broker in the first line;
/// in the second the mark of the accounts that it has taken over.
inline constexpr const char* app_answer_file = "broker.apps.url";

[[nodiscard]] std::string show_app_accounts(const std::vector<AppAccount>& accounts);
/// Throws ConfigError when it is not what show_app_accounts() makes, or something in it could give rights that it does
/// not name.
[[nodiscard]] std::vector<AppAccount> parse_app_accounts(std::string_view text);
/// What an automation with rights of its own is called at the broker.
[[nodiscard]] std::string app_user(std::string_view name);
/// Another for another text. It need not withstand anybody.
[[nodiscard]] std::string mark_of(std::string_view text);

}  // namespace tidegate::broker
