// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace tidegate::config {

/// Where state lives unless the configuration says: $STATE_DIRECTORY; for root /var/lib/tidegate; for a user
/// $XDG_STATE_HOME/tidegate, else ~/.local/state/tidegate.
[[nodiscard]] std::filesystem::path default_state();

/// Sockets and the broker's address: $RUNTIME_DIRECTORY; for root /run/tidegate; for a user $XDG_RUNTIME_DIR/tidegate,
/// else /tmp/tidegate-<uid>.
[[nodiscard]] std::filesystem::path default_runtime();

/// Where the configuration is when nobody names one: $CONFIGURATION_DIRECTORY; for root /etc/tidegate; for a user
/// $XDG_CONFIG_HOME/tidegate, else ~/.config/tidegate.
[[nodiscard]] std::filesystem::path default_folder();

/// The message bus of a gateway that is not told: "system" for root and for a system service, "session" for a user's.
[[nodiscard]] const char* default_bus();

/// A host name as one topic level: what is no letter, digit, '-', '_' or '.' becomes '-'; never empty.
[[nodiscard]] std::string level_from(std::string_view host);

/// This machine's host name as one topic level.
[[nodiscard]] std::string default_id();

}  // namespace tidegate::config
