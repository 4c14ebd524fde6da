// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <tidegate/clock.hpp>

#include "config/listener.hpp"

namespace tidegate::broker {

/// The local broker's door to the network as its files have it: users, keys, certificates. They are read by who keeps
/// the broker; another user may not be able to.
struct Door {
  std::string problem;  ///< why nobody could be asked who he is, in words that say how to mend it; empty: everybody can
  bool nobody = false;  ///< its file of users or keys is sound, and empty
  std::vector<std::pair<std::string, std::string>> users;  ///< name, hash; as far as their file is sound
};

/// Throws nothing for what the files say.
[[nodiscard]] Door read_door(const config::Listener& listener);

/// What is odd about the door and keeps nobody out, in words that say how to mend it: rights of somebody whom no file
/// knows, a certificate that has ended or soon will. Nothing of a file that cannot be read. reload: how the broker is
/// told.
[[nodiscard]] std::vector<std::string> door_oddities(const config::Listener& listener, WallTime now,
                                                     const std::string& reload);

}  // namespace tidegate::broker
