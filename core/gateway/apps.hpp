// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include <tidegate/loop.hpp>

#include "automation/backoff.hpp"
#include "config/config.hpp"
#include "event/process.hpp"
#include "gateway/health.hpp"

namespace tidegate::gateway {

/// The supervisor of automations, tidegate-apps, as a process beside the gateway: for gateways that are started by
/// hand. It is started again when it ends, and told to end when the gateway does, however that ends. Thread: loop.
class Apps final {
 public:
  /// Both references outlive this.
  Apps(Loop& loop, const config::Config& config, Health& health);
  ~Apps();  ///< stop()
  Apps(const Apps&) = delete;
  Apps& operator=(const Apps&) = delete;

  /// Where scripts' accounts at the local broker are told of; empty where none may run, or another keeps the broker.
  [[nodiscard]] static std::filesystem::path accounts(const config::Config& config);

  /// Does nothing where the configuration does not want it, where systemd runs the gateway (it then has a unit for the
  /// supervisor too, unless [automations] run says true), and where there is no folder of scripts.
  void start();
  /// The configuration is another now; changed: what it says of automations. Waits for nothing.
  void reload(bool changed);
  /// Waits until it has ended, and with it all scripts.
  void stop() noexcept;

 private:
  [[nodiscard]] bool wanted() const;
  void launch();
  void ended();

  Loop& loop_;
  const config::Config& config_;
  Health& health_;
  automation::Backoff backoff_;
  event::Process process_;
  std::chrono::steady_clock::time_point started_;
  Source end_, next_;
};

}  // namespace tidegate::gateway
