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

/// Writes one line to the sink; without one to standard error, as "level: text", or "<N>text" where that is the
/// journal. Control characters, and what is no UTF-8, are escaped. Thread-safe, never throws.
void write(Level level, std::string_view text) noexcept;

/// While it lives, the lines that this thread writes have one more field, where the log has fields: the journal's
/// "TIDEGATE_UPSTREAM", "cloud"; an empty value is none. Lives in a scope, shorter than what it was made of.
class Field final {
 public:
  Field(const char* name, std::string_view value) noexcept;
  ~Field();
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  [[nodiscard]] const char* name() const noexcept { return name_; }
  [[nodiscard]] std::string_view value() const noexcept { return value_; }
  /// The one around it; null: none.
  [[nodiscard]] const Field* outer() const noexcept { return outer_; }

 private:
  const char* const name_;
  const std::string_view value_;
  const Field* const outer_;
};

/// Where lines go in place of standard error. fields: the innermost; null: none. Thread-safe.
using Sink = void (*)(Level level, std::string_view text, const Field* fields) noexcept;
/// Before other threads start.
void set_sink(Sink sink) noexcept;

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
