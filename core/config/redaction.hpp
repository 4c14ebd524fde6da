// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tidegate::config {

/// What stands in the place of a secret.
inline constexpr const char* left_out = "(left out)";

/// One file of a configuration, as others may see it.
struct Redaction {
  std::filesystem::path file;
  std::string text;  ///< TOML again: sorted, without comments, with left_out for passwords, user names and keys' paths
  std::vector<std::string> secrets;  ///< what stood there, and what the named files and variables hold, if we may read
                                     ///< them; for scrub()
  bool open = false;                 ///< a password stands in the file itself
  std::vector<std::filesystem::path> secret_files;  ///< that it takes passwords from, absolute
  std::vector<std::filesystem::path> key_files;     ///< private keys, likewise
};

/// Throws SystemError when the file cannot be read, ConfigError when it is no TOML.
[[nodiscard]] Redaction redact(const std::filesystem::path& file);

/// A text without those secrets, and without what stands between "://" and "@" of an address. Secrets of fewer than
/// four bytes are not sought: they would be found everywhere.
[[nodiscard]] std::string scrub(std::string text, const std::vector<std::string>& secrets);

}  // namespace tidegate::config
