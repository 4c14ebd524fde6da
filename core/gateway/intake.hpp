// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gateway/receipts.hpp"
#include "mqtt/session.hpp"
#include "route/router.hpp"
#include "spool/lane.hpp"

namespace tidegate::gateway {

/// The lane of one forward rule, as the router numbers it.
struct Outlet {
  spool::Lane* lane;
  std::string upstream;  ///< name
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
  /// outlets: by the lane numbers of the router's rules. inlets: for each upstream the lane towards the local broker.
  /// All references outlive this.
  Intake(const route::Router& router, std::vector<Outlet> outlets, std::vector<spool::Lane*> inlets, Receipts& receipts,
         std::string uuid, std::size_t payload_cap);

  void from_local(mqtt::Arrival&& arrival);
  void from_upstream(std::size_t upstream, mqtt::Arrival&& arrival);
  /// For the lanes only; the caller publishes it on the local session.
  void own(const Message& message);

  [[nodiscard]] IntakeCounters counters() const noexcept;
  /// What the disk said when it last refused an append; empty while all is well.
  [[nodiscard]] std::string trouble() const;

 private:
  void store(Message&& message, const std::vector<route::Destination>& destinations);
  [[nodiscard]] std::optional<std::uint64_t> append(spool::Lane& lane, const Message& message, std::string& why);

  const route::Router& router_;
  const std::vector<Outlet> outlets_;
  const std::vector<spool::Lane*> inlets_;
  Receipts& receipts_;
  const std::string uuid_;
  const std::size_t payload_cap_;

  std::atomic<std::uint64_t> local_{0}, upstream_{0}, own_{0}, refused_{0}, unrouted_{0};
  mutable std::mutex mutex_;
  std::string trouble_;  ///< guarded by mutex_
};

}  // namespace tidegate::gateway
