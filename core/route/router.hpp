// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/message.hpp>
#include <tidegate/topic.hpp>

namespace tidegate::route {

/// From here to an upstream: one [[upstream.forward]] block.
struct ForwardRule {
  std::size_t upstream = 0;  ///< index, as the gateway numbers them
  std::size_t lane = 0;      ///< index of the lane, likewise
  std::vector<std::string> filters;
  Rewrite rewrite;

  bool operator==(const ForwardRule&) const = default;
};

/// From an upstream to here: one [[upstream.receive]] block.
struct ReceiveRule {
  std::size_t upstream = 0;
  std::vector<std::string> filters;
  Rewrite rewrite;
};

/// A filter that some forward rule needs from the local broker, with the identifier that it is subscribed with.
struct LocalFilter {
  std::string filter;
  std::uint32_t identifier;
};

struct Destination {
  std::size_t lane;
  std::string topic;         ///< rewritten
  std::uint32_t identifier;  ///< of the local filter that won
  std::size_t upstream = 0;

  bool operator==(const Destination&) const = default;
};

/// Decides where a message goes. Pure: no I/O, no state but its rules; safe from any thread.
class Router {
 public:
  /// former: the one that this takes the place of. A filter keeps its identifier, which is no other's ever after.
  Router(std::vector<ForwardRule> forwards, std::vector<ReceiveRule> receives, const Router* former = nullptr);

  /// Every distinct filter of the forward rules.
  [[nodiscard]] const std::vector<LocalFilter>& local_filters() const noexcept { return filters_; }

  /// Upwards: for each upstream but origin, the first block that matches. origin is the upstream that a message came
  /// from.
  [[nodiscard]] std::vector<Destination> forward(std::string_view topic, std::optional<std::size_t> origin = {}) const;
  /// Of those, the ones that a copy which matched these subscriptions stands for. The local broker sends one copy for
  /// each overlapping filter; so each destination is served by exactly one of them. Without identifiers: all.
  [[nodiscard]] std::vector<Destination> forward_copy(std::string_view topic,
                                                      const std::vector<std::uint32_t>& identifiers) const;
  /// Whether the rules of this upstream are others than they were before this router. Which copy of a message stands
  /// for it is not certain then, for some were sent when other filters were subscribed: every copy that came by one
  /// of the old or the new filters does, and the first of a message is to be taken.
  [[nodiscard]] bool is_changing(std::size_t upstream) const { return changing_.contains(upstream); }
  [[nodiscard]] bool is_changing() const noexcept { return !changing_.empty(); }

  /// Downwards: the local topic for a message that arrived from an upstream; nothing when no rule matches.
  [[nodiscard]] std::optional<std::string> receive(std::size_t upstream, std::string_view topic) const;

 private:
  std::vector<ForwardRule> forwards_;
  std::vector<ReceiveRule> receives_;
  std::vector<LocalFilter> filters_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;   ///< of all filters that there ever were
  std::map<std::size_t, std::vector<std::uint32_t>> changing_;  ///< by upstream: its old and new filters
};

}  // namespace tidegate::route
