// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/sim/recording.hpp"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <tidegate/error.hpp>

namespace tidegate::plugins::sim {
namespace {

constexpr std::size_t most_bytes_in_line = 256;
constexpr double most_seconds = 1e9;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// May be none that is finite.
std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

/// Takes so many digits off the front, and the mark behind them, when there is one to be taken.
std::optional<int> digits(std::string_view& text, std::size_t count, std::string_view marks) {
  if (text.size() < count + (marks.empty() ? 0 : 1)) return {};
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc() || end != text.data() + count || value < 0) return {};
  if (!marks.empty() && marks.find(text[count]) == marks.npos) return {};
  text.remove_prefix(count + (marks.empty() ? 0 : 1));
  return value;
}

/// "2026-11-20T18:38:58.123Z", "2026-11-20 18:38:58", "2026-11-20T18:38:58+01:00". Without a zone it is UTC.
std::optional<WallTime> moment(std::string_view text) {
  const auto year = digits(text, 4, "-");
  const auto month = digits(text, 2, "-");
  const auto day = digits(text, 2, "Tt ");
  const auto hour = digits(text, 2, ":");
  const auto minute = digits(text, 2, ":");
  const auto second = digits(text, 2, "");
  if (!year || !month || !day || !hour || !minute || !second) return {};
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return {};
  Nanoseconds of_day = std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    std::int64_t place = 100'000'000;
    if (text.empty() || text.front() < '0' || text.front() > '9') return {};
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), place /= 10) {
      of_day += Nanoseconds(place * (text.front() - '0'));
    }
  }
  if (text.starts_with('+') || text.starts_with('-')) {
    const bool east = text.front() == '+';
    text.remove_prefix(1);
    const auto hours = digits(text, 2, "");
    if (text.starts_with(':')) text.remove_prefix(1);
    const auto minutes = digits(text, 2, "");
    if (!hours || !minutes || *hours > 14 || *minutes > 59 || !text.empty()) return {};
    const Nanoseconds zone = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    of_day += east ? -zone : zone;
  } else if (!text.empty() && text != "Z" && text != "z") {
    return {};
  }
  return WallTime(std::chrono::sys_days(date)) + of_day;
}

/// What the times of a file are.
enum class Times { none, seconds, moments };

class Reader {
 public:
  Reader(const std::filesystem::path& file, Nanoseconds interval) : file_(file), interval_(interval) {}

  Recording read() {
    std::error_code error;
    const auto status = std::filesystem::status(file_, error);
    if (status.type() == std::filesystem::file_type::not_found || status.type() == std::filesystem::file_type::none) {
      throw SystemError(error ? error.value() : ENOENT, "cannot read " + file_.string());
    }
    // A pipe or a device could keep us waiting, or never end.
    if (!std::filesystem::is_regular_file(status)) throw ConfigError(file_.string() + " is no file of values");
    std::ifstream stream(file_, std::ios::binary);
    if (!stream) throw SystemError(errno, "cannot read " + file_.string());
    for (std::string line; next(stream, line);) {
      ++line_;
      if (line_ == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
      take(trimmed(line));
    }
    if (stream.bad()) throw SystemError(errno, "cannot read " + file_.string());
    if (recording_.rows.empty()) {
      throw ConfigError(fmt::format("{} has no values; write one a line, or time,value", file_.string()));
    }
    recording_.length = recording_.rows.back().at + interval_;
    return std::move(recording_);
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const {
    throw ConfigError(fmt::format("{}:{}: {}", file_.string(), line_, what));
  }
  [[noreturn]] void wrong(std::string_view text, const char* what) const {
    std::string shown(text.substr(0, 40));
    for (char& c : shown) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    wrong(fmt::format("\"{}\" {}", shown, what));
  }

  /// A line, however long the file's are.
  bool next(std::istream& stream, std::string& line) const {
    line.clear();
    for (int c = stream.get(); c != std::istream::traits_type::eof(); c = stream.get()) {
      if (c == '\n') return true;
      if (line.size() == most_bytes_in_line) {
        throw ConfigError(
            fmt::format("{}:{}: is too long for a line of a CSV file of values", file_.string(), line_ + 1));
      }
      line += static_cast<char>(c);
    }
    return !line.empty();
  }

  void take(std::string_view line) {
    if (line.empty() || line.front() == '#') return;
    if (line.find(';') != line.npos) {
      wrong(line, "has a semicolon; put a comma between time and value, and write decimals with a point");
    }
    const auto comma = line.find(',');
    const auto time = comma == line.npos ? std::string_view() : trimmed(line.substr(0, comma));
    const auto last = comma == line.npos ? line : trimmed(line.substr(comma + 1));
    if (last.find(',') != last.npos)
      wrong(line, "has more than two columns; leave time,value, and write decimals with a point");
    const auto value = number(last);
    if (std::exchange(first_, false) && !value && !last.empty() && !number(time) && !moment(time)) return;  // headings
    if (!value || !std::isfinite(*value)) wrong(last, "is no number; put one there, or take the line out");
    const Times times = kind_of(time, comma != line.npos);
    if (recording_.rows.empty()) times_ = times;
    if (times != times_) {
      wrong(line, "has another kind of time than the lines before; give each seconds, or a date and time, or none");
    }
    if (recording_.rows.size() == Recording::most_rows)
      wrong(fmt::format("the most are {} values", Recording::most_rows));
    const Nanoseconds at = offset(time);
    if (!recording_.rows.empty() && at < recording_.rows.back().at) {
      wrong(time, "is before the line above; sort the lines by time");
    }
    recording_.rows.push_back({at, *value});
  }

  Times kind_of(std::string_view time, bool has_comma) const {
    if (!has_comma) return Times::none;
    if (number(time)) return Times::seconds;
    if (moment(time)) return Times::moments;
    wrong(time, "is no time; write seconds since the start, 12.5, or 2026-11-20T18:38:58Z");
  }

  Nanoseconds offset(std::string_view time) {
    switch (times_) {
      case Times::none:
        return interval_ * static_cast<std::int64_t>(recording_.rows.size());
      case Times::seconds: {
        const double seconds = *number(time);
        if (!(seconds >= 0 && seconds <= most_seconds))
          wrong(time, "is out of range; a time goes from 0 to 1e9 seconds");
        return Nanoseconds(std::llround(seconds * 1e9));
      }
      case Times::moments:
        break;
    }
    const WallTime wall = *moment(time);
    if (recording_.rows.empty()) begin_ = wall;
    if (wall - begin_ > std::chrono::duration<double>(most_seconds))
      wrong(time, "is more than 1e9 seconds after the first");
    return wall - begin_;
  }

  const std::filesystem::path& file_;
  const Nanoseconds interval_;
  Recording recording_;
  Times times_ = Times::none;
  WallTime begin_{};
  bool first_ = true;
  std::size_t line_ = 0;
};

}  // namespace

Recording read_recording(const std::filesystem::path& file, Nanoseconds interval) {
  return Reader(file, interval).read();
}

}  // namespace tidegate::plugins::sim
