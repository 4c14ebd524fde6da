// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include <tidegate/loop.hpp>

#include "automation/script.hpp"
#include "broker/app_account.hpp"
#include "config/config.hpp"

namespace tidegate::gateway {

/// The accounts of automations that name what they may do: each has a password of its own, new with each change of its
/// rights, whose hash is told to who keeps the local broker. Thread: loop.
class AppIdentities final {
 public:
  /// broker: the runtime folder of who keeps the local broker. config outlives this. moved: the broker is
  /// elsewhere now.
  AppIdentities(Loop& loop, const config::Config& config, std::filesystem::path broker, std::function<void()> moved);

  /// As Surroundings::identify. Nothing for a script that names no rights.
  [[nodiscard]] automation::Identity identify(const std::string& name, const config::AutomationOptions& options);
  /// It is gone.
  void forget(const std::string& name);

 private:
  struct Known {
    broker::AppAccount account;
    std::string password;
  };
  void tell();
  [[nodiscard]] std::filesystem::path file() const { return config_.gateway.runtime / broker::app_accounts_file; }
  void look();

  Loop& loop_;
  const config::Config& config_;
  const std::filesystem::path broker_;
  const std::function<void()> moved_;
  std::map<std::string, Known> known_;
  std::string mark_;  ///< of what was told
  std::string url_;   ///< that was given to scripts
  Source look_;
};

}  // namespace tidegate::gateway
