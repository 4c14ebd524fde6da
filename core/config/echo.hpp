// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace tidegate::config {

/// A message that goes up by one block and comes back by another onto the topic that it started from.
struct Echo {
  const Forward* forward;
  const Receive* receive;
  std::string local;   ///< such a topic
  std::string remote;  ///< and what it is called upstream
};

/// The first echo between the blocks of one upstream, or nothing. Pure. Every topic that it names is one that the
/// router would send in this circle: the first block that matches wins, as there.
[[nodiscard]] std::optional<Echo> find_echo(const Upstream& upstream);

/// Whether some topic that matches filter begins with text.
[[nodiscard]] bool can_begin(std::string_view filter, std::string_view text);

/// A topic that matches filter and that the rewrite leaves as it is, or nothing.
[[nodiscard]] std::optional<std::string> unchanged(const std::string& filter, const Rewrite& rewrite);

}  // namespace tidegate::config
