// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/intake.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/topic.hpp>

#include "forward/key.hpp"

namespace tidegate::gateway {

Intake::Intake(std::shared_ptr<const Routes> routes, Receipts& receipts, std::string uuid, std::size_t payload_cap)
    : routes_(std::move(routes)), receipts_(receipts), uuid_(std::move(uuid)), payload_cap_(payload_cap) {}

std::shared_ptr<const Routes> Intake::change(std::shared_ptr<const Routes> routes) {
  const std::lock_guard lock(routes_mutex_);
  return std::exchange(routes_, std::move(routes));
}

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
    const auto& outlet = routes_->outlets[destination.lane];
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
  const std::shared_lock lock(routes_mutex_);
  auto destinations = routes_->router.forward_copy(arrival.message.topic, arrival.subscriptions);
  if (routes_->router.is_changing() && !arrival.subscriptions.empty()) drop_copies(arrival, destinations);
  store(std::move(arrival.message), destinations);
}

/// A broker sends the copies of a message one after the other; each tells by which of the overlapping filters it came,
/// so the same once more by the same filter is another message.
void Intake::drop_copies(const mqtt::Arrival& arrival, std::vector<route::Destination>& destinations) {
  const std::lock_guard lock(mutex_);
  const auto& [message, subscriptions, duplicate, packet] = arrival;
  const bool copy = last_.topic == message.topic && last_.payload == message.payload &&
                    std::ranges::none_of(subscriptions, [&](std::uint32_t one) {
                      return std::ranges::find(last_.subscriptions, one) != last_.subscriptions.end();
                    });
  if (!copy) last_ = {message.topic, message.payload, {}, {}};
  last_.subscriptions.insert(last_.subscriptions.end(), subscriptions.begin(), subscriptions.end());
  std::erase_if(destinations, [&](const route::Destination& destination) {
    if (!routes_->router.is_changing(destination.upstream)) return false;
    if (std::ranges::find(last_.upstreams, destination.upstream) != last_.upstreams.end()) return true;
    last_.upstreams.push_back(destination.upstream);
    return false;
  });
}

void Intake::from_upstream(std::size_t upstream, mqtt::Arrival&& arrival) {
  ++upstream_;
  const std::shared_lock lock(routes_mutex_);
  auto& message = arrival.message;
  auto topic = routes_->router.receive(upstream, message.topic);
  if (!topic) {
    ++unrouted_;
    return;
  }
  message.topic = std::move(*topic);
  std::string why;
  static_cast<void>(append(routes_->inlets[upstream], message, why));
  const auto onward = routes_->router.forward(message.topic, upstream);
  store(std::move(message), onward);
}

Intake::Kept Intake::own(const Message& message) {
  ++own_;
  const std::shared_lock lock(routes_mutex_);
  const auto destinations = routes_->router.forward(message.topic);
  return destinations.empty() ? Kept() : store(Message(message), destinations);
}

void Intake::own(const Message& message, const Routes& but) {
  const std::shared_lock lock(routes_mutex_);
  auto destinations = routes_->router.forward(message.topic);
  const auto before = but.router.forward(message.topic);
  std::erase_if(destinations, [&](const route::Destination& destination) {
    return std::ranges::any_of(before, [&](const route::Destination& former) {
      return former.upstream == destination.upstream && former.topic == destination.topic;
    });
  });
  store(Message(message), destinations);
}

IntakeCounters Intake::counters() const noexcept {
  return {local_.load(), upstream_.load(), own_.load(), refused_.load(), unrouted_.load()};
}

std::string Intake::trouble() const {
  const std::lock_guard lock(mutex_);
  return troubles_.empty() ? std::string() : troubles_.begin()->second;
}

}  // namespace tidegate::gateway
