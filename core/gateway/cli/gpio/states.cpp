// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/gpio/states.hpp"

#include <nlohmann/json.hpp>

#include <tidegate/reading.hpp>

#include "gateway/cli/command.hpp"
#include "gateway/cli/connection.hpp"
#include "gateway/cli/gpio/target.hpp"

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto patience_connect = 10s;

/// A payload as the bare value, however it was published.
std::string bare(const std::string& payload) {
  const auto json = nlohmann::json::parse(payload, nullptr, false);
  if (!json.is_object() || !json.contains("value")) return payload;
  const auto& value = json["value"];
  if (value.is_boolean()) return value.get<bool>() ? "ON" : "OFF";
  if (value.is_number_float()) return to_text(Value(value.get<double>()));
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

States::States(ClientOptions options, const std::vector<std::string>& topics) : client_(std::move(options)) {
  std::vector<ClientSubscription> wanted;
  for (const std::string& topic : std::set<std::string>(topics.begin(), topics.end())) {
    wanted.emplace_back().filter = topic;
  }
  client_.subscribe(std::move(wanted));
  client_.start();
  const auto end = Steady::now() + patience_connect;
  while (!connected_) {
    if (Steady::now() > end) throw Quit(Exit::unavailable, "the local broker does not answer");
    look();
  }
}

void States::look() {
  if (interrupted()) throw Quit(Exit::failure, "interrupted");
  for (const Event& event : client_.wait(256, 50ms)) {
    switch (event.kind) {
      case Event::Kind::connected:
        connected_ = true;
        break;
      case Event::Kind::disconnected:
        give_up(event);
      case Event::Kind::message:
        last_[event.message.topic] = bare(event.message.payload);
        ++count_[event.message.topic];
        break;
      case Event::Kind::delivered:
        delivered_.insert(event.token);
        break;
      case Event::Kind::refused:
      case Event::Kind::dropped:
        throw Quit(Exit::unavailable, "the broker did not take the command: " + event.reason);
    }
  }
}

std::optional<std::string> States::wait_for(const std::string& topic, std::chrono::milliseconds patience) {
  const auto end = Steady::now() + patience;
  while (count_[topic] == 0 && Steady::now() < end) look();
  if (count_[topic] == 0) return std::nullopt;
  return last_[topic];
}

std::optional<std::string> States::command(const std::string& command_topic, const std::string& payload,
                                           const std::string& state_topic, const std::optional<std::string>& wanted,
                                           std::chrono::milliseconds patience) {
  // The retained state comes first, so that it is not taken for an answer.
  static_cast<void>(wait_for(state_topic, 1s));
  const std::uint64_t before = count_[state_topic];
  Message message;
  message.topic = command_topic;
  message.payload = payload;
  const std::uint64_t token = client_.publish(std::move(message), true);
  const auto end = Steady::now() + patience;
  while (Steady::now() < end) {
    look();
    if (!delivered_.contains(token) || count_[state_topic] == 0) continue;
    if (wanted ? last_[state_topic] == *wanted : count_[state_topic] > before) return last_[state_topic];
  }
  return std::nullopt;
}

}  // namespace tidegate::cli
