// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "event/journal.hpp"

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <tidegate/log.hpp>

#include "event/repeats.hpp"

namespace tidegate::event {
namespace {

/// $JOURNAL_STREAM has device and inode of what the journal listens on; it outlives a redirection in a shell.
bool is_journal(int fd) noexcept {
  const char* named = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  return named != nullptr && fstat(fd, &status) == 0 && named == fmt::format("{}:{}", status.st_dev, status.st_ino);
}

void send(log::Level level, std::string_view text, const log::Field* fields) noexcept try {
  std::string message = fmt::format("MESSAGE={}", text);
  if (level <= log::Level::warning) {
    static std::mutex mutex;
    static Repeats repeats;
    const std::lock_guard lock(mutex);
    const auto held = repeats.pass(text, std::chrono::steady_clock::now());
    if (!held) return;
    if (*held > 0) message += fmt::format(" ({} more of these were left out)", *held);
  }
  std::vector<std::string> all{std::move(message), fmt::format("PRIORITY={}", static_cast<int>(level))};
  for (; fields != nullptr; fields = fields->outer()) {
    if (!fields->value().empty()) all.push_back(fmt::format("{}={}", fields->name(), fields->value()));
  }
  std::vector<iovec> parts;
  for (auto& one : all) parts.push_back({one.data(), one.size()});
  sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
} catch (...) {
  // Out of memory: a log line is not worth the process.
}

}  // namespace

void log_to_journal() {
  if (is_journal(STDERR_FILENO)) log::set_sink(send);
}

}  // namespace tidegate::event
