// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/audience.hpp"

#include <algorithm>

#include <tidegate/topic.hpp>

namespace tidegate::gateway {

Listening Audience::add(const std::string& filter, std::function<void(const Heard&)> heard) {
  check_filter(filter);
  numbers_.try_emplace(filter, static_cast<std::uint32_t>(numbers_.size() + 1));
  const auto place = listeners_.insert(listeners_.end(), Listener{filter, std::move(heard)});
  return {&*place, [this, place](void*) { listeners_.erase(place); }};
}

std::vector<mqtt::Subscription> Audience::subscriptions() const {
  std::vector<mqtt::Subscription> subscriptions;
  for (const auto& listener : listeners_) {
    const auto same = std::ranges::find(subscriptions, listener.filter, &mqtt::Subscription::filter);
    if (same != subscriptions.end()) continue;  // a second subscription to a filter would replace the first
    mqtt::Subscription subscription;
    subscription.filter = listener.filter;
    subscription.retain_as_published = false;  // so the flag tells what the broker had kept from what comes now
    subscription.retain_handling = 0;
    subscription.identifier = numbers_.at(listener.filter);
    subscriptions.push_back(std::move(subscription));
  }
  return subscriptions;
}

void Audience::offer(mqtt::Arrival&& arrival) {
  Waiting waiting{{std::move(arrival.message), {}, nullptr}, std::move(arrival.subscriptions)};
  if (const auto& expiry = waiting.heard.message.properties.expiry) waiting.heard.deadline = clock_.boot() + *expiry;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = waiting_.empty();
    if (waiting_.size() == most_waiting) {
      waiting_.pop_front();
      ++dropped_;
    }
    waiting_.push_back(std::move(waiting));
  }
  if (first) loop_.post([this] { tell(); });
}

void Audience::tell() {
  std::deque<Waiting> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(waiting_);
  }
  for (const auto& [heard, identifiers] : all) {
    const auto& topic = heard.message.topic;
    for (const auto& listener : listeners_) {
      if (!matches(listener.filter, topic)) continue;
      // The broker sends a copy for each filter that matches, and says which: each listener hears one of them.
      const bool meant =
          identifiers.empty() || std::ranges::find(identifiers, numbers_.at(listener.filter)) != identifiers.end();
      if (meant) listener.heard(heard);
    }
  }
}

std::optional<std::string> Audience::ask(Message message) const {
  std::string refusal;
  const Heard heard{std::move(message), {}, &refusal};
  bool told = false;
  for (const auto& listener : listeners_) {
    if (!matches(listener.filter, heard.message.topic)) continue;
    told = true;
    listener.heard(heard);
  }
  return told ? std::optional(refusal) : std::nullopt;
}

std::uint64_t Audience::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace tidegate::gateway
