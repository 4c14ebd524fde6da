// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "route/router.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tidegate::route {
namespace {

const std::string* matching(const std::vector<std::string>& filters, std::string_view topic) noexcept {
  const auto found = std::ranges::find_if(filters, [&](const std::string& filter) { return matches(filter, topic); });
  return found == filters.end() ? nullptr : &*found;
}

/// The filters of one upstream, in the order in which they are looked at.
std::vector<std::string> topics_of(const std::vector<ForwardRule>& rules, std::size_t upstream) {
  std::vector<std::string> all;
  for (const auto& rule : rules) {
    if (rule.upstream == upstream) all.insert(all.end(), rule.filters.begin(), rule.filters.end());
  }
  return all;
}

constexpr std::ptrdiff_t most_changing = 1024;

}  // namespace

Router::Router(std::vector<ForwardRule> forwards, std::vector<ReceiveRule> receives, const Router* former)
    : forwards_(std::move(forwards)), receives_(std::move(receives)) {
  if (former != nullptr) numbers_ = former->numbers_;
  for (const auto& rule : forwards_) {
    for (const auto& filter : rule.filters) {
      const auto identifier =
          numbers_.try_emplace(filter, static_cast<std::uint32_t>(numbers_.size() + 1)).first->second;
      if (std::ranges::find(filters_, filter, &LocalFilter::filter) == filters_.end())
        filters_.push_back({filter, identifier});
    }
  }
  if (former == nullptr) return;
  changing_ = former->changing_;
  for (const auto& rule : former->forwards_) {
    if (topics_of(forwards_, rule.upstream) != topics_of(former->forwards_, rule.upstream)) changing_[rule.upstream];
  }
  for (auto& [upstream, identifiers] : changing_) {
    for (const auto* const rules : {&former->forwards_, &std::as_const(forwards_)}) {
      for (const auto& filter : topics_of(*rules, upstream)) {
        const auto identifier = numbers_.find(filter)->second;
        std::erase(identifiers, identifier);
        identifiers.push_back(identifier);
      }
    }
    const auto old = std::ssize(identifiers) - most_changing;
    if (old > 0) identifiers.erase(identifiers.begin(), identifiers.begin() + old);
  }
}

std::vector<Destination> Router::forward(std::string_view topic, std::optional<std::size_t> origin) const {
  std::vector<Destination> destinations;
  std::vector<std::size_t> served;
  for (const auto& rule : forwards_) {
    if (rule.upstream == origin || std::ranges::find(served, rule.upstream) != served.end()) continue;
    if (const auto* filter = matching(rule.filters, topic)) {
      const auto winner = std::ranges::find(filters_, *filter, &LocalFilter::filter);
      destinations.push_back({rule.lane, rule.rewrite.apply(topic), winner->identifier, rule.upstream});
      served.push_back(rule.upstream);
    }
  }
  return destinations;
}

std::vector<Destination> Router::forward_copy(std::string_view topic,
                                              const std::vector<std::uint32_t>& identifiers) const {
  auto destinations = forward(topic);
  if (identifiers.empty()) return destinations;
  const auto came_by = [&](std::uint32_t identifier) {
    return std::ranges::find(identifiers, identifier) != identifiers.end();
  };
  std::erase_if(destinations, [&](const Destination& destination) {
    const auto changing = changing_.find(destination.upstream);
    return changing == changing_.end() ? !came_by(destination.identifier)
                                       : std::ranges::none_of(changing->second, came_by);
  });
  return destinations;
}

std::optional<std::string> Router::receive(std::size_t upstream, std::string_view topic) const {
  for (const auto& rule : receives_) {
    if (rule.upstream == upstream && matching(rule.filters, topic) != nullptr) return rule.rewrite.apply(topic);
  }
  return std::nullopt;
}

}  // namespace tidegate::route
