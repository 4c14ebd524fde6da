// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/common/device.hpp"
#include "plugins/common/errand.hpp"
#include "plugins/common/roster.hpp"
#include "plugins/common/selection.hpp"

namespace tidegate::plugins::iio {

/// What a type of channel is measured in, once its scale and offset are applied.
struct Type {
  std::string_view name;  ///< "voltage"
  std::string_view unit;
  double factor;   ///< from the kernel's unit: it counts in mV, we in V
  double divisor;  ///< the same as a division, where that is exact
  std::optional<double> least;
  std::optional<double> most;
};
/// Of a channel by its name without "in_": "voltage0-voltage1", "accel_x". One that the kernel has learnt since has no
/// unit and no limits.
[[nodiscard]] Type type_of(std::string_view channel) noexcept;

/// The names under which an attribute of a channel may stand, the nearest first: in_voltage0_scale, in_voltage_scale,
/// in_scale, scale.
[[nodiscard]] std::vector<std::string> attribute_names(std::string_view channel, std::string_view attribute);

/// How raw numbers of a channel become values.
struct Conversion {
  Type type;
  double offset = 0;
  double scale = 1;

  /// From raw, or from what the driver has scaled already (with offset 0 and scale 1).
  [[nodiscard]] double operator()(double raw) const noexcept;
  [[nodiscard]] Outcome outcome(std::string name, double raw) const;
};
/// Reads the scale and the offset of a channel. Throws Error.
[[nodiscard]] Conversion read_conversion(const std::filesystem::path& device, std::string_view channel, Doing& doing);

/// How channels of one device are called: by their label where they have one. Throws nothing.
class ChannelNames final {
 public:
  explicit ChannelNames(std::filesystem::path device) : device_(std::move(device)) {}
  /// The next channel's, as one level of a topic.
  [[nodiscard]] std::string of(std::string_view channel, Doing& doing);

 private:
  const std::filesystem::path device_;
  std::set<std::string> labels_;
};

/// Every input channel of a device, in natural order. May take as long as the device's bus does. Thread-safe. Throws
/// SystemError when the device is gone.
[[nodiscard]] std::vector<Outcome> read_device(const Device& device, const Selection& wanted, Doing& doing);

}  // namespace tidegate::plugins::iio
