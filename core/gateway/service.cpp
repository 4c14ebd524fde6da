// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/service.hpp"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tidegate/log.hpp>

#include "base/events.hpp"
#include "base/pulse.hpp"

namespace tidegate::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto look_interval = 5s;  ///< counts in the line change all the time
constexpr auto more_time = 10s;     ///< asked for while something moves

}  // namespace

void Service::run(std::function<std::string()> summary) {
  summary_ = std::move(summary);
  notifier_.status(summary_());
  notifier_.ready();
  look_ = loop_.every(look_interval, [this] { look(); });
  if (const auto within = notifier_.watchdog()) beat_ = loop_.every(*within / 3, [this] { serve_watchdog(); });
}

void Service::look() {
  notifier_.status(summary_());
}

void Service::serve_watchdog() {
  const auto stuck = Pulse::stuck(*notifier_.watchdog());
  if (stuck.empty()) {
    notifier_.alive();
  } else if (!stuck_) {
    const log::Field event(log::events::field, log::events::thread_stuck);
    log::error("stuck, so that the watchdog is told nothing: {}", fmt::join(stuck, ", "));
  }
  stuck_ = !stuck.empty();
}

void Service::stopping() {
  look_ = {};
  beat_ = {};
  notifier_.status("stopping");
  notifier_.stopping();
}

void Service::draining(bool progress) noexcept try {
  if (notifier_.watchdog()) serve_watchdog();
  const auto now = std::chrono::steady_clock::now();
  if (!progress || now - extended_ < 1s) return;
  extended_ = now;
  notifier_.extend(more_time);
} catch (const std::exception& error) {
  log::error("stopping: {}", error.what());
}

}  // namespace tidegate::gateway
