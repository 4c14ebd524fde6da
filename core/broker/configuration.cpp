// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/configuration.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::broker {
namespace {

/// What an MQTT packet may weigh beside its payload: the longest topic, and as much again for properties.
constexpr std::uint64_t packet_overhead = 128U << 10;
constexpr std::uint64_t largest_packet = 268'435'455;

}  // namespace

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

# This machine only, and so without passwords.
listener {port} 127.0.0.1
allow_anonymous true

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
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S
connection_messages false
sys_interval 60
)",
      fmt::arg("port", settings.port), fmt::arg("user", user), fmt::arg("persistence", persistence),
      fmt::arg("packet", packet));
}

}  // namespace tidegate::broker
