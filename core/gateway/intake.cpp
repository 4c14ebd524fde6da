// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/intake.hpp"

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/topic.hpp>

#include "forward/key.hpp"

namespace tidegate::gateway {

Intake::Intake(const route::Router& router, std::vector<Outlet> outlets, std::vector<spool::Lane*> inlets,
               Receipts& receipts, std::string uuid, std::size_t payload_cap)
    : router_(router),
      outlets_(std::move(outlets)),
      inlets_(std::move(inlets)),
      receipts_(receipts),
      uuid_(std::move(uuid)),
      payload_cap_(payload_cap) {}

std::optional<std::uint64_t> Intake::append(spool::Lane& lane, const Message& message, std::string& why) {
  try {
    // A rewrite may have made a topic that is none.
    check_topic(message.topic);
    check_payload(message, payload_cap_);
    if (const auto sequence = lane.append(message)) return sequence;
    why = "the lane is full and told to reject";
  } catch (const SystemError& error) {
    why = error.what();
    const std::lock_guard lock(mutex_);
    if (trouble_ != why) log::error("a message on {} could not be accepted: {}", message.topic, why);
    trouble_ = why;
  } catch (const Error& error) {
    why = error.what();
    log::debug("refused: {}", why);
  }
  ++refused_;
  return std::nullopt;
}

void Intake::store(Message&& message, const std::vector<route::Destination>& destinations) {
  std::vector<Receipts::Accepted> accepted;
  std::string why;
  // The topic changes with each destination; a receipt needs the properties only.
  for (const auto& destination : destinations) {
    const auto& outlet = outlets_[destination.lane];
    message.topic = destination.topic;
    if (const auto sequence = append(*outlet.lane, message, why)) {
      accepted.push_back({outlet.lane, outlet.upstream, *sequence});
    }
  }
  if (message.properties.response_topic.empty()) return;
  if (!accepted.empty()) {
    receipts_.accepted(message, accepted);
  } else if (!destinations.empty()) {
    receipts_.refused(message, why);
  }
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
  static_cast<void>(append(*inlets_[upstream], message, why));
  const auto onward = router_.forward(message.topic, upstream);
  store(std::move(message), onward);
}

void Intake::own(const Message& message) {
  ++own_;
  store(Message(message), router_.forward(message.topic));
}

IntakeCounters Intake::counters() const noexcept {
  return {local_.load(), upstream_.load(), own_.load(), refused_.load(), unrouted_.load()};
}

std::string Intake::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace tidegate::gateway
