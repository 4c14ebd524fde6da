// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "dbus/permission.hpp"

#include <chrono>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace tidegate::dbus {
namespace {

constexpr std::uint32_t may_ask_the_user = 1;  ///< polkit: AllowUserInteraction
constexpr std::chrono::minutes patience{2};    ///< somebody may have to type a password

}  // namespace

Permission::Permission(sdbus::IConnection& connection, bool system)
    : system_(system),
      bus_(make_proxy(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus")),
      polkit_(make_proxy(connection, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority")) {}

void Permission::ask(const std::string& sender, const std::string& action, Answer answer) {
  if (!system_) return answer({});
  bus_->callMethodAsync("GetConnectionUnixUser")
      .onInterface("org.freedesktop.DBus")
      .withArguments(sender)
      .uponReplyInvoke([this, sender, action, answer = std::move(answer)](MaybeError error, std::uint32_t user) {
        if (error) return answer(fmt::format("the bus does not say who asks: {}", error->getMessage()));
        if (user == 0 || user == ::geteuid()) return answer({});
        ask_polkit(sender, user, action, answer);
      });
}

void Permission::ask_polkit(const std::string& sender, std::uint32_t user, const std::string& action,
                            const Answer& answer) {
  using Details = std::map<std::string, std::string>;
  const sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>> subject{"system-bus-name",
                                                                                  {{"name", sdbus::Variant{sender}}}};
  polkit_->callMethodAsync("CheckAuthorization")
      .onInterface("org.freedesktop.PolicyKit1.Authority")
      .withTimeout(patience)
      .withArguments(subject, action, Details{}, may_ask_the_user, std::string())
      .uponReplyInvoke([user, action, answer](MaybeError error, const sdbus::Struct<bool, bool, Details>& result) {
        if (error) {
          answer(
              fmt::format("polkit cannot be asked ({}); without it only root and the user that runs the gateway "
                          "may change something, and user {} is neither",
                          error->getMessage(), user));
        } else if (!std::get<0>(result)) {
          answer(fmt::format("polkit does not let user {} do this; the action is {}", user, action));
        } else {
          answer({});
        }
      });
}

}  // namespace tidegate::dbus
