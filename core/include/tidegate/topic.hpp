// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tidegate {

/// Throws TopicError unless topic can be published to: 1 to 65535 bytes of UTF-8, no NUL, no '+' or '#'.
/// Paho checks none of this, so every door calls it.
void check_topic(std::string_view topic);

/// Throws TopicError unless filter can be subscribed to: as a topic, with '+' alone in a level and '#' alone in the
/// last.
void check_filter(std::string_view filter);

/// Whether a valid filter matches a valid topic. A filter that starts with a wildcard does not match topics that
/// start with '$'. noexcept; allocates nothing.
[[nodiscard]] bool matches(std::string_view filter, std::string_view topic) noexcept;

/// Whether some topic is matched by both filters.
[[nodiscard]] bool overlap(std::string_view left, std::string_view right) noexcept;

/// Whether every topic that the filter matches is matched by the rule, a filter too. A shared subscription
/// ("$share/group/filter") is taken as its filter. Both valid.
[[nodiscard]] bool covers(std::string_view rule, std::string_view filter) noexcept;

/// How a route names topics on the other side: strip is taken off the front, then prefix put there.
/// A topic that does not start with strip keeps its front.
struct Rewrite {
  std::string strip;
  std::string prefix;

  [[nodiscard]] std::string apply(std::string_view topic) const;
  bool operator==(const Rewrite&) const = default;
};

}  // namespace tidegate
