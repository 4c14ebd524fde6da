// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/error.hpp>
#include <tidegate/topic.hpp>

using namespace tidegate;

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

/// RFC 3629, table 3-7 of Unicode.
bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  const auto goes_on = [&](std::size_t at) { return (byte(at) & 0xC0U) == 0x80U; };
  for (std::size_t at = 0; at < text.size();) {
    const unsigned first = byte(at);
    const unsigned second = byte(at + 1);
    if (first < 0x80) {
      at += 1;
    } else if (first >= 0xC2 && first <= 0xDF && goes_on(at + 1)) {
      at += 2;
    } else if (first >= 0xE0 && first <= 0xEF && goes_on(at + 1) && goes_on(at + 2) &&
               !(first == 0xE0 && second < 0xA0) && !(first == 0xED && second > 0x9F)) {
      at += 3;
    } else if (first >= 0xF0 && first <= 0xF4 && goes_on(at + 1) && goes_on(at + 2) && goes_on(at + 3) &&
               !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second > 0x8F)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

std::vector<std::string> levels(std::string_view text) {
  std::vector<std::string> all(1);
  for (const char c : text) {
    if (c == '/') {
      all.emplace_back();
    } else {
      all.back() += c;
    }
  }
  return all;
}

bool is_string(std::string_view text) {
  return !text.empty() && text.size() <= 65535 && is_utf8(text) && text.find('\0') == text.npos;
}
bool is_topic(std::string_view text) {
  return is_string(text) && text.find_first_of("+#") == text.npos;
}
bool is_filter(std::string_view text) {
  const auto all = levels(text);
  for (std::size_t at = 0; at < all.size(); ++at) {
    if (all[at].size() > 1 && all[at].find_first_of("+#") != std::string::npos) return false;
    if (all[at] == "#" && at + 1 != all.size()) return false;
  }
  return is_string(text);
}

/// Section 4.7 of MQTT, level by level.
bool is_matched(const std::vector<std::string>& filter, const std::vector<std::string>& topic) {
  if (topic[0].starts_with('$') && (filter[0] == "+" || filter[0] == "#")) return false;
  for (std::size_t at = 0; at < filter.size(); ++at) {
    if (filter[at] == "#") return at <= topic.size();
    if (at >= topic.size() || (filter[at] != "+" && filter[at] != topic[at])) return false;
  }
  return filter.size() == topic.size();
}

template <class Check>
bool accepts(Check check, std::string_view text) {
  try {
    check(text);
    return true;
  } catch (const TopicError& error) {
    if (std::string_view(error.what()).empty()) fail("a refusal without a word");
    return false;
  }
}

}  // namespace

/// Two filters and a topic, a line each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> parts;
  for (std::string_view rest = text; parts.size() < 3;) {
    const auto end = parts.size() < 2 ? rest.find('\n') : rest.npos;
    parts.push_back(rest.substr(0, end));
    rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
  }
  for (const auto part : parts) {
    if (accepts(check_topic, part) != is_topic(part)) fail("check_topic() is mistaken");
    if (accepts(check_filter, part) != is_filter(part)) fail("check_filter() is mistaken");
    if (is_topic(part)) {
      if (!is_filter(part) || !matches(part, part)) fail("a topic does not match itself");
      if (!overlap(part, part)) fail("a topic does not overlap itself");
      if (matches("#", part) != !part.starts_with('$')) fail("'#' matches what starts with '$', or not all else");
    }
  }
  if (is_filter(parts[0]) && is_topic(parts[2])) {
    const bool matched = matches(parts[0], parts[2]);
    if (matched != is_matched(levels(parts[0]), levels(parts[2]))) fail("matches() is mistaken");
    if (matched != overlap(parts[0], parts[2])) fail("overlap() of a filter and a topic is not matches()");
  }
  if (is_filter(parts[0]) && is_filter(parts[1])) {
    const bool both = overlap(parts[0], parts[1]);
    if (both != overlap(parts[1], parts[0])) fail("overlap() depends on the order");
    if (!overlap(parts[0], parts[0])) fail("a filter does not overlap itself");
    if (is_topic(parts[2]) && matches(parts[0], parts[2]) && matches(parts[1], parts[2]) && !both) {
      fail("a topic is matched by two filters that do not overlap");
    }
  }
  const Rewrite rewrite{std::string(parts[0]), std::string(parts[1])};
  const auto rewritten = rewrite.apply(parts[2]);
  if (!rewritten.starts_with(rewrite.prefix) || rewritten.size() > rewrite.prefix.size() + parts[2].size()) {
    fail("a rewrite made up something");
  }
  return 0;
}
