// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "gateway/receipts.hpp"
#include "mqtt/session.hpp"
#include "route/router.hpp"
#include "spool/lane.hpp"

namespace tidegate::gateway {

/// Where a message is stored: in its lane or, while the disk refuses that, in one that stands in for it in the runtime
/// folder, which is memory: it survives the gateway's death, not the machine's.
struct LanePair {
  spool::Lane* lane = nullptr;  ///< null when neither could be opened, or nothing leads there
  spool::Lane* stand_in = nullptr;
};

enum class Retain : std::uint8_t { as_published, never, always };

/// The lane of one forward rule, as the router numbers it.
struct Outlet {
  LanePair lanes;
  std::string upstream;  ///< name
  Retain retain = Retain::as_published;
};

/// Where everything goes: the rules, and the lanes that they lead to.
struct Routes {
  route::Router router;
  std::vector<Outlet> outlets;   ///< by the lane numbers of the router's rules
  std::vector<LanePair> inlets;  ///< by upstream, as the router numbers them: the lane towards the local broker
};

/// What arrived, and what became of it at the door. Since start.
struct IntakeCounters {
  std::uint64_t local = 0;     ///< copies from the local broker
  std::uint64_t upstream = 0;  ///< messages from upstreams
  std::uint64_t own = 0;       ///< readings and announcements of this gateway
  std::uint64_t refused = 0;   ///< lost at the door: lane full and told to reject, disk refused, over the payload cap
  std::uint64_t unrouted = 0;  ///< from upstreams, and no receive rule matched
};

/// The door: everything that the gateway takes in goes through here, is routed, and is in its lanes when the function
/// returns. Thread-safe; called on Paho's threads, where the return is what lets the sender be acknowledged, and on the
/// loop.
class Intake {
 public:
  /// receipts and all lanes outlive this.
  Intake(std::shared_ptr<const Routes> routes, Receipts& receipts, std::string uuid, std::size_t payload_cap);

  /// Other rules from now on: none of the old ones, which it returns, is followed any more. The new router has the old
  /// one as its former.
  std::shared_ptr<const Routes> change(std::shared_ptr<const Routes> routes);
  /// Thread: the one that changes them.
  [[nodiscard]] const Routes& routes() const noexcept { return *routes_; }

  void from_local(mqtt::Arrival&& arrival);
  void from_upstream(std::size_t upstream, mqtt::Arrival&& arrival);
  /// What became of a message at the door.
  struct Kept {
    std::vector<Receipts::Accepted> accepted;  ///< where it lies
    std::string why;                           ///< it does not lie in one more place; empty: in all that are meant
  };
  /// For the lanes only; the caller publishes it on the local session.
  Kept own(const Message& message);
  /// The same, but not for upstreams to which these routes led it under the same topic.
  void own(const Message& message, const Routes& but);

  [[nodiscard]] IntakeCounters counters() const noexcept;
  /// What the disk said to a lane that cannot be appended to; empty while all can.
  [[nodiscard]] std::string trouble() const;

 private:
  Kept store(Message&& message, const std::vector<route::Destination>& destinations);
  void drop_copies(const mqtt::Arrival& arrival, std::vector<route::Destination>& destinations);
  struct Stored {
    spool::Lane* lane;
    std::uint64_t sequence;
  };
  [[nodiscard]] std::optional<Stored> append(const LanePair& lanes, const Message& message, std::string& why);
  void trouble(const spool::Lane& lane, const Message& message, const std::string& why);

  mutable std::shared_mutex routes_mutex_;  ///< held shared for as long as a message is on its way in; first in order
  std::shared_ptr<const Routes> routes_;
  Receipts& receipts_;
  const std::string uuid_;
  const std::size_t payload_cap_;

  std::atomic<std::uint64_t> local_{0}, upstream_{0}, own_{0}, refused_{0}, unrouted_{0};
  std::atomic<bool> troubled_{false};  ///< there are any
  mutable std::mutex mutex_;
  std::map<const spool::Lane*, std::string> troubles_;  ///< of lanes whose last append failed; guarded by mutex_
  /// The message whose copies come one after the other, and who has had it. Guarded by mutex_.
  struct {
    std::string topic, payload;
    std::vector<std::uint32_t> subscriptions;
    std::vector<std::size_t> upstreams;
  } last_;
};

}  // namespace tidegate::gateway
