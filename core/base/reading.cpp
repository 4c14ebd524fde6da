// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <tidegate/reading.hpp>

namespace tidegate {

const char* to_string(Quality quality) noexcept {
  switch (quality) {
    case Quality::good:
      return "good";
    case Quality::uncertain:
      return "uncertain";
    case Quality::bad:
      break;
  }
  return "bad";
}

std::string to_text(const Value& value) {
  struct Text {
    std::string operator()(bool flag) const { return flag ? "ON" : "OFF"; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(const std::string& text) const { return text; }
  };
  return std::visit(Text{}, value);
}

std::string to_json(const Reading& reading) {
  nlohmann::ordered_json object;
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, double>) {
          // JSON has no NaN or infinity.
          object["value"] = std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
        } else {
          object["value"] = value;
        }
      },
      reading.value);
  if (!reading.unit.empty()) object["unit"] = reading.unit;
  object["time"] = iso8601(reading.taken);
  object["clock"] = to_string(reading.clock);
  object["quality"] = to_string(reading.quality);
  if (reading.simulated) object["simulated"] = true;
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace tidegate
