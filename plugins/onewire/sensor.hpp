// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/common/errand.hpp"

namespace tidegate::plugins::onewire {

/// Whether an id, "28-0316a4f1c2ff", is one of a thermometer of the DS18B20 family: DS18S20 (10), DS1822 (22), DS18B20
/// (28), DS1825 (3b), DS28EA00 (42).
[[nodiscard]] bool is_thermometer(std::string_view id) noexcept;

/// What a file w1_slave says.
struct W1Slave {
  bool crc_good = false;
  bool silent = false;  ///< nothing but zeros: nobody was there to answer, though their checksum is right
  double celsius = 0;
};
/// Nothing when the text is something else.
[[nodiscard]] std::optional<W1Slave> parse_w1_slave(std::string_view text);

/// One measurement.
struct Measured {
  std::optional<double> celsius;
  int crc_errors = 0;  ///< on the way to it; each transfer is tried twice
  std::string why;     ///< there is none, or it is not to be believed, or the resolution cannot be set
  bool uncertain = false;
};
/// Measures with the sensor whose folder this is, which takes up to 750 ms, or as long as the bus hangs. resolution:
/// bits that the sensor is told, where the kernel can tell it; 0 leaves it alone. Thread-safe. Throws Error when there
/// is no such sensor, SystemError when it cannot be read.
[[nodiscard]] Measured measure(const std::filesystem::path& folder, int resolution, Doing& doing);

}  // namespace tidegate::plugins::onewire
