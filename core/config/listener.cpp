// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/listener.hpp"

#include <algorithm>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace tidegate::config {
namespace {

constexpr std::uint16_t usual_port = 1883;
constexpr std::uint16_t usual_tls_port = 8883;

bool is_address(const std::string& text) {
  in6_addr any{};
  return inet_pton(AF_INET, text.c_str(), &any) == 1 || inet_pton(AF_INET6, text.c_str(), &any) == 1;
}

std::vector<Account> read_accounts(const Block& listener) {
  std::vector<Account> accounts;
  std::set<std::string> names;
  for (const auto& block : listener.tables("user")) {
    Account account{block.required_text("name"), read_rights(block, "publish"), read_rights(block, "subscribe")};
    block.finish();
    if (account.name.empty()) continue;
    if (const auto why = account_name_problem(account.name); !why.empty()) block.complain("name", why);
    if (!names.insert(account.name).second)
      block.complain("name", fmt::format("there are two users \"{}\"; put their rights into one block", account.name));
    accounts.push_back(std::move(account));
  }
  return accounts;
}

void read_tls(const Block& block, Listener& listener) {
  listener.cert_file = block.path("cert_file");
  listener.key_file = block.path("key_file");
  listener.client_ca_file = block.path("client_ca_file");
  if (listener.cert_file.empty() != listener.key_file.empty())
    block.complain(listener.cert_file.empty() ? "key_file" : "cert_file",
                   "a server needs both cert_file and key_file: the other one is missing");
  if (listener.cert_file.empty() && listener.key_file.empty())
    block.complain({}, "has no certificate: add cert_file and key_file");
  block.finish();
}

void read_psk(const Block& block, Listener& listener) {
  listener.psk_file = block.path("psk_file");
  listener.psk_hint = block.text("psk_hint", "tidegate");
  const auto bad = [](unsigned char c) { return c <= 0x20 || c == 0x7F; };
  if (listener.psk_hint.empty() || listener.psk_hint.size() > 128 || std::ranges::any_of(listener.psk_hint, bad))
    block.complain("psk_hint", "is one word of 1 to 128 bytes");
  for (const auto* other : {"tls", "plain", "users", "anonymous"}) {
    if (block.has(other))
      block.complain(other,
                     "stands beside psk_file, whose keys encrypt and whose identities are the users; leave one out");
  }
}

}  // namespace

std::string account_name_problem(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '-')
    return "a user has a name of 1 to 64 letters, digits, '-', '_', '.' and '@', with no '-' in front";
  if (name.find_first_of("+#") != name.npos)
    return fmt::format(
        "\"{}\" has a wildcard in it, which would give it the rights of others; use letters, digits, "
        "'-', '_', '.' and '@'",
        name.substr(0, 64));
  if (name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-") != name.npos)
    return "a user's name has letters, digits, '-', '_', '.' and '@' alone";
  return {};
}

std::string right_problem(std::string_view filter) {
  const auto bad = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(filter, bad) || filter.starts_with(' ') || filter.ends_with(' '))
    return "a topic with control characters, or with spaces at its ends, cannot be written into a list of rights";
  return {};
}

std::vector<std::string> read_rights(const Block& block, std::string_view key) {
  auto filters = block.filters(key);
  for (const auto& filter : filters) {
    if (const auto why = right_problem(filter); !why.empty()) {
      block.complain(key, why);
      return {};
    }
  }
  return filters;
}

Listener read_listener(const Block& block, std::uint16_t own_port) {
  Listener listener;
  listener.address = block.text("address", "");
  if (!listener.address.empty() && !is_address(listener.address))
    block.complain("address", fmt::format("\"{}\" is no address of this machine: write it in numbers, \"192.168.1.10\" "
                                          "or \"fd00::10\", or leave it out for all of them",
                                          listener.address));
  const bool tls = block.has("tls");
  if (tls) read_tls(block.table("tls"), listener);
  const bool psk = block.has("psk_file");
  const bool plain = block.boolean("plain", false);
  if (psk) read_psk(block, listener);
  if (tls && plain) block.complain("plain", "there is a certificate beside it; leave one out");
  if (!tls && !plain && !psk)
    block.complain({},
                   "would carry passwords and messages in the clear: add a certificate, [broker.listener.tls] with "
                   "cert_file and key_file, or keys, psk_file, or say plain = true");
  listener.port = static_cast<std::uint16_t>(block.integer("port", tls || psk ? usual_tls_port : usual_port, 1, 65535));
  if (own_port != 0 && own_port == listener.port)
    block.complain(
        block.has("port") ? "port" : "",
        fmt::format(
            "port {} is taken by [broker] port, for this machine itself; give one of them another: by its port the "
            "local broker knows who comes from the network",
            own_port));

  listener.anonymous = block.boolean("anonymous", false);
  listener.users = block.path("users");
  listener.accounts = read_accounts(block);
  if (listener.users.empty() && !listener.anonymous && listener.client_ca_file.empty() && !psk)
    block.complain({},
                   "asks nobody who they are: name a file of users, users = \"broker-users\", and fill it with "
                   "'tidegate broker adduser NAME', or say anonymous = true");
  if (listener.anonymous && !listener.accounts.empty())
    block.complain("anonymous",
                   "there are rights for users beside it, and who gives no name would have none; leave one "
                   "out");
  listener.most_clients = static_cast<std::uint32_t>(block.integer("most_clients", 0, 0, 1'000'000));
  block.finish();
  return listener;
}

}  // namespace tidegate::config
