// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "plugins/common/device.hpp"
#include "plugins/common/errand.hpp"
#include "plugins/common/roster.hpp"
#include "plugins/common/selection.hpp"

namespace tidegate::plugins::hwmon {

/// What is wanted of chips.
struct Options {
  Selection wanted;     ///< over "<chip>/<channel>"; what is not wanted is not read
  bool alarms = false;  ///< those of channels that have a value, too
};

/// Every value that the kernel shows of a chip, in natural order: °C, V, A, W, J, %, 1/min, Hz; and alarms, as a bool.
/// May take as long as the chip's bus does. Thread-safe. Throws SystemError when the chip is gone.
[[nodiscard]] std::vector<Outcome> read_chip(const Device& chip, const Options& options, Doing& doing);

}  // namespace tidegate::plugins::hwmon
