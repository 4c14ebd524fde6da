// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include <tidegate/loop.hpp>

#include "config/config.hpp"
#include "control/control.hpp"
#include "dbus/news.hpp"

namespace tidegate::dbus {

/// The gateway on D-Bus: org.tidegate.Gateway1 on the bus that the configuration names, and what other services of the
/// machine tell. A bus need not be there, and may go and come. Nothing is done on another thread, but for connecting.
/// Thread: loop.
class Dbus final {
 public:
  /// The references outlive this. apps: the control socket of the supervisor of automations.
  Dbus(Loop& loop, const config::Dbus& config, control::Control& control, const std::filesystem::path& apps, News news);
  ~Dbus();
  Dbus(const Dbus&) = delete;
  Dbus& operator=(const Dbus&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate::dbus
