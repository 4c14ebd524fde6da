// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <tidegate/loop.hpp>

#include "broker/app_account.hpp"
#include "broker/configuration.hpp"
#include "broker/port.hpp"
#include "config/config.hpp"
#include "event/process.hpp"

namespace tidegate::broker {

/// The local broker: a Mosquitto of ours on the loopback, or with [broker] url one that is there already. With a folder
/// in its settings it is ours, but another process keeps it (tidegate-broker): then this only follows the broker.url
/// there, and what is said of starting, adopting and stopping is that process's business.
///
/// Ours outlives us: a gateway that starts adopts the one that its predecessor left running, unless it would start it
/// differently now. When it ends it is started again, with backoff from 100 ms to 30 s. What is needed to find it again
/// is in <runtime>/broker.json; from announce() until it ends its URL is in <runtime>/broker.url; servers() is for the
/// gateway's own sessions, by <runtime>/broker.sock. Its configuration
/// is <runtime>/broker/mosquitto.conf, its database and log are in <state>/broker/; both folders are private. When the
/// latter cannot be written it runs without a database, and logs into the former. A database that would keep it from
/// starting is set aside; so is one that may be the reason why it ended twice in a row before it was up, unless it ends
/// without that as well.
///
/// Owned by the gateway. Thread: loop. Nothing here waits, except stop().
class Broker final {
 public:
  enum class State : std::uint8_t {
    stopped,
    starting,  ///< it runs, and does not accept connections yet; or an older one is being stopped
    up,
    waiting,  ///< for the next attempt; failure() says why
  };

  /// Opens nothing. gateway: its state and runtime folders and payload cap are used. apps: the runtime folder of who
  /// runs the automations, where it tells of accounts and their rights; empty: there are none. reload: the command that
  /// has people call reload(), for messages.
  Broker(Loop& loop, config::Broker settings, config::Gateway gateway, std::filesystem::path apps = {},
         std::string reload = "tidegate broker reload");
  /// Leaves a running broker running, for the next gateway.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Told on the loop, never from within start() or stop(): the broker accepts connections, at this URL. The URL of
  /// ours may be another after a restart, when its port was not configured and somebody took it.
  void on_up(std::function<void(const std::string& url)> callback) { on_up_ = std::move(callback); }
  /// Told on the loop: the broker is gone or cannot be started, and why, in words that say how to mend it. Told again
  /// only when the reason is another.
  void on_down(std::function<void(const std::string& reason)> callback) { on_down_ = std::move(callback); }

  /// Begins adopting or starting it, and keeps at it; returns at once. Throws nothing: what fails is told to on_down.
  void start();
  /// Writes <runtime>/broker.url, by which programs of this machine find the broker. Once the gateway has subscribed:
  /// what they publish then is not missed. After each on_up; does nothing unless up.
  void announce() noexcept;
  /// Has it read its users, keys and certificates again, without ending a connection that may stay. Starts it anew when
  /// the door to the network was closed and can be opened, or when nobody has a name any more and it has to be closed.
  /// Throws UnavailableError when it does not run, or is not ours, and ConfigError when one of these files is wrong:
  /// then the door stays as it is, for those it knew.
  void reload();
  /// Stops the broker, adopted or not, and waits until it has saved its database: at most for timeout, then it is
  /// killed. One that was given by [broker] url is left alone.
  void stop(std::chrono::milliseconds timeout) noexcept;

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Empty unless up.
  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  /// What a session of the gateway connects to, the best first: the socket of ours where it has one that this process
  /// may use, and its URL. Empty unless up.
  [[nodiscard]] std::vector<std::string> servers() const;
  /// 0 when it does not run, or is not ours.
  [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }
  [[nodiscard]] bool adopted() const noexcept { return adopted_; }
  /// Why it is not up, in words; empty when it is, or nothing failed yet.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  /// Why the door to the network stays closed, or open for those alone whom it knew, or what is odd about it, in words;
  /// empty when all is as it should be, or no door was asked for.
  [[nodiscard]] const std::string& door_problem() const noexcept;
  /// Whether the network can come in; nothing when another program keeps the broker.
  [[nodiscard]] std::optional<bool> door_open() const noexcept;
  /// What is not as it should be with a broker that runs, in words: no database, one that was damaged, a version with
  /// known defects, a door to the network that stays closed or is odd. Each was logged once. Complete when on_up is
  /// told; empty for a broker that is not ours.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  /// What broker.json holds.
  struct Record {
    pid_t pid = 0;  ///< 0: none runs
    std::uint64_t started = 0;
    std::uint16_t port = 0;     ///< the last one used; 0: none was
    std::string configuration;  ///< digest of what it was started with
    std::string version;        ///< empty: not known
  };

