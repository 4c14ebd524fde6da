// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "event/notifier.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace tidegate::event {

Notifier::Notifier() {
  std::uint64_t within = 0;
  if (sd_watchdog_enabled(0, &within) > 0) watchdog_ = std::chrono::microseconds(within);
}

void Notifier::ready() {
  if (std::exchange(ready_, true)) return;
  sd_notify(0, "READY=1");
}

void Notifier::status(const std::string& text) {
  if (text == status_) return;
  status_ = text;
  std::string line = text;
  std::ranges::replace(line, '\n', ' ');
  sd_notify(0, ("STATUS=" + line).c_str());
}

void Notifier::stopping() {
  sd_notify(0, "STOPPING=1");
}

void Notifier::extend(std::chrono::microseconds time) {
  sd_notify(0, fmt::format("EXTEND_TIMEOUT_USEC={}", time.count()).c_str());
}

void Notifier::alive() {
  sd_notify(0, "WATCHDOG=1");
}

}  // namespace tidegate::event
