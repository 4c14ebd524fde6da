// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/app_account.hpp"

#include <cstdint>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <tidegate/error.hpp>
#include <tidegate/topic.hpp>

#include "broker/doorkeeper.hpp"

namespace tidegate::broker {
namespace {

using Json = nlohmann::ordered_json;

void check(const AppAccount& account) {
  if (const auto why = config::account_name_problem(account.rights.name); !why.empty()) throw ConfigError(why);
  const auto& hash = account.hash;
  if (!hash.starts_with('$') || hash.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                                       "+/=$,.-") != hash.npos)
    throw ConfigError(fmt::format("the account {} has no hash of a password", account.rights.name));
  for (const auto* filters : {&account.rights.publish, &account.rights.subscribe}) {
    for (const auto& filter : *filters) {
      check_filter(filter);
      if (const auto why = config::right_problem(filter); !why.empty()) throw ConfigError(why);
    }
  }
}

}  // namespace

std::string show_app_accounts(const std::vector<AppAccount>& accounts) {
  Json all = Json::array();
  for (const auto& [rights, hash] : accounts) {
    all.push_back(
        {{"name", rights.name}, {"hash", hash}, {"publish", rights.publish}, {"subscribe", rights.subscribe}});
  }
  return all.dump() + '\n';
}

std::vector<AppAccount> parse_app_accounts(std::string_view text) {
  std::vector<AppAccount> accounts;
  std::set<std::string> names;
  try {
    for (const auto& one : Json::parse(text)) {
      AppAccount account;
      account.rights.name = one.at("name").get<std::string>();
      account.rights.publish = one.at("publish").get<std::vector<std::string>>();
      account.rights.subscribe = one.at("subscribe").get<std::vector<std::string>>();
      account.hash = one.at("hash").get<std::string>();
      check(account);
      if (!names.insert(account.rights.name).second)
        throw ConfigError(fmt::format("there are two accounts {}", account.rights.name));
      accounts.push_back(std::move(account));
    }
  } catch (const Json::exception&) {
    throw ConfigError("it is no list of accounts");
  } catch (const TopicError& error) {
    throw ConfigError(error.what());
  }
  return accounts;
}

std::string app_user(std::string_view name) {
  return fmt::format("{}{}", doorkeeper::app_prefix, name);
}

std::string mark_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

}  // namespace tidegate::broker
