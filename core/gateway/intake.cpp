// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/intake.hpp"

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/topic.hpp>

#include "forward/key.hpp"

namespace tidegate::gateway {

Intake::Intake(const route::Router& router, std::vector<Outlet> outlets, std::vector<LanePair> inlets,
               Receipts& receipts, std::string uuid, std::size_t payload_cap)
    : router_(router),
      outlets_(std::move(outlets)),
      inlets_(std::move(inlets)),
      receipts_(receipts),
      uuid_(std::move(uuid)),
      payload_cap_(payload_cap) {}

std::optional<Intake::Stored> Intake::append(const LanePair& lanes, const Message& message, std::string& why) {
  try {
    // A rewrite may have made a topic that is none.
    check_topic(message.topic);
    check_payload(message, payload_cap_);
    why = "no folder for it can be written";
    for (auto* lane : {lanes.lane, lanes.stand_in}) {
      if (lane == nullptr) continue;
      try {
        const auto sequence = lane->append(message);
        if (sequence && troubled_) {
          const std::lock_guard lock(mutex_);
          troubles_.erase(lane);
          troubled_ = !troubles_.empty();
        }
        if (sequence) return Stored{lane, *sequence};
        why = "the lane is full and told to reject";
        break;
      } catch (const SystemError& error) {
        why = error.what();
        trouble(*lane, message, why);
      }
    }
  } catch (const Error& error) {
    why = error.what();
    log::debug("refused: {}", why);
  }
  ++refused_;
  return std::nullopt;
}

void Intake::trouble(const spool::Lane& lane, const Message& message, const std::string& why) {
  const std::lock_guard lock(mutex_);
  auto& known = troubles_[&lane];
  const log::Field topic("TIDEGATE_TOPIC", message.topic);
  if (known != why) log::error("a message on {} could not be put into its lane: {}", message.topic, why);
  known = why;
  troubled_ = true;
}

Intake::Kept Intake::store(Message&& message, const std::vector<route::Destination>& destinations) {
  Kept kept;
  auto& [accepted, why] = kept;
  const bool retain = message.retain;
  // Topic and retain flag change with each destination; a receipt needs the properties only.
  for (const auto& destination : destinations) {
    const auto& outlet = outlets_[destination.lane];
    message.topic = destination.topic;
    message.retain = outlet.retain == Retain::as_published ? retain : outlet.retain == Retain::always;
    std::string not_here;
    if (const auto stored = append(outlet.lanes, message, not_here)) {
      accepted.push_back({stored->lane, outlet.upstream, stored->sequence});
    } else {
      why = std::move(not_here);
    }
  }
  if (message.properties.response_topic.empty()) return kept;
  if (!accepted.empty()) {
    receipts_.accepted(message, accepted);
  } else if (!destinations.empty()) {
    receipts_.refused(message, why);
  }
  return kept;
}

void Intake::from_local(mqtt::Arrival&& arrival) {
  ++local_;
  // A retained message of our own comes back when a subscription is new; it has been routed when it was made.
  if (arrival.message.retain && forward::is_own(arrival.message.properties, uuid_)) return;
  const auto destinations = router_.forward_copy(arrival.message.topic, arrival.subscriptions);
  store(std::move(arrival.message), destinations);
}

void Intake::from_upstream(std::size_t upstream, mqtt::Arrival&& arrival) {
  ++upstream_;
  auto& message = arrival.message;
  auto topic = router_.receive(upstream, message.topic);
  if (!topic) {
    ++unrouted_;
    return;
  }
  message.topic = std::move(*topic);
  std::string why;
  static_cast<void>(append(inlets_[upstream], message, why));
  const auto onward = router_.forward(message.topic, upstream);
  store(std::move(message), onward);
}

Intake::Kept Intake::own(const Message& message) {
  ++own_;
  return store(Message(message), router_.forward(message.topic));
}

IntakeCounters Intake::counters() const noexcept {
  return {local_.load(), upstream_.load(), own_.load(), refused_.load(), unrouted_.load()};
}

std::string Intake::trouble() const {
  const std::lock_guard lock(mutex_);
  return troubles_.empty() ? std::string() : troubles_.begin()->second;
}

}  // namespace tidegate::gateway
