// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tidegate/plugin.hpp>

#include "plugins/common/device.hpp"
#include "plugins/common/errand.hpp"
#include "plugins/common/roster.hpp"

namespace tidegate::plugins {

/// Every interval finds the devices that are there and reads each, on the worker of its bus, so that one that hangs
/// holds up nobody on another bus, and is said in health. Thread: loop.
class Rounds final {
 public:
  /// On a worker: what is there now. May throw Error.
  using Find = std::function<std::vector<Device>()>;
  /// On the worker of the device's bus: all that it has to say; may throw Error when that is nothing at all.
  using Read = std::function<std::vector<Outcome>(const Device&, Doing&)>;
  /// On the loop, when the devices are found and named: takes out those that are not to be read.
  using Claim = std::function<void(std::vector<Device>&)>;

  Rounds(Context& context, Nanoseconds interval, Roster& roster, Find find, Read read, Claim claim = {});

  /// The first round at once.
  void start();
  void stop() noexcept;

 private:
  struct Known {
    Known(Context& context, Device of) : device(std::move(of)), errand(context, device.bus) {}
    Device device;
    Errand errand;
    bool present = true;
    Nanoseconds gone{};  // since when
  };

  void turn();
  void found(std::vector<Device> devices);
  void ask(Known& known);

  Context& context_;
  const Nanoseconds interval_;
  Roster& roster_;
  const Find find_;
  const Read read_;
  const Claim claim_;
  DeviceNames names_;
  std::unique_ptr<Errand> finding_;
  std::map<std::string, std::unique_ptr<Known>> known_;  // by name
  Source timer_;
};

}  // namespace tidegate::plugins
