// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "route/router.hpp"

#include <algorithm>

namespace tidegate::route {
namespace {

const std::string* matching(const std::vector<std::string>& filters, std::string_view topic) noexcept {
  const auto found = std::ranges::find_if(filters, [&](const std::string& filter) { return matches(filter, topic); });
  return found == filters.end() ? nullptr : &*found;
}

}  // namespace

Router::Router(std::vector<ForwardRule> forwards, std::vector<ReceiveRule> receives)
    : forwards_(std::move(forwards)), receives_(std::move(receives)) {
  for (const auto& rule : forwards_) {
    for (const auto& filter : rule.filters) {
      if (std::ranges::find(filters_, filter, &LocalFilter::filter) == filters_.end()) {
        filters_.push_back({filter, static_cast<std::uint32_t>(filters_.size() + 1)});
      }
    }
  }
}

std::vector<Destination> Router::forward(std::string_view topic, std::optional<std::size_t> origin) const {
  std::vector<Destination> destinations;
  std::vector<std::size_t> served;
  for (const auto& rule : forwards_) {
    if (rule.upstream == origin || std::ranges::find(served, rule.upstream) != served.end()) continue;
    if (const auto* filter = matching(rule.filters, topic)) {
      const auto winner = std::ranges::find(filters_, *filter, &LocalFilter::filter);
      destinations.push_back({rule.lane, rule.rewrite.apply(topic), winner->identifier});
      served.push_back(rule.upstream);
    }
  }
  return destinations;
}

std::vector<Destination> Router::forward_copy(std::string_view topic,
                                              const std::vector<std::uint32_t>& identifiers) const {
  auto destinations = forward(topic);
  if (!identifiers.empty()) {
    std::erase_if(destinations, [&](const Destination& destination) {
      return std::ranges::find(identifiers, destination.identifier) == identifiers.end();
    });
  }
  return destinations;
}

std::optional<std::string> Router::receive(std::size_t upstream, std::string_view topic) const {
  for (const auto& rule : receives_) {
    if (rule.upstream == upstream && matching(rule.filters, topic) != nullptr) return rule.rewrite.apply(topic);
  }
  return std::nullopt;
}

}  // namespace tidegate::route
