// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/calculate/payload.hpp"

#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

namespace tidegate::plugins::calculate {
namespace {

Found finite(double number) {
  if (std::isfinite(number)) return number;
  return NoNumber{};
}

Found in_object(std::string_view payload, const std::vector<std::string>& field) {
  const auto object = nlohmann::json::parse(payload, nullptr, false);
  if (!object.is_object()) return NoNumber{};
  if (const auto quality = object.find("quality"); quality != object.end() && *quality == "bad") return NotMeant{};
  const auto* node = &object;
  for (const auto& key : field) {
    const auto found = node->find(key);  // end() when it is no object
    if (found == node->end()) return NoNumber{};
    node = &*found;
  }
  return node->is_number() ? finite(node->get<double>()) : NoNumber{};
}

}  // namespace

Found number_in(std::string_view payload, const std::vector<std::string>& field) {
  if (payload.empty()) return NotMeant{};
  if (payload.size() > most_payload) return NoNumber{};
  constexpr std::string_view blanks(" \t\r\n\0", 5);  // some devices send the NUL that ends their string
  const auto first = payload.find_first_not_of(blanks);
  if (first == payload.npos) return NoNumber{};
  payload = payload.substr(first, payload.find_last_not_of(blanks) - first + 1);
  if (payload.front() == '{') return in_object(payload, field);
  if (payload.front() == '+' && !payload.starts_with("+-")) payload.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(payload.data(), payload.data() + payload.size(), number);
  if (error != std::errc() || end != payload.data() + payload.size()) return NoNumber{};
  return finite(number);
}

}  // namespace tidegate::plugins::calculate
