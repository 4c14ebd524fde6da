// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace tidegate::control {

using Json = nlohmann::ordered_json;

/// The verbs of a running gateway: one object, of which the unix socket and every later door (D-Bus, REST) are faces.
/// Thread: loop.
class Control {
 public:
  using Verb = std::function<Json(const Json& arguments)>;

  /// name: "status", "spool.ls". A verb may throw Error; the caller is told its text.
  void add(std::string name, Verb verb);
  /// Answers {"verb":…,…}: {"ok":true,"result":…} or {"ok":false,"error":…}. Never throws.
  [[nodiscard]] Json call(const Json& request) const noexcept;
  /// The same with one line of text each way; what is no JSON object is answered with an error.
  [[nodiscard]] std::string call_line(std::string_view line) const noexcept;

 private:
  std::map<std::string, Verb, std::less<>> verbs_;
};

}  // namespace tidegate::control
