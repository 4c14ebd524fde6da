// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "dbus/dbus.hpp"

#include <optional>
#include <utility>

#include "control/peer.hpp"
#include "dbus/face.hpp"
#include "dbus/machine.hpp"

namespace tidegate::dbus {

struct Dbus::Impl {
  Impl(Loop& loop, const std::filesystem::path& socket) : apps(loop, socket, "tidegate-apps") {}
  control::Peer apps;
  std::optional<Face> face;
  std::optional<Machine> machine;
};

Dbus::Dbus(Loop& loop, const config::Dbus& config, control::Control& control, const std::filesystem::path& apps,
           News news)
    : impl_(std::make_unique<Impl>(loop, apps)) {
  if (config.bus != config::MessageBus::off) {
    const auto kind = config.bus == config::MessageBus::system ? Bus::Kind::system : Bus::Kind::session;
    impl_->face.emplace(loop, control, impl_->apps, kind);
  }
  if (config.services) impl_->machine.emplace(loop, std::move(news));
}

Dbus::~Dbus() = default;

}  // namespace tidegate::dbus
