// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/door.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/error.hpp>

#include "broker/accounts.hpp"
#include "broker/certificate.hpp"

namespace tidegate::broker {
namespace {

void read_files(const config::Listener& listener, Door& door) {
  for (const auto* file : {&listener.cert_file, &listener.key_file, &listener.client_ca_file}) {
    if (file->empty() || access(file->c_str(), R_OK) == 0) continue;
    const int error = errno;
    door.problem = fmt::format(
        "cannot read {0}: {1}; {2}", file->string(), std::strerror(error),
        error == EACCES
            ? fmt::format("let who runs the broker read it: chgrp tidegate-broker {0}; chmod 640 {0}", file->string())
            : std::string("name a PEM file"));
    return;
  }
  if (!listener.cert_file.empty()) {
    door.problem = certificate_problem(listener.cert_file, listener.key_file, listener.client_ca_file);
    if (!door.problem.empty()) return;
  }
  if (!listener.psk_file.empty() && read_psk_identities(listener.psk_file).empty()) {
    door.nobody = true;
    door.problem =
        fmt::format("the file of keys {0} names nobody; add one: echo \"NAME:$(openssl rand -hex 32)\" >> {0}",
                    listener.psk_file.string());
    return;
  }
  if (listener.users.empty()) return;
  door.users = Accounts::read(listener.users).all();
  door.nobody = door.users.empty() && !listener.anonymous;
  if (door.nobody)
    door.problem = fmt::format("the file of users {} names nobody; add one: tidegate broker adduser NAME",
                               listener.users.string());
}

/// Empty where the names come from clients' certificates.
std::vector<std::string> known_names(const config::Listener& listener) {
  std::vector<std::string> names;
  if (!listener.psk_file.empty()) return read_psk_identities(listener.psk_file);
  if (listener.users.empty()) return names;
  const auto accounts = Accounts::read(listener.users);
  for (const auto& [name, hash] : accounts.all()) names.push_back(name);
  return names;
}

}  // namespace

Door read_door(const config::Listener& listener) {
  Door door;
  try {
    read_files(listener, door);
  } catch (const Error& error) {
    door.problem = error.what();
  }
  return door;
}

std::vector<std::string> door_oddities(const config::Listener& listener, WallTime now, const std::string& reload) {
  std::vector<std::string> found;
  try {
    const auto names = known_names(listener);
    for (const auto& account : listener.accounts) {
      if (names.empty() || std::ranges::find(names, account.name) != names.end()) continue;
      found.push_back(fmt::format(
          "[[broker.listener.user]] gives rights to \"{}\", whom {} does not know; {}", account.name,
          (listener.users.empty() ? listener.psk_file : listener.users).string(),
          listener.users.empty()
              ? "write the name as it is there, or add a key"
              : fmt::format("write the name as it is there, or: tidegate broker adduser {}", account.name)));
    }
  } catch (const ConfigError&) {
    // Said by read_door().
  }
  if (listener.cert_file.empty()) return found;
  const auto until = certificate_until(listener.cert_file);
  if (until && *until - now < certificate_patience)
    found.push_back(fmt::format(
        "the certificate {} of the local broker's door {} {}: clients that verify it {}; have it renewed, then: {}",
        listener.cert_file.string(), *until < now ? "was good until" : "is good until", iso8601(*until),
        *until < now ? "do not come in" : "do not come in after that", reload));
  return found;
}

}  // namespace tidegate::broker
