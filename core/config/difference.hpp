// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace tidegate::config {

/// What a configuration would change in the one before it, block by block, in the words that people read: "upstream
/// cloud", "upstream cloud, lane alarms", "[gpio] output lamp", "[sysstat]", "automation clock".
struct Difference {
  std::vector<std::string> added, changed, removed, kept;
  /// What cannot be changed while the gateway runs: "[broker] port".
  std::vector<std::string> restart;
};

/// Blocks are told apart by their names; where they stand does not count.
[[nodiscard]] Difference difference(const Config& before, const Config& after);

/// Whether the two say the same, wherever it is written; for an upstream, all but its forward and receive blocks.
[[nodiscard]] bool same(const Forward& one, const Forward& other);
[[nodiscard]] bool same(const Receive& one, const Receive& other);
[[nodiscard]] bool same_link(const Upstream& one, const Upstream& other);

}  // namespace tidegate::config
