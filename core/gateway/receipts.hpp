// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <tidegate/message.hpp>

#include "spool/lane.hpp"

namespace tidegate::gateway {

/// Answers publishes that carry a response topic: one JSON object for each thing that happens, with the correlation
/// data of the publish. {"receipt":"accepted","upstreams":[…]}, then for each upstream
/// {"receipt":"durable","upstream":…} and
/// {"receipt":"delivered","upstream":…}; {"receipt":"refused","reason":…} when it was not accepted;
/// {"receipt":"discarded","upstream":…,"reason":…} when it left the spool undelivered. Thread-safe.
class Receipts {
 public:
  /// publish sends a message on the local session; thread-safe, and must outlive this.
  explicit Receipts(std::function<void(Message)> publish);

  struct Accepted {
    spool::Lane* lane;
    std::string upstream;
    std::uint64_t sequence;
  };
  /// Does nothing when the message asked for no receipt; as do the others.
  void accepted(const Message& message, const std::vector<Accepted>& where);
  void refused(const Message& message, const std::string& reason);
  void durable(const spool::Lane& lane, std::uint64_t up_to);
  void delivered(const Message& message, const std::string& upstream);
  void discarded(const Message& message, const std::string& upstream, const std::string& reason);

 private:
  struct Waiting {
    Accepted what;
    std::string topic;
    std::string correlation;
  };
  const std::function<void(Message)> publish_;
  std::mutex mutex_;
  std::deque<Waiting> waiting_;  ///< for durable; guarded by mutex_; at most 100,000, then the oldest is not answered
};

}  // namespace tidegate::gateway
