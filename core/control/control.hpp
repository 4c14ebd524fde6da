// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <tidegate/error.hpp>

namespace tidegate::control {

using Json = nlohmann::ordered_json;

/// What a verb throws when it says no: the word for it goes into the answer as "kind".
class Refusal final : public Error {
 public:
  enum class Kind : std::uint8_t {
    unknown,   ///< there is no such upstream, line, automation
    argument,  ///< the request is not what the verb takes
    refused,   ///< understood, and not done
  };
  Refusal(Kind kind, const std::string& why) : Error(why), kind_(kind) {}
  [[nodiscard]] Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

/// The verbs of a running gateway, and what happens in it: one object, of which the unix socket and every later door
/// (D-Bus, REST) are faces. Thread: loop.
class Control {
 public:
  using Verb = std::function<Json(const Json& arguments)>;
  using Listener = std::function<void(const Json& event)>;

  /// name: "status", "spool.ls". A verb may throw Error; the caller is told its text.
  void add(std::string name, Verb verb);
  /// Answers {"verb":…,…}: {"ok":true,"result":…} or {"ok":false,"error":…,"kind":…}, where kind is "unknown",
  /// "argument", "refused", "configuration", "topic", "payload", "system", "unavailable" or "failed". Never throws.
  [[nodiscard]] Json call(const Json& request) const noexcept;
  /// The same with one line of text each way; what is no JSON object, or nested too deep, is answered with an error.
  [[nodiscard]] std::string call_line(std::string_view line) const noexcept;

  /// Has listener called with everything that is told, for as long as the caller keeps what is returned.
  [[nodiscard]] std::shared_ptr<const Listener> listen(Listener listener);
  /// Whether anybody listens: whoever does not need to make an event can ask first.
  [[nodiscard]] bool heard() const noexcept;
  /// {"event":"upstream",…}, to all who listen. docs/dbus.md has the events. Never throws.
  void tell(const Json& event) const noexcept;

 private:
  std::map<std::string, Verb, std::less<>> verbs_;
  std::vector<std::weak_ptr<const Listener>> listeners_;
};

}  // namespace tidegate::control
