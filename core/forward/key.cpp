// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/key.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace tidegate::forward {
namespace {

constexpr std::string_view resent_mark = "resent";

template <class Number>
bool read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::optional<Key> parse_key(std::string_view text) {
  std::array<std::string_view, 7> fields;
  std::size_t count = 0;
  for (;;) {
    if (count == fields.size()) return std::nullopt;
    const auto slash = text.find('/');
    fields[count++] = text.substr(0, slash);
    if (slash == std::string_view::npos) break;
    text.remove_prefix(slash + 1);
  }
  Key key;
  if (count == 7 && fields[6] == resent_mark) {
    key.resent = true;
  } else if (count != 6) {
    return std::nullopt;
  }
  key.gateway = fields[0];
  key.lane = fields[1];
  key.time = fields[4];
  if (key.gateway.empty() || key.lane.empty() || key.time.empty()) return std::nullopt;
  if (!read(fields[2], key.epoch) || !read(fields[3], key.sequence)) return std::nullopt;
  for (const auto clock : {ClockQuality::unsynced, ClockQuality::ntp, ClockQuality::rtc}) {
    if (fields[5] != to_string(clock)) continue;
    key.clock = clock;
    return key;
  }
  return std::nullopt;
}

KeyWriter::KeyWriter(std::string_view gateway, std::string_view lane) : front_(fmt::format("{}/{}/", gateway, lane)) {}

std::string_view KeyWriter::write(const spool::Record& record, WallTime accepted, ClockQuality clock, bool resent) {
  if (epoch_end_ == 0 || epoch_ != record.epoch) {
    text_ = fmt::format("{}{}/", front_, record.epoch);
    epoch_ = record.epoch;
    epoch_end_ = text_.size();
  }
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(accepted);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
  if (seconds != at_) {
    second_ = iso8601(seconds);
    second_.resize(second_.find('.') + 1);
    at_ = seconds;
  }
  const auto fraction = static_cast<unsigned>((milliseconds - seconds).count());
  const std::array<char, 5> rest = {static_cast<char>('0' + fraction / 100),
                                    static_cast<char>('0' + fraction / 10 % 10), static_cast<char>('0' + fraction % 10),
                                    'Z', '/'};
  const fmt::format_int sequence(record.sequence);
  text_.resize(epoch_end_);
  text_.append(sequence.data(), sequence.size()).append(1, '/').append(second_).append(rest.data(), rest.size());
  text_.append(to_string(clock));
  if (resent) text_.append(1, '/').append(resent_mark);
  return text_;
}

void set_key(Properties& properties, std::string_view key) {
  const auto found = std::ranges::find(properties.user, key_property, &std::pair<std::string, std::string>::first);
  if (found != properties.user.end()) {
    found->second = key;
  } else {
    properties.user.emplace_back(key_property, key);
  }
}

bool is_own(const Properties& properties, std::string_view gateway) noexcept {
  const auto* key = properties.find_user(key_property);
  return key != nullptr && key->starts_with(gateway);
}

}  // namespace tidegate::forward
