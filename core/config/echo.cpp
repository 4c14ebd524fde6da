// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/echo.hpp"

#include <algorithm>
#include <utility>
#include <vector>

// A topic t goes up as u = F(t) and comes down as R(u). With F = (strip s, prefix p) and R = (strip s', prefix p'),
// R(F(t)) = t means that t and u differ in their fronts alone: t = a + w and u = b + w for one of four pairs (a, b),
// depending on whether each strip applies. So for each pair we look for a w that fits what is left of both filters,
// make candidates of it, and try them with the very functions that the router uses: nothing is refused without a topic
// to show for it.

namespace tidegate::config {
namespace {

using Levels = std::vector<std::string>;

Levels split(std::string_view text) {
  Levels levels;
  for (;;) {
    const auto slash = text.find('/');
    levels.emplace_back(text.substr(0, slash));
    if (slash == text.npos) return levels;
    text.remove_prefix(slash + 1);
  }
}

/// What is left of a filter for topics that begin with front: the levels that the rest has to match. Nothing when no
/// topic does.
std::optional<Levels> rest_of(std::string_view filter, std::string_view front) {
  const auto wanted = split(filter);
  const auto given = split(front);
  for (std::size_t at = 0; at < given.size(); ++at) {
    if (at >= wanted.size()) return {};
    if (wanted[at] == "#") return Levels{"#"};
    if (at + 1 < given.size()) {
      if (wanted[at] != "+" && wanted[at] != given[at]) return {};
      continue;
    }
    // The last piece of the front may end in the middle of a level.
    if (wanted[at] != "+" && !wanted[at].starts_with(given[at])) return {};
    Levels rest{wanted[at] == "+" ? "+" : wanted[at].substr(given[at].size())};
    rest.insert(rest.end(), wanted.begin() + static_cast<std::ptrdiff_t>(at) + 1, wanted.end());
    return rest;
  }
  return {};
}

/// The levels that match both.
std::optional<Levels> both(const Levels& left, const Levels& right) {
  Levels result;
  for (std::size_t at = 0;; ++at) {
    const bool more_left = at < left.size();
    const bool more_right = at < right.size();
    if (!more_left && !more_right) return result;
    if (more_left && left[at] == "#") {
      result.insert(result.end(), right.begin() + static_cast<std::ptrdiff_t>(std::min(at, right.size())), right.end());
      return result;
    }
    if (more_right && right[at] == "#") {
      result.insert(result.end(), left.begin() + static_cast<std::ptrdiff_t>(std::min(at, left.size())), left.end());
      return result;
    }
    if (!more_left || !more_right) return {};
    if (left[at] != "+" && right[at] != "+" && left[at] != right[at]) return {};
    result.push_back(left[at] == "+" ? right[at] : left[at]);
  }
}

/// Texts that match the levels. Three fillings, since a topic may have to avoid two strips at the same place.
std::vector<std::string> examples(const Levels& levels) {
  std::vector<std::string> result;
  for (const char* filling : {"x", "y", "z"}) {
    for (const bool parent : {false, true}) {
      std::string text;
      for (std::size_t at = 0; at < levels.size(); ++at) {
        if (levels[at] == "#" && parent) break;
        if (at > 0) text += '/';
        text += levels[at] == "+" || levels[at] == "#" ? filling : levels[at];
      }
      result.push_back(std::move(text));
    }
  }
  return result;
}

/// The pairs (a, b) of fronts, see above.
std::vector<std::pair<std::string, std::string>> fronts(const Rewrite& up, const Rewrite& down) {
  std::vector<std::pair<std::string, std::string>> result;
  if (up.prefix.empty() && down.prefix.empty()) result.emplace_back("", "");
  if (up.strip == down.prefix + up.prefix) result.emplace_back(up.strip, up.prefix);
  if (down.strip == up.prefix + down.prefix) result.emplace_back(down.prefix, down.strip);
  // Both strips apply: they take away what the other's prefix put there, plus perhaps a piece d that both leave.
  const auto& [s, p] = up;
  const auto& [other_s, other_p] = down;
  if (other_p.starts_with(s) && other_s == p + other_p.substr(s.size())) {
    result.emplace_back(other_p, other_s);
  } else if (s.starts_with(other_p) && p == other_s + s.substr(other_p.size())) {
    result.emplace_back(s, p);
  }
  return result;
}

template <class Rule>
const Rule* first_match(const std::vector<Rule>& rules, std::string_view topic) {
  for (const auto& rule : rules) {
    for (const auto& filter : rule.topics) {
      if (matches(filter, topic)) return &rule;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<Echo> find_echo(const Upstream& upstream) {
  for (const auto& forward : upstream.forwards) {
    for (const auto& receive : upstream.receives) {
      for (const auto& [a, b] : fronts(forward.rewrite, receive.rewrite)) {
        for (const auto& up : forward.topics) {
          for (const auto& down : receive.topics) {
            const auto left = rest_of(up, a);
            const auto right = rest_of(down, b);
            const auto common = left && right ? both(*left, *right) : std::nullopt;
            if (!common) continue;
            for (const auto& example : examples(*common)) {
              const auto local = a + example;
              if (first_match(upstream.forwards, local) != &forward) continue;
              const auto remote = forward.rewrite.apply(local);
              if (first_match(upstream.receives, remote) != &receive) continue;
              if (receive.rewrite.apply(remote) == local) return Echo{&forward, &receive, local, remote};
            }
          }
        }
      }
    }
  }
  return {};
}

bool can_begin(std::string_view filter, std::string_view text) {
  return rest_of(filter, text).has_value();
}

std::optional<std::string> unchanged(const std::string& filter, const Rewrite& rewrite) {
  std::vector<std::string> fronts{""};
  if (!rewrite.strip.empty()) fronts.push_back(rewrite.strip);
  for (const auto& front : fronts) {
    const auto rest = rest_of(filter, front);
    if (!rest) continue;
    for (const auto& example : examples(*rest)) {
      auto topic = front + example;
      if (matches(filter, topic) && rewrite.apply(topic) == topic) return topic;
    }
  }
  return {};
}

}  // namespace tidegate::config
