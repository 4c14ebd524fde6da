// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdlib>
#include <iterator>

#include <unistd.h>

#include <tidegate/log.hpp>

#include "base/text.hpp"

namespace tidegate::log {
namespace {

std::atomic<Level> threshold{Level::info};
std::atomic<Sink> chosen{nullptr};
thread_local const Field* innermost = nullptr;

const char* word(Level level) noexcept {
  switch (level) {
    case Level::error:
      return "error: ";
    case Level::warning:
      return "warning: ";
    case Level::notice:
      return "notice: ";
    case Level::info:
      return "";
    case Level::debug:
      return "debug: ";
  }
  return "";
}

/// A message may quote what came over the network.
std::string harmless_lines(std::string_view text) {
  std::string made;
  for (;;) {
    const auto end = text.find('\n');
    made += harmless(text.substr(0, end));
    if (end == text.npos) return made;
    made += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void set_level(Level level) noexcept {
  threshold.store(level, std::memory_order_relaxed);
}

Level level() noexcept {
  return threshold.load(std::memory_order_relaxed);
}

Field::Field(const char* name, std::string_view value) noexcept : name_(name), value_(value), outer_(innermost) {
  innermost = this;
}

Field::~Field() {
  innermost = outer_;
}

void set_sink(Sink sink) noexcept {
  chosen.store(sink);
}

void write(Level level, std::string_view given) noexcept {
  static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr && isatty(STDERR_FILENO) == 0;
  try {
    const auto text = harmless_lines(given);
    if (const Sink sink = chosen.load(std::memory_order_relaxed)) return sink(level, text, innermost);
    fmt::memory_buffer line;
    if (journal) {
      fmt::format_to(std::back_inserter(line), "<{}>{}\n", static_cast<int>(level), text);
    } else {
      fmt::format_to(std::back_inserter(line), "{}{}\n", word(level), text);
    }
    // One write a line, so that lines of several threads do not mix.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  } catch (...) {
    // Out of memory: a log line is not worth the process.
  }
}

}  // namespace tidegate::log
