// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace tidegate::dbus {

/// What is to be done about what the machine's services tell. All are called on the loop.
struct News {
  /// Whether there is a network; why: who says so, when there is none.
  std::function<void(bool there, const std::string& why)> network;
  /// The network has become better.
  std::function<void()> hurry;
  /// The machine is about to sleep or to shut down, and waits for done, a few seconds at most.
  std::function<void(std::function<void()> done)> flush;
  /// The machine has slept.
  std::function<void()> woke;
  /// The clock has been set from the network, says by.
  std::function<void(const std::string& by)> clock;
};

}  // namespace tidegate::dbus
