// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <utf8.h>

#include <tidegate/error.hpp>
#include <tidegate/topic.hpp>

namespace tidegate {
namespace {

constexpr std::size_t most_bytes = 65535;

/// What topics and filters have in common. Long ones are cut in the message.
void check_string(std::string_view text, const char* what) {
  const auto shown = text.substr(0, 60);
  if (text.empty()) throw TopicError(fmt::format("the {} is empty; it needs at least one character", what));
  if (text.size() > most_bytes) {
    throw TopicError(fmt::format("the {} has {} bytes, MQTT allows {}", what, text.size(), most_bytes));
  }
  if (!utf8::is_valid(text.begin(), text.end())) {
    const auto bad = utf8::find_invalid(text.begin(), text.end()) - text.begin();
    throw TopicError(fmt::format("the {} is not valid UTF-8 (byte {})", what, bad));
  }
  if (const auto nul = text.find('\0'); nul != text.npos) {
    throw TopicError(
        fmt::format("the {} '{}' has a NUL character at byte {}; MQTT forbids it", what, shown.substr(0, nul), nul));
  }
}

/// The first level, and takes it off; text becomes null after the last.
std::string_view next_level(std::string_view& text) noexcept {
  const auto slash = text.find('/');
  const auto level = text.substr(0, slash);
  text = slash == text.npos ? std::string_view{} : text.substr(slash + 1);
  return level;
}

/// A cursor over the levels of a topic or filter.
struct Levels {
  std::string_view rest;
  bool more = true;

  std::string_view take() noexcept {
    more = rest.find('/') != rest.npos;
    return next_level(rest);
  }
};

}  // namespace

void check_topic(std::string_view topic) {
  check_string(topic, "topic");
  if (const auto wildcard = topic.find_first_of("+#"); wildcard != topic.npos) {
    throw TopicError(fmt::format("the topic '{}' has the wildcard '{}'; messages are published to topics, not filters",
                                 topic.substr(0, 60), topic[wildcard]));
  }
}

void check_filter(std::string_view filter) {
  check_string(filter, "topic filter");
  Levels levels{filter};
  while (levels.more) {
    const auto level = levels.take();
    if (level.size() > 1 && level.find_first_of("+#") != level.npos) {
      throw TopicError(
          fmt::format("the topic filter '{}' mixes a wildcard with other characters in level '{}'; "
                      "'+' and '#' stand alone between slashes",
                      filter.substr(0, 60), level.substr(0, 60)));
    }
    if (level == "#" && levels.more) {
      throw TopicError(fmt::format("the topic filter '{}' has '#' before its last level", filter.substr(0, 60)));
    }
  }
}

bool matches(std::string_view filter, std::string_view topic) noexcept {
  if (filter.empty() || topic.empty()) return false;
  if (topic.front() == '$' && filter.front() != '$') return false;
  Levels wanted{filter};
  Levels given{topic};
  while (wanted.more) {
    const auto level = wanted.take();
    if (level == "#") return true;  // also the parent level: "a/#" matches "a"
    if (!given.more) return false;
    const auto here = given.take();
    if (level != "+" && level != here) return false;
    if (!given.more && wanted.more) return wanted.rest == "#";
  }
  return !given.more;
}

bool overlap(std::string_view left, std::string_view right) noexcept {
  if (left.empty() || right.empty()) return false;
  if ((left.front() == '$') != (right.front() == '$')) return false;
  Levels a{left};
  Levels b{right};
  while (a.more && b.more) {
    const auto one = a.take();
    const auto other = b.take();
    if (one == "#" || other == "#") return true;
    if (one != "+" && other != "+" && one != other) return false;
  }
  if (a.more) return a.rest == "#";
  if (b.more) return b.rest == "#";
  return true;
}

bool covers(std::string_view rule, std::string_view filter) noexcept {
  if (filter.starts_with("$share/")) {
    filter.remove_prefix(7);
    filter.remove_prefix(std::min(filter.find('/'), filter.size() - 1) + 1);
  }
  if (rule.empty() || filter.empty()) return false;
  if (filter.front() == '$' && rule.front() != '$') return false;
  Levels allowed{rule};
  Levels wanted{filter};
  while (wanted.more) {
    if (!allowed.more) return false;
    const auto one = allowed.take();
    if (one == "#") return true;
    const auto other = wanted.take();
    if (other == "#" || (one != "+" && one != other)) return false;
  }
  return !allowed.more || allowed.rest == "#";
}

std::string Rewrite::apply(std::string_view topic) const {
  if (topic.starts_with(strip)) topic.remove_prefix(strip.size());
  return prefix + std::string(topic);
}

}  // namespace tidegate
