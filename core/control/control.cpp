// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "control/control.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <tidegate/log.hpp>

namespace tidegate::control {
namespace {

Json failure(std::string_view why, std::string_view kind) {
  return Json{{"ok", false}, {"error", why}, {"kind", kind}};
}

const char* kind_of(const std::exception& error) noexcept {
  if (const auto* refusal = dynamic_cast<const Refusal*>(&error)) {
    switch (refusal->kind()) {
      case Refusal::Kind::unknown:
        return "unknown";
      case Refusal::Kind::argument:
        return "argument";
      case Refusal::Kind::refused:
        return "refused";
    }
  }
  if (dynamic_cast<const ConfigError*>(&error) != nullptr) return "configuration";
  if (dynamic_cast<const TopicError*>(&error) != nullptr) return "topic";
  if (dynamic_cast<const PayloadError*>(&error) != nullptr) return "payload";
  if (dynamic_cast<const SystemError*>(&error) != nullptr) return "system";
  if (dynamic_cast<const UnavailableError*>(&error) != nullptr) return "unavailable";
  if (dynamic_cast<const Json::exception*>(&error) != nullptr) return "argument";
  return "failed";
}

/// What reads and shows JSON calls itself for each level.
constexpr int most_levels = 32;

bool is_deep(std::string_view text) noexcept {
  int levels = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    if (quoted && letter == '\\') {
      ++at;
    } else if (letter == '"') {
      quoted = !quoted;
    } else if (!quoted && (letter == '[' || letter == '{')) {
      if (++levels > most_levels) return true;
    } else if (!quoted && (letter == ']' || letter == '}')) {
      --levels;
    }
  }
  return false;
}

}  // namespace

void Control::add(std::string name, Verb verb) {
  verbs_.insert_or_assign(std::move(name), std::move(verb));
}

Json Control::call(const Json& request) const noexcept {
  try {
    if (!request.is_object() || !request.contains("verb") || !request["verb"].is_string()) {
      return failure(R"(a request is one JSON object with a verb, as {"verb":"status"})", "argument");
    }
    const auto& name = request["verb"].get_ref<const std::string&>();
    const auto found = verbs_.find(name);
    if (found == verbs_.end()) {
      std::string known;
      for (const auto& [verb, call] : verbs_) known += (known.empty() ? "" : ", ") + verb;
      return failure(fmt::format("there is no verb '{}'; the verbs are {}", name, known), "unknown");
    }
    return Json{{"ok", true}, {"result", found->second(request)}};
  } catch (const std::exception& error) {
    return failure(error.what(), kind_of(error));
  }
}

std::string Control::call_line(std::string_view line) const noexcept {
  const auto answer = is_deep(line)
                          ? failure(fmt::format("a request has at most {} levels of [ and {{", most_levels), "argument")
                          : call(Json::parse(line, nullptr, false));
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::shared_ptr<const Control::Listener> Control::listen(Listener listener) {
  auto kept = std::make_shared<const Listener>(std::move(listener));
  std::erase_if(listeners_, [](const auto& other) { return other.expired(); });
  listeners_.push_back(kept);
  return kept;
}

bool Control::heard() const noexcept {
  return std::ranges::any_of(listeners_, [](const auto& listener) { return !listener.expired(); });
}

void Control::tell(const Json& event) const noexcept {
  // NOLINTNEXTLINE(modernize-loop-convert): a listener may begin to listen itself
  for (std::size_t at = 0; at < listeners_.size(); ++at) {
    const auto listener = listeners_[at].lock();
    if (!listener) continue;
    try {
      (*listener)(event);
    } catch (const std::exception& error) {
      log::error("an event was not told on: {}", error.what());
    }
  }
}

}  // namespace tidegate::control
