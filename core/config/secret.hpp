// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace tidegate::config {

/// Where a secret may come from. All take away one newline at the end, and throw ConfigError, whose text says how to
/// mend it and never holds the secret, when there is none, when it is empty, or when it is not kept secret.
/// From $CREDENTIALS_DIRECTORY (systemd's LoadCredential=).
[[nodiscard]] std::string read_credential(const std::string& name);
/// From a file that neither group nor others can read.
[[nodiscard]] std::string read_secret_file(const std::filesystem::path& file);
[[nodiscard]] std::string read_environment(const std::string& name);

}  // namespace tidegate::config
