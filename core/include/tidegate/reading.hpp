// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include <tidegate/clock.hpp>

namespace tidegate {

enum class Quality : std::uint8_t {
  good,
  uncertain,  ///< out of range, or older than it should be
  bad,        ///< the source failed; the value is the last one known
};
[[nodiscard]] const char* to_string(Quality quality) noexcept;

using Value = std::variant<bool, std::int64_t, double, std::string>;

/// One observation: a value with its unit, its quality and the time it was taken.
struct Reading {
  Value value;
  std::string unit;  ///< SI or what the field uses: "B", "%", "°C", "s"; empty when it has none
  Quality quality = Quality::good;
  WallTime taken{};
  ClockQuality clock = ClockQuality::unsynced;
  bool simulated = false;  ///< made up: nothing was observed
};

/// The bare value: ON and OFF, an integer, the shortest decimal that reads back the same, or the text.
[[nodiscard]] std::string to_text(const Value& value);

/// {"value":…,"unit":…,"time":…,"clock":…,"quality":…}, one line; and "simulated":true where it is.
[[nodiscard]] std::string to_json(const Reading& reading);

}  // namespace tidegate
