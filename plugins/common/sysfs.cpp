// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/common/sysfs.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>

namespace tidegate::plugins::sysfs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_bytes = 64 << 10;  // an attribute has at most a page

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// The digits at the front of text, without leading zeros; text goes on behind them.
std::string_view take_digits(std::string_view& text) noexcept {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

}  // namespace

std::string read(const fs::path& path) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) throw SystemError(errno, fmt::format("cannot open {}", path.string()));
  std::string text;
  std::array<char, 4096> chunk{};
  ssize_t got = 0;
  while (text.size() < most_bytes && (got = ::read(fd.get(), chunk.data(), chunk.size())) != 0) {
    if (got > 0) {
      text.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      throw SystemError(errno, fmt::format("cannot read {}", path.string()));
    }
  }
  return std::string(trimmed(text));
}

std::optional<std::string> read_if_there(const fs::path& path) {
  try {
    return read(path);
  } catch (const SystemError& error) {
    if (error.code() == ENOENT || error.code() == ENOTDIR) return std::nullopt;
    throw;
  }
}

double number(const fs::path& path) {
  const std::string text = read(path);
  const auto value = to_number(text);
  if (!value) throw Error(fmt::format("{} has no number in it, but {:?}", path.string(), text.substr(0, 40)));
  return *value;
}

void write(const fs::path& path, std::string_view text) {
  const Descriptor fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_TRUNC));
  if (!fd) throw SystemError(errno, fmt::format("cannot open {} for writing", path.string()));
  ssize_t put = 0;
  do {
    put = ::write(fd.get(), text.data(), text.size());
  } while (put < 0 && errno == EINTR);
  if (put < 0) throw SystemError(errno, fmt::format("cannot write \"{}\" to {}", trimmed(text), path.string()));
}

std::optional<double> to_number(std::string_view text) noexcept {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks(" \t\r\n\0", 5);
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::vector<std::string> list(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
    throw SystemError(error.value(), fmt::format("cannot list {}", folder.string()));
  }
  std::ranges::sort(names, natural_less);
  return names;
}

bool natural_less(std::string_view left, std::string_view right) noexcept {
  const std::string_view whole_left = left;
  const std::string_view whole_right = right;
  while (!left.empty() && !right.empty()) {
    if (is_digit(left.front()) && is_digit(right.front())) {
      const auto one = take_digits(left);
      const auto other = take_digits(right);
      if (one.size() != other.size()) return one.size() < other.size();
      if (one != other) return one < other;
    } else {
      if (left.front() != right.front()) return left.front() < right.front();
      left.remove_prefix(1);
      right.remove_prefix(1);
    }
  }
  if (left.empty() != right.empty()) return left.empty();
  return whole_left < whole_right;  // 01 and 1
}

std::string level(std::string_view name) {
  std::string text(name);
  std::ranges::replace_if(text, [](char c) { return c <= ' ' || c > '~' || c == '/' || c == '+' || c == '#'; }, '_');
  return text;
}

}  // namespace tidegate::plugins::sysfs
