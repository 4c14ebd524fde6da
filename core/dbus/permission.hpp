// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "dbus/api.hpp"

namespace tidegate::dbus {

/// Who may change something. On the session bus everybody there: it is one user's. On the system bus root and the
/// gateway's own user; anybody else as polkit says of the action, and nobody else where there is no polkit. Thread:
/// loop.
class Permission final {
 public:
  /// why_not: empty when it is allowed.
  using Answer = std::function<void(const std::string& why_not)>;

  Permission(sdbus::IConnection& connection, bool system);

  /// sender: of the call. action: "org.tidegate.gateway.publish". answer is called once, perhaps at once; not when this
  /// is destroyed before.
  void ask(const std::string& sender, const std::string& action, Answer answer);

 private:
  void ask_polkit(const std::string& sender, std::uint32_t user, const std::string& action, const Answer& answer);

  const bool system_;
  const std::unique_ptr<sdbus::IProxy> bus_, polkit_;
};

}  // namespace tidegate::dbus
