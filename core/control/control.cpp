// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "control/control.hpp"

#include <fmt/format.h>

namespace tidegate::control {
namespace {

Json failure(std::string_view why) {
  return Json{{"ok", false}, {"error", why}};
}

}  // namespace

void Control::add(std::string name, Verb verb) {
  verbs_.insert_or_assign(std::move(name), std::move(verb));
}

Json Control::call(const Json& request) const noexcept {
  try {
    if (!request.is_object() || !request.contains("verb") || !request["verb"].is_string()) {
      return failure(R"(a request is one JSON object with a verb, as {"verb":"status"})");
    }
    const auto& name = request["verb"].get_ref<const std::string&>();
    const auto found = verbs_.find(name);
    if (found == verbs_.end()) {
      std::string known;
      for (const auto& [verb, call] : verbs_) known += (known.empty() ? "" : ", ") + verb;
      return failure(fmt::format("there is no verb '{}'; the verbs are {}", name, known));
    }
    return Json{{"ok", true}, {"result", found->second(request)}};
  } catch (const std::exception& error) {
    return failure(error.what());
  }
}

std::string Control::call_line(std::string_view line) const noexcept {
  const auto request = Json::parse(line, nullptr, false);
  return call(request).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tidegate::control
