// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/plugin.hpp>

namespace tidegate::plugins::gpio {

/// Why a command is not obeyed, and what is meant instead.
class Refused final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The commands for one output: those that are stale, and retained ones unless they are allowed, are refused, as are
/// those that obey throws Refused for. Each refusal is logged with its reason and counted. Thread: loop.
class Commands final {
 public:
  /// topic: of the output; the commands come under it.
  Commands(Context& context, std::string name, std::string topic, bool retained_allowed);

  /// To be called with the payload, trimmed, of what comes to <topic>/<verb>, or to another topic. While the plugin is
  /// made.
  void on(const std::string& verb, std::function<void(const std::string&)> obey);
  void on_topic(const std::string& topic, std::function<void(const std::string&)> obey);
  /// Called with the number of refused ones after each.
  void on_refused(std::function<void(std::int64_t)> tell) { tell_ = std::move(tell); }
  [[nodiscard]] std::int64_t refused() const noexcept { return refused_; }

 private:
  void take(const Heard& heard, const std::function<void(const std::string&)>& obey);

  Context& context_;
  const std::string name_, topic_;
  const bool retained_allowed_;
  std::function<void(std::int64_t)> tell_;
  std::vector<Listening> listening_;
  std::int64_t refused_ = 0;
};

/// "ON", "1" and "TRUE" are true, "OFF", "0" and "FALSE" false, whatever their case. Nothing for anything else.
[[nodiscard]] std::optional<bool> parse_switch(std::string_view text);
/// In upper case, for words that are commands.
[[nodiscard]] std::string upper(std::string_view text);
/// A number between least and most; throws Refused.
[[nodiscard]] double parse_number(const std::string& text, double least, double most, std::string_view unit);

}  // namespace tidegate::plugins::gpio
