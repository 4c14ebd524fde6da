// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/block.hpp>
#include <tidegate/log.hpp>
#include <tidegate/message.hpp>
#include <tidegate/topic.hpp>

#include "config/automation.hpp"
#include "config/listener.hpp"
#include "config/quantity.hpp"

namespace tidegate::config {

struct Gateway {
  std::string id;                 ///< one topic level; default: the host name
  std::string base = "tidegate";  ///< first levels of our own topics
  std::filesystem::path state;    ///< $STATE_DIRECTORY, else XDG for a user, else /var/lib/tidegate
  std::filesystem::path runtime;  ///< $RUNTIME_DIRECTORY, else XDG for a user, else /run/tidegate
  log::Level log_level = log::Level::info;
  std::chrono::milliseconds stop_timeout{5'000};
  std::uint64_t payload_cap = default_payload_cap;

  /// "<base>/<id>/<rest>".
  [[nodiscard]] std::string topic(std::string_view rest) const { return base + '/' + id + '/' + std::string(rest); }
};

struct Broker {
  std::optional<std::string> url;       ///< an existing broker to use instead of ours
  std::optional<std::uint16_t> port;    ///< ours; absent: 1883 if free, else a free port; 0: a free port
  std::string program = "mosquitto";    ///< path, or name looked up in PATH and sbin folders
  std::filesystem::path folder;         ///< runtime folder of the tidegate-broker that keeps ours; empty: we do
  std::optional<std::string> username;  ///< with url alone, and so is password
  std::optional<std::string> password;
  std::optional<Listener> listener;  ///< without url alone
  bool log_topics = false;           ///< ours publishes what it logs under $SYS/broker/log/

  bool operator==(const Broker&) const = default;
};

enum class MessageBus : std::uint8_t { off, session, system };

/// D-Bus.
struct Dbus {
  MessageBus bus = MessageBus::system;  ///< where org.tidegate.Gateway1 is; default: default_bus() of paths.hpp
  bool services = true;                 ///< heed what NetworkManager, networkd, logind and timesyncd tell

  bool operator==(const Dbus&) const = default;
};

/// For servers that are mqtts:// (and refused without one). Absolute paths of files that can be read.
struct Tls {
  std::filesystem::path ca_file, cert_file, key_file;
  bool verify = true;
  std::vector<std::string> alpn = {};  ///< names of protocols to ask for, where a server takes several on a port
  std::string psk_identity = {};       ///< with psk_key: a key that both sides have, in place of certificates; or empty
  std::string psk_key = {};            ///< its bytes

  bool operator==(const Tls&) const = default;
};

enum class Version : std::uint8_t { v3_1_1 = 4, v5 = 5 };
enum class WhenFull : std::uint8_t { drop_oldest, reject, keep_latest };
enum class Priority : std::uint8_t { low, normal, high };
enum class Backlog : std::uint8_t { in_order, interleave };
enum class Sync : std::uint8_t { grouped, each, off };
enum class Retain : std::uint8_t { as_published, never, always };

/// What all lanes share.
struct Spool {
  std::uint64_t capacity = 0;  ///< bytes on disk; 0: as much as the lanes may have and the disk has room for

  bool operator==(const Spool&) const = default;
};

struct Forward {
  std::string lane = "default";
  std::vector<std::string> topics;
  Rewrite rewrite;
  std::optional<Qos> qos;                      ///< sent upstream with; default: the upstream's
  std::optional<std::chrono::seconds> expiry;  ///< load() always gives it; default: 31 days
  Priority priority = Priority::normal;
  Backlog backlog = Backlog::in_order;
  std::uint64_t capacity = 512ULL << 20;
  std::uint64_t capacity_messages = 0;  ///< 0: as many as the bytes allow
  WhenFull when_full = WhenFull::drop_oldest;
  Retain retain = Retain::as_published;
  bool envelope = false;  ///< the payload goes in a JSON object, with what MQTT 5 has in the user property
  Sync sync = Sync::grouped;
  std::chrono::milliseconds sync_interval{50};  ///< of Sync::grouped
  std::string where;                            ///< file:line:column of the block

  bool operator==(const Forward&) const = default;
};

struct Receive {
  std::vector<std::string> topics;
  Rewrite rewrite;
  Qos qos = Qos::at_least_once;
  std::string where;

  bool operator==(const Receive&) const = default;
};

struct Upstream {
  std::string name;
  std::vector<std::string> servers;  ///< mqtt://host:port or mqtts://host:port, the port always there; at least one
  Version version = Version::v5;
  std::string client_id;  ///< default: tidegate-<gateway id>-<name>
  std::optional<std::string> username;
  std::optional<std::string> password;
  Tls tls;
  std::chrono::seconds keep_alive{30};
  Qos qos = Qos::at_least_once;
  std::uint16_t window = 100;
  std::chrono::milliseconds backoff_first{1'000};
  std::chrono::milliseconds backoff_most{60'000};
  std::chrono::milliseconds return_after{300'000};  ///< back to the first server; 0: stay with the one that answers
  Rate rate{100'000, 0};
  std::vector<Forward> forwards;
  std::vector<Receive> receives;
  std::string where;

  bool operator==(const Upstream&) const = default;
};

/// One table that belongs to a plugin.
struct PluginBlock {
  std::string plugin;
  Block block;
};

/// The whole configuration: valid, or it was never made.
struct Config {
  Gateway gateway;
  Broker broker;
  Spool spool;
  Dbus dbus;
  std::vector<Upstream> upstreams;
  Automations automations;
  std::vector<PluginBlock> plugins;
  std::vector<std::filesystem::path> files;  ///< what was read, in order
  std::vector<Complaint> warnings;           ///< valid, but probably not meant: nothing is forwarded, …
};

/// Where a configuration is looked for when none is named: $CONFIGURATION_DIRECTORY/tidegate.toml, else XDG, else
/// /etc/tidegate/tidegate.toml. Returns nothing when there is no such file: an empty configuration is valid.
[[nodiscard]] std::optional<std::filesystem::path> default_file();

/// Whose rights the configuration is read with. Secrets and certificates may be for the gateway's eyes alone; another
/// program leaves out what it cannot read of them.
enum class Reader : std::uint8_t { gateway, other };

/// Called by load() with a configuration whose own tables have been read, so that plugins can read theirs and what they
/// complain about comes in the same list. It may hold defaults in place of what is wrong: open nothing.
using ReadPlugins = std::function<void(const Config&)>;

/// Reads a file and <its folder>/conf.d/*.toml in lexical order (tables merge, arrays of tables append, the same name
/// replaces), checks all of it, and returns it. plugin_names are the tables left to plugins; they read their blocks in
/// read_plugins, or later, before check_plugins(). Without a file: the defaults, and the sysstat plugin if there is
/// one. Throws ConfigError with every complaint, sorted by place; SystemError when a file cannot be read.
[[nodiscard]] Config load(const std::optional<std::filesystem::path>& file,
                          const std::vector<std::string>& plugin_names, const ReadPlugins& read_plugins = {},
                          Reader reader = Reader::gateway);
/// The same from text, for tests; name stands in for the file.
[[nodiscard]] Config parse(std::string_view text, const std::string& name,
                           const std::vector<std::string>& plugin_names);

/// Throws ConfigError when complaints have been filed on the configuration's blocks since it was loaded.
/// Calls finish() on every plugin block first.
void check_plugins(const Config& config);

}  // namespace tidegate::config
