// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/version.hpp"

#include <charconv>

#include <fmt/format.h>

namespace tidegate::broker {
namespace {

struct Defect {
  Version first;   ///< that has it
  Version mended;  ///< the first that has not
  const char* what;
};

// Issues are eclipse-mosquitto/mosquitto's; "mended" is from its ChangeLog.txt. What our configuration avoids is not
// here (max_queued_messages 0: #1956, #2879, #3088, #3244; per_listener_settings: #2618, #2526), nor what only bridges,
// plugins, TLS or listeners of others meet.
constexpr Defect defects[] = {
    // Understood and tested from here on; before 2.0.10 malformed packets crash it (CVE-2021-28166), before 1.6 there
    // is
    // no MQTT 5.
    {{0, 0, 0}, {2, 0, 11}, "it is older than any that Tidegate is tested with"},
    // #2609; seen by us with 2.0.11: a hundred expired messages at the head hold up the queue until one more arrives.
    {{0, 0, 0},
     {2, 0, 15},
     "messages whose expiry ran out while their reader was away hold up those behind them until newer ones arrive "
     "(mosquitto#2609)"},
    // #2876: the limit of what may be under way to a client is not the configured one.
    {{2, 0, 16}, {2, 0, 17}, "it ignores max_inflight_messages, and messages may be lost (mosquitto#2876)"},
    // #2881, #2885.
    {{2, 0, 16}, {2, 0, 18}, "it can crash when a client subscribes (mosquitto#2881)"},
};

}  // namespace

std::optional<Version> parse_version(std::string_view text) noexcept {
  constexpr std::string_view mark = "mosquitto version ";
  if (const auto at = text.find(mark); at != text.npos) text.remove_prefix(at + mark.size());
  Version version;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int* const part : {&version.major, &version.minor, &version.patch}) {
    const auto [stop, error] = std::from_chars(at, end, *part);
    if (error != std::errc{} || *part < 0) return std::nullopt;
    at = stop;
    if (part == &version.patch) break;
    if (at == end || *at != '.') return std::nullopt;
    ++at;
  }
  return version;
}

std::string to_string(const Version& version) {
  return fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
}

std::vector<std::string> known_defects(const Version& version) {
  std::vector<std::string> found;
  for (const auto& [first, mended, what] : defects) {
    if (version < first || version >= mended) continue;
    found.push_back(
        fmt::format("Mosquitto {}: {}; {} and later are without it", to_string(version), what, to_string(mended)));
  }
  return found;
}

}  // namespace tidegate::broker
