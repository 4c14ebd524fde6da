// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace tidegate::broker {

/// What the plugin for Mosquitto is told in its configuration, as plugin_opt_… .
namespace doorkeeper {
/// Who comes by this port gives a name, or is refused; this machine's own clients, who come by others, need none.
inline constexpr const char* port_option = "door";
/// "true": who gives a name may do all, but for automations: for those what is in the file of rights holds.
inline constexpr const char* free_option = "free";
/// What the names of automations begin with at the broker; no account of the network can have such a name.
inline constexpr const char* app_prefix = "automation/";
}  // namespace doorkeeper

/// The plugin, doorkeeper.so: in the nearest folder lib/tidegate above the program, or the Python module, that has this
/// code. Empty when there is none.
[[nodiscard]] std::filesystem::path find_doorkeeper();

}  // namespace tidegate::broker
