// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "filter/numeric.hpp"

#include <cmath>

namespace tidegate::filter {

void Numeric::put(const Reading& reading) {
  const auto* whole = std::get_if<std::int64_t>(&reading.value);
  const auto* number = std::get_if<double>(&reading.value);
  if (reading.quality == Quality::bad || (whole == nullptr && number == nullptr)) {
    other(reading);
  } else if (whole != nullptr) {
    take(reading, static_cast<double>(*whole));
  } else if (std::isfinite(*number)) {
    take(reading, *number);
  } else {
    Reading none = reading;
    none.quality = Quality::bad;
    other(none);
  }
}

}  // namespace tidegate::filter