  void attempt();
  void begin();
  void follow();
  void adopt(event::Process left, const Record& record);
  void ask_version(std::uint16_t last_port);
  void answered(const std::string& program, std::uint16_t last_port);
  void launch(const std::string& program, std::uint16_t last_port);
  void watch();
  void probe(std::chrono::milliseconds pause, std::chrono::milliseconds waited);
  void accepted(const std::string& url);
  void ended();
  void failed(const std::string& reason);
  void let_go() noexcept;

  [[nodiscard]] Record read_record() const;
  void write_record(const Record& record) const;
  [[nodiscard]] std::string text(std::uint16_t port, bool persistent, bool named) const;
  /// Of what a broker has to be started anew for, when it changes.
  [[nodiscard]] std::string digest(std::uint16_t port, bool persistent) const;
  [[nodiscard]] std::uint16_t choose_port(std::uint16_t last);
  /// Whether the loopback cannot have this port, because the door to the network has it: by its port the doorkeeper
  /// knows it, whatever the address.
  [[nodiscard]] bool is_doors(std::uint16_t port) const noexcept;
  [[nodiscard]] std::string look_at_door();
  void look_for_oddities();
  [[nodiscard]] std::string look_at_port() const;
  void set_door_problem(const std::string& why);
  bool take_apps();
  void write_rules() const;
  void tell_rules();
  void follow_apps();
  void restart_outdated(const char* why);
  [[nodiscard]] std::string taken(std::uint16_t port) const;
  [[nodiscard]] std::uintmax_t log_size() const noexcept;
  [[nodiscard]] std::vector<std::string> errors() const;
  [[nodiscard]] std::filesystem::path log_file() const;
  /// Empty when the kernel has no room for a path of that length, or Mosquitto could not have it.
  [[nodiscard]] std::filesystem::path socket_file() const;
  void make_folders();
  void check_space();
  void check_database();
  void suspect_database(bool certain);
  void put_back();
  void set_version(const std::string& text);
  /// Logs a warning unless it is the one that stands there, and keeps it.
  static void warn(std::string& place, std::string what);
  void trim_log() const noexcept;
  [[nodiscard]] std::filesystem::path in_runtime(const char* name) const { return gateway_.runtime / name; }
  [[nodiscard]] std::filesystem::path in_state(const char* name) const { return gateway_.state / "broker" / name; }

  Loop& loop_;
  const config::Broker settings_;
  const config::Gateway gateway_;
  const std::filesystem::path apps_;
  std::function<void(const std::string&)> on_up_;
  std::function<void(const std::string&)> on_down_;

  State state_ = State::stopped;
  std::string url_;
  std::string failure_;
  event::Process process_;
  std::uint16_t port_ = 0;
  HeldPort held_;  ///< port_, where the kernel chose it
  const std::filesystem::path doorkeeper_;
  const std::string reload_;
  std::string door_failure_;              ///< what Mosquitto said of a file of the door when it ended; empty: nothing
  bool nobody_ = false;                   ///< the door's file of users or keys is sound, and empty
  Users network_;                         ///< who has a name and a password, as far as their file was sound
  std::optional<std::string> apps_told_;  ///< what was taken over of the automations' accounts
  std::vector<AppAccount> app_accounts_;
  bool apps_named_ = false;  ///< there are some, or it cannot be told
  bool announced_ = false;
  bool adopted_ = false;
  bool outdated_ = false;        ///< process_ is being stopped because its configuration is no longer ours
  std::uintmax_t log_from_ = 0;  ///< where in the log this life of the broker begins
  int failures_ = 0;             ///< in a row; for the backoff
  std::string version_;          ///< of process_; empty: not known
  bool persistent_ = true;       ///< process_ has its database
  int missed_ = 0;               ///< how often, in a row, follow() found no URL
  int bad_starts_ = 0;           ///< how often it has ended before it was up, since it was up
  bool tried_without_ = false;   ///< in these, without its database
  std::optional<std::filesystem::path> suspect_;  ///< the database, set aside on suspicion
  std::string persistence_warning_;
  std::string space_warning_;
  std::string database_warning_;
  std::string apps_warning_;
  std::string door_warning_;           ///< why the door to the network stays closed; empty: it does not
  std::string stale_warning_;          ///< why it knows only whom it knew before; empty: it does not
  std::vector<std::string> oddities_;  ///< of an open door
  std::vector<std::string> version_warnings_;
  event::Process question_;  ///< asks the program for its version
  std::chrono::steady_clock::time_point up_since_;
  Source next_;   ///< the next attempt
  Source probe_;  ///< until it accepts connections
  Source end_;    ///< process_ has ended
  Source kill_;   ///< an outdated one that does not end
  Source upkeep_;
  Source apps_look_;
  Source answer_;
  Source deadline_;  ///< of the question
};

[[nodiscard]] const char* to_string(Broker::State state) noexcept;

}  // namespace tidegate::broker
