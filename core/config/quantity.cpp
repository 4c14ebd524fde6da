// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <ranges>
#include <span>

#include <fmt/format.h>

#include <tidegate/error.hpp>

namespace tidegate::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
  bool shown = true;  ///< in show_…(): 1000s of bytes are understood, but 1024s are what defaults are made of
};

constexpr std::array<Unit, 8> time_units{{{"w", 604'800'000'000'000, false},
                                          {"d", 86'400'000'000'000},
                                          {"h", 3'600'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"s", 1'000'000'000},
                                          {"ms", 1'000'000},
                                          {"us", 1'000},
                                          {"ns", 1}}};
constexpr std::array<Unit, 9> size_units{{{"TiB", 1ULL << 40},
                                          {"TB", 1'000'000'000'000, false},
                                          {"GiB", 1ULL << 30},
                                          {"GB", 1'000'000'000, false},
                                          {"MiB", 1ULL << 20},
                                          {"MB", 1'000'000, false},
                                          {"KiB", 1ULL << 10},
                                          {"kB", 1'000, false},
                                          {"B", 1}}};

std::string names(std::span<const Unit> units) {
  std::string all;
  for (const auto& unit : std::views::reverse(units)) {
    if (!all.empty()) all += ' ';
    all += unit.name;
  }
  return all;
}

bool same_letters(std::string_view left, std::string_view right) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char one, char other) { return lower(one) == lower(other); });
}

/// What somebody who wrote this unit probably meant.
std::string_view meant(std::string_view unit, std::span<const Unit> units) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 22> spoken{
      {{"sec", "s"},    {"secs", "s"},    {"second", "s"}, {"seconds", "s"},       {"min", "m"},   {"mins", "m"},
       {"minute", "m"}, {"minutes", "m"}, {"hour", "h"},   {"hours", "h"},         {"hr", "h"},    {"day", "d"},
       {"days", "d"},   {"week", "w"},    {"weeks", "w"},  {"milliseconds", "ms"}, {"msec", "ms"}, {"k", "KiB"},
       {"m", "MiB"},    {"g", "GiB"},     {"t", "TiB"},    {"bytes", "B"}}};
  for (const auto& known : units) {
    if (same_letters(unit, known.name)) return known.name;
  }
  for (const auto& [word, name] : spoken) {
    if (!same_letters(unit, word)) continue;
    if (std::any_of(units.begin(), units.end(), [&](const Unit& known) { return known.name == name; })) return name;
  }
  return {};
}

std::uint64_t parse(std::string_view text, std::span<const Unit> units, std::uint64_t most, std::string_view usual) {
  const auto digits = text.find_first_not_of("0123456789.");
  const auto number = text.substr(0, digits);
  auto unit = digits == text.npos ? std::string_view{} : text.substr(digits);
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));

  // Whole numbers stay whole: a double has 53 bits.
  std::uint64_t whole = 0;
  double broken = 0;
  const auto* end = number.data() + number.size();
  const bool is_whole = number.find('.') == number.npos;
  const auto read = is_whole ? std::from_chars(number.data(), end, whole)
                             : std::from_chars(number.data(), end, broken, std::chars_format::fixed);
  if (number.empty() || (read.ec == std::errc{} && read.ptr != end) || read.ec == std::errc::invalid_argument) {
    throw ConfigError(fmt::format("\"{}\" is no number with a unit; write it like \"5{}\" (units: {})",
                                  text.substr(0, 40), usual, names(units)));
  }
  const auto too_large = [&] { return ConfigError(fmt::format("\"{}\" is too large", text.substr(0, 40))); };
  if (read.ec == std::errc::result_out_of_range) throw too_large();

  const auto known = std::find_if(units.begin(), units.end(), [&](const Unit& one) { return one.name == unit; });
  if (known == units.end()) {
    if (unit.empty()) {
      throw ConfigError(fmt::format("\"{0}\" has no unit; did you mean \"{0}{1}\"?", number, usual));
    }
    const auto guess = meant(unit, units);
    throw ConfigError(
        guess.empty()
            ? fmt::format("\"{}\" has an unknown unit; the units are {}", text.substr(0, 40), names(units))
            : fmt::format("\"{}\" has an unknown unit; did you mean \"{}{}\"?", text.substr(0, 40), number, guess));
  }
  if (is_whole) {
    if (whole > most / known->factor) throw too_large();
    return whole * known->factor;
  }
  const auto scaled = broken * static_cast<double>(known->factor);
  if (!(scaled < static_cast<double>(most))) throw too_large();
  return static_cast<std::uint64_t>(std::round(scaled));
}

std::string show(std::uint64_t value, std::span<const Unit> units) {
  for (const auto& unit : units) {
    if (unit.shown && value >= unit.factor && value % unit.factor == 0) {
      return fmt::format("{}{}", value / unit.factor, unit.name);
    }
  }
  return fmt::format("0{}", units.size() == time_units.size() ? "s" : "B");
}

}  // namespace

std::chrono::nanoseconds parse_duration(std::string_view text, std::string_view usual) {
  constexpr auto most = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
  return std::chrono::nanoseconds(static_cast<std::int64_t>(parse(text, time_units, most, usual)));
}

std::uint64_t parse_size(std::string_view text, std::string_view usual) {
  return parse(text, size_units, std::numeric_limits<std::uint64_t>::max(), usual);
}

Rate parse_rate(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return ConfigError(
        fmt::format("\"{}\" {}; write so many messages or bytes in so much time: \"20/s\", \"1/15s\" or \"64KiB/s\"",
                    text.substr(0, 40), why));
  };
  const auto slash = text.find('/');
  if (slash == text.npos) throw wrong("is no rate");
  const auto amount = text.substr(0, slash);
  std::string time(text.substr(slash + 1));
  if (time.empty()) throw wrong("has no time");
  if (time.find_first_of("0123456789") != 0) time.insert(time.begin(), '1');
  const double seconds = std::chrono::duration<double>(parse_duration(time)).count();
  if (seconds <= 0) throw wrong("has no time");
  double count = 0;
  const auto* const end = amount.data() + amount.size();
  const auto read = std::from_chars(amount.data(), end, count, std::chars_format::fixed);
  if (amount.empty() || read.ec != std::errc{}) throw wrong("is no rate");
  const bool messages = read.ptr == end;
  if (!messages) count = static_cast<double>(parse_size(amount, "KiB"));
  if (!(count > 0)) throw wrong("lets nothing through");
  return messages ? Rate{count / seconds, 0} : Rate{0, count / seconds};
}

std::string show_duration(std::chrono::nanoseconds duration) {
  return show(static_cast<std::uint64_t>(duration.count()), time_units);
}

std::string show_size(std::uint64_t bytes) {
  return show(bytes, size_units);
}

std::string_view unit_of(std::string_view quantity) {
  const auto unit = quantity.find_first_not_of("0123456789.");
  return unit == quantity.npos ? std::string_view{} : quantity.substr(unit);
}

}  // namespace tidegate::config
