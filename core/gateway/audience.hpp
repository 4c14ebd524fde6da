// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <tidegate/clock.hpp>
#include <tidegate/loop.hpp>
#include <tidegate/plugin.hpp>

#include "mqtt/session.hpp"

namespace tidegate::gateway {

/// Who listens for what on the local broker: takes messages on a session's thread and tells them on the loop, in order.
/// At most so many wait for the loop; then the oldest is dropped and counted. add() on the loop;
/// offer() thread-safe, never blocks. Must not be destroyed while a session may still offer, nor before what add()
/// gave.
class Audience {
 public:
  static constexpr std::size_t most_waiting = 10'000;

  Audience(Loop& loop, const Clock& clock) : loop_(loop), clock_(clock) {}

  /// For as long as the answer is there. Throws TopicError.
  [[nodiscard]] Listening add(const std::string& filter, std::function<void(const Heard&)> heard);
  /// One for each filter, with a number that stays its own: what tells the copies of overlapping filters apart.
  [[nodiscard]] std::vector<mqtt::Subscription> subscriptions() const;
  void offer(mqtt::Arrival&& arrival);
  /// Tells one message at once; on the loop. Says why a listener does not obey it; empty when none refuses. Nothing
  /// when nobody listens for it.
  [[nodiscard]] std::optional<std::string> ask(Message message) const;
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  struct Listener {
    std::string filter;
    std::function<void(const Heard&)> heard;
  };
  struct Waiting {
    Heard heard;
    std::vector<std::uint32_t> subscriptions;
  };

  void tell();

  Loop& loop_;
  const Clock& clock_;
  std::list<Listener> listeners_;
  std::map<std::string, std::uint32_t> numbers_;  ///< of all filters that there ever were
  mutable std::mutex mutex_;
  std::deque<Waiting> waiting_;  ///< guarded by mutex_, as is dropped_
  std::uint64_t dropped_ = 0;
};

}  // namespace tidegate::gateway
