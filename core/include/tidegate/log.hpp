// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <fmt/format.h>

namespace tidegate::log {

/// The numbers are syslog's, so a line can be prefixed <N> for the journal.
enum class Level : int { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// Lines above this level are dropped. Default: info. Thread-safe.
void set_level(Level level) noexcept;
[[nodiscard]] Level level() noexcept;

/// Writes one line to standard error: "<N>text" when it is the journal, else "level: text". Thread-safe, never throws.
void write(Level level, std::string_view text) noexcept;

template <class... Args>
void print(Level at, fmt::format_string<Args...> format, Args&&... args) {
  if (at <= level()) write(at, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  print(Level::error, format, std::forward<Args>(args)...);
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  print(Level::warning, format, std::forward<Args>(args)...);
}
template <class... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  print(Level::notice, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  print(Level::info, format, std::forward<Args>(args)...);
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  print(Level::debug, format, std::forward<Args>(args)...);
}

}  // namespace tidegate::log
