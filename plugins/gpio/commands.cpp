// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/commands.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include <tidegate/log.hpp>

namespace tidegate::plugins::gpio {

Commands::Commands(Context& context, std::string name, std::string topic, bool retained_allowed)
    : context_(context), name_(std::move(name)), topic_(std::move(topic)), retained_allowed_(retained_allowed) {}

void Commands::on(const std::string& verb, std::function<void(const std::string&)> obey) {
  on_topic(topic_ + '/' + verb, std::move(obey));
}

void Commands::on_topic(const std::string& topic, std::function<void(const std::string&)> obey) {
  listening_.push_back(
      context_.listen(topic, [this, obey = std::move(obey)](const Heard& heard) { take(heard, obey); }));
}

void Commands::take(const Heard& heard, const std::function<void(const std::string&)>& obey) {
  std::string payload = heard.message.payload;
  const auto blank = [](unsigned char c) { return std::isspace(c) != 0; };
  payload.erase(payload.begin(), std::ranges::find_if_not(payload, blank));
  while (!payload.empty() && blank(static_cast<unsigned char>(payload.back()))) payload.pop_back();
  try {
    if (heard.message.retain && !retained_allowed_) {
      if (payload.empty()) return;
      throw Refused("it was retained, and so is of unknown age; publish it without retain, or allow retained = true");
    }
    if (heard.deadline && *heard.deadline <= context_.clock().boot()) throw Refused("it is older than its expiry");
    obey(payload);
  } catch (const Refused& why) {
    ++refused_;
    if (heard.refusal != nullptr) *heard.refusal = why.what();
    const log::Field topic("TIDEGATE_TOPIC", heard.message.topic);
    log::warning("gpio {}: the command \"{}\" is refused: {}", name_, payload.substr(0, 40), why.what());
    if (tell_) tell_(refused_);
  }
}

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return result;
}

std::optional<bool> parse_switch(std::string_view text) {
  const auto word = upper(text);
  if (word == "ON" || word == "1" || word == "TRUE") return true;
  if (word == "OFF" || word == "0" || word == "FALSE") return false;
  return std::nullopt;
}

double parse_number(const std::string& text, double least, double most, std::string_view unit) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= least && value <= most)) {
    throw Refused(fmt::format("it has to be a number from {} to {}{}{}", least, most, unit.empty() ? "" : " ", unit));
  }
  return value;
}

}  // namespace tidegate::plugins::gpio
