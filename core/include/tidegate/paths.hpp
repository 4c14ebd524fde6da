// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace tidegate {

/// Where the running gateway keeps broker.url and control.sock: the first folder in $RUNTIME_DIRECTORY, else
/// /run/tidegate for root, else $XDG_RUNTIME_DIR/tidegate, else /tmp/tidegate-<uid>. Not created here, and may not be
/// there.
[[nodiscard]] std::filesystem::path runtime_folder();

/// The URL of the local broker, "mqtt://127.0.0.1:1883": $TIDEGATE_BROKER, else the first line of broker.url in
/// runtime_folder(), else of /run/tidegate/broker.url. A file that belongs to neither root nor this user, nor to the
/// service that root gave its folder in /run, is passed over. Throws UnavailableError, naming the places that were
/// looked at, when there is none.
[[nodiscard]] std::string local_broker_url();

/// Who an automation with rights of its own is at the local broker, as its supervisor told it: $TIDEGATE_USER and
/// $TIDEGATE_PASSWORD. Nothing for every other program.
struct LocalIdentity {
  std::string username, password;
};
[[nodiscard]] std::optional<LocalIdentity> local_identity();
/// The same of one gateway, by its runtime folder alone.
[[nodiscard]] std::string local_broker_url(const std::filesystem::path& runtime);

}  // namespace tidegate
