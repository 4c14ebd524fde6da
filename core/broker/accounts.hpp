// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidegate::broker {

/// The users of the local broker's door to the network: a file of lines "name:hash", as mosquitto_passwd writes it and
/// Mosquitto reads it. Thread: one at a time.
class Accounts final {
 public:
  /// Throws ConfigError, which says how to mend it, when the file is not there, has a line that is no user, or can be
  /// read by everybody. Mosquitto would take some of these for "no users asked for".
  [[nodiscard]] static Accounts read(const std::filesystem::path& file);
  /// For a file that need not be there yet.
  [[nodiscard]] static Accounts read_or_begin(const std::filesystem::path& file);

  [[nodiscard]] bool has(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return users_; }
  /// Adds a user, or gives one another hash.
  void set(const std::string& name, std::string hash);
  void remove(std::string_view name);
  /// In place of the file, whose owner and mode stay; a new one is for its owner, and for the group
  /// "tidegate-broker" where there is one and we may give it away. Throws SystemError.
  void write() const;

 private:
  explicit Accounts(std::filesystem::path file) : file_(std::move(file)) {}
  std::filesystem::path file_;
  std::vector<std::pair<std::string, std::string>> users_;  ///< name, hash
};

/// Who can come in with a key of this file, whose lines are "identity:key", the key in hexadecimal. Throws ConfigError,
/// which says how to mend it, as Accounts::read() does.
[[nodiscard]] std::vector<std::string> read_psk_identities(const std::filesystem::path& file);

/// What mosquitto_passwd makes of a password; it is not given on a command line, where everybody could read it.
/// Throws UnavailableError when the program is missing or fails, ConfigError for a password that it cannot take.
[[nodiscard]] std::string hash_password(const std::string& name, const std::string& password);

}  // namespace tidegate::broker
