// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/configuration.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "broker/doorkeeper.hpp"

namespace tidegate::broker {
namespace {

/// What an MQTT packet may weigh beside its payload: the longest topic, and as much again for properties.
constexpr std::uint64_t packet_overhead = 128U << 10;
constexpr std::uint64_t largest_packet = 268'435'455;

std::string door(const config::Listener& listener) {
  std::string text = fmt::format("\n# The network's.\nlistener {}{}{}\n", listener.port,
                                 listener.address.empty() ? "" : " ", listener.address);
  const auto add = [&](const char* key, const std::filesystem::path& file) {
    if (!file.empty()) text += fmt::format("{} {}\n", key, file.string());
  };
  if (!listener.psk_file.empty())
    text += fmt::format("psk_hint {}\npsk_file {}\nuse_identity_as_username true\n", listener.psk_hint,
                        listener.psk_file.string());
  add("certfile", listener.cert_file);
  add("keyfile", listener.key_file);
  if (!listener.client_ca_file.empty()) {
    add("cafile", listener.client_ca_file);
    text += "require_certificate true\n";
    if (listener.users.empty()) text += "use_identity_as_username true\n";
  }
  if (listener.most_clients != 0) text += fmt::format("max_connections {}\n", listener.most_clients);
  return text;
}

/// Who may come, by whichever listener, and do what.
std::string who(const Settings& settings) {
  std::string text = "allow_anonymous true\n";
  const bool names = asks_for_names(settings.listener);
  if (names || settings.named)
    text += fmt::format("password_file {}\nacl_file {}\n", settings.users.string(), settings.rights.string());
  if (names)
    text += fmt::format(
        "\n# The network's clients give a name, this machine's need none.\n"
        "plugin {}\nplugin_opt_{} {}\nplugin_opt_{} {}\n",
        settings.doorkeeper.string(), doorkeeper::port_option,
        settings.listener->anonymous ? 0 : settings.listener->port, doorkeeper::free_option,
        settings.listener->accounts.empty());
  return text;
}

void add_rights(std::string& text, const config::Account& account) {
  text += fmt::format("\nuser {}\n", account.name);
  for (const auto& filter : account.publish) text += fmt::format("topic write {}\n", filter);
  for (const auto& filter : account.subscribe) text += fmt::format("topic read {}\n", filter);
}

}  // namespace

bool asks_for_names(const std::optional<config::Listener>& listener) {
  return listener && (!listener->anonymous || !listener->users.empty() || !listener->accounts.empty() ||
                      !listener->psk_file.empty() || !listener->client_ca_file.empty());
}

std::string configuration(const Settings& settings) {
  // An oversize packet ends its connection. message_size_limit would acknowledge it and throw it away, and newer
  // versions advise against it.
  const std::uint64_t packet = std::min(settings.payload_cap, largest_packet - packet_overhead) + packet_overhead;
  const std::string user = settings.user.empty()
                               ? ""
                               : fmt::format(
                                     "# Started by root it would become 'mosquitto', and lose its private folder.\n"
                                     "user {}\n\n",
                                     settings.user);
  const std::string persistence =
      settings.persistent
          ? fmt::format(
                R"(# Sessions, retained messages and what waits for a client that is away outlive a restart. The file is always
# rewritten as a whole, and the broker stands still meanwhile: every 5 minutes spares an SD card, and a power cut
# takes at most the retained messages of that time, and what piled up in it while the gateway was not running.
persistence true
persistence_location {}/
autosave_interval 300
)",
                settings.folder.string())
          : "# Its folder cannot be written: nothing outlives a restart.\npersistence false\n";
  return fmt::format(
      R"(# Written by tidegated at every start of the local broker; changes here are lost.

# By listener, 2.0.12 to 2.0.22 would throw away what comes for sessions whose client is away.
per_listener_settings false
{who}
{socket}# This machine only, and so without passwords.
listener {port} 127.0.0.1
{door}
{user}{persistence}
# Nothing is dropped while the gateway is away (the default is 1000 messages, then silence). A session whose client
# never comes back ends with what waits in it. Not 0, which means without limit: 2.0.16 then drops every message, and
# up to 2.0.21 it ends the connections of those who publish.
max_queued_messages 1000000000
max_queued_bytes 0
persistent_client_expiration 31d
max_inflight_messages 100
max_packet_size {packet}
set_tcp_nodelay true

# A line for every client that comes and goes would be megabytes a day.
log_dest stderr
{log_topics}log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S
connection_messages false
sys_interval 60
)",
      fmt::arg("who", who(settings)), fmt::arg("port", settings.port),
      fmt::arg("socket", settings.socket.empty()
                             ? std::string()
                             : fmt::format("# The same for the gateway, with less work for the kernel; the first to be "
                                           "opened, so that who finds the port finds it.\nlistener 0 {}\n\n",
                                           settings.socket.string())),
      fmt::arg("door", settings.listener ? door(*settings.listener) : std::string()),
      fmt::arg("log_topics", settings.log_topics ? "log_dest topic\n" : ""), fmt::arg("user", user),
      fmt::arg("persistence", persistence), fmt::arg("packet", packet));
}

std::string users(const Users& network, const std::vector<AppAccount>& apps) {
  // No password has a hash of zeros.
  std::string text = fmt::format("nobody:$7$101$AAAAAAAAAAAAAAAA${:A<86}==\n", "");
  for (const auto& [name, hash] : network) text += fmt::format("{}:{}\n", name, hash);
  for (const auto& [rights, hash] : apps) text += fmt::format("{}:{}\n", app_user(rights.name), hash);
  return text;
}

std::string rights(const std::vector<config::Account>& network, const std::vector<AppAccount>& apps) {
  std::string text =
      "# Written by tidegated; changes here are lost.\n\n"
      "# Who gives no name.\ntopic readwrite #\ntopic read $SYS/#\n\n"
      "# What the gateway answers to this very client.\npattern read tidegate/receipt/%c\n";
  for (const auto& account : network) add_rights(text, account);
  for (auto account : apps) {
    account.rights.name = app_user(account.rights.name);
    add_rights(text, account.rights);
  }
  return text;
}

}  // namespace tidegate::broker
