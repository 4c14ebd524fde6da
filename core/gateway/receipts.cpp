// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/receipts.hpp"

#include <nlohmann/json.hpp>

namespace tidegate::gateway {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_waiting = 100'000;

Message answer(const std::string& topic, const std::string& correlation, const Json& body) {
  Message message;
  message.topic = topic;
  message.payload = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  message.properties.correlation_data = correlation;
  return message;
}

Message answer(const Message& to, const Json& body) {
  return answer(to.properties.response_topic, to.properties.correlation_data, body);
}

}  // namespace

Receipts::Receipts(std::function<void(Message)> publish) : publish_(std::move(publish)) {}

void Receipts::accepted(const Message& message, const std::vector<Accepted>& where) {
  const auto& properties = message.properties;
  if (properties.response_topic.empty()) return;
  Json upstreams = Json::array();
  for (const auto& place : where) upstreams.push_back(place.upstream);
  publish_(answer(message, {{"receipt", "accepted"}, {"upstreams", upstreams}}));
  for (const auto& place : where) {
    {
      const std::lock_guard lock(mutex_);
      if (place.lane->durable() < place.sequence) {
        place.lane->want_durable(place.sequence);
        waiting_.push_back({place, properties.response_topic, properties.correlation_data});
        if (waiting_.size() > most_waiting) waiting_.pop_front();
        continue;
      }
    }
    publish_(answer(message, {{"receipt", "durable"}, {"upstream", place.upstream}}));
  }
}

void Receipts::refused(const Message& message, const std::string& reason) {
  if (message.properties.response_topic.empty()) return;
  publish_(answer(message, {{"receipt", "refused"}, {"reason", reason}}));
}

void Receipts::durable(const spool::Lane& lane, std::uint64_t up_to) {
  std::vector<Waiting> done;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [&](Waiting& waiting) {
      if (waiting.what.lane != &lane || waiting.what.sequence > up_to) return false;
      done.push_back(std::move(waiting));
      return true;
    });
  }
  for (const auto& waiting : done) {
    publish_(answer(waiting.topic, waiting.correlation, {{"receipt", "durable"}, {"upstream", waiting.what.upstream}}));
  }
}

void Receipts::delivered(const Message& message, const std::string& upstream) {
  if (message.properties.response_topic.empty()) return;
  publish_(answer(message, {{"receipt", "delivered"}, {"upstream", upstream}}));
}

void Receipts::discarded(const Message& message, const std::string& upstream, const std::string& reason) {
  if (message.properties.response_topic.empty()) return;
  publish_(answer(message, {{"receipt", "discarded"}, {"upstream", upstream}, {"reason", reason}}));
}

}  // namespace tidegate::gateway
