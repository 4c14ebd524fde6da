// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "spool/cursor.hpp"
#include "spool/settled.hpp"

namespace tidegate::spool {

/// What a lane that keeps the latest of each topic knows of the records that wait in it: the newest of each topic,
/// where all of them stand, and what the cursor may say of those that are gone. It must not call one settled whose
/// successor is not durable: a power cut would take the new one, and the old one with it. Not thread-safe.
class Latest {
 public:
  static constexpr std::size_t most_topics = 65'536;  ///< records of more are not known here

  /// Where a record stands in the log.
  struct Stand {
    Place begin;
    std::uint64_t length = 0;
  };

  explicit Latest(Settled told) : told_(std::move(told)) {}

  /// What the cursor may say. Behind what has left the lane.
  [[nodiscard]] const Settled& told() const noexcept { return told_; }

  /// A record waits from now on, the newest of all. False when there are too many topics: it is not known here.
  bool add(std::string_view topic, std::uint64_t sequence, Stand stand);
  /// The newest waiting one of that topic; 0 without one.
  [[nodiscard]] std::uint64_t newest(std::string_view topic) const;
  /// The newest of the topic of this waiting one, whether that waits still or not; 0 when it is not known.
  [[nodiscard]] std::uint64_t successor(std::uint64_t sequence) const;
  /// It has left the lane, since by took its place.
  void supersede(std::uint64_t sequence, std::uint64_t by);
  /// These have left the lane otherwise.
  void remove(std::uint64_t first, std::uint64_t last);
  /// All up to this one are durable.
  void durable(std::uint64_t up_to);
  /// Nothing waits in the lane.
  void nothing_waits();

  using Waiting = std::map<std::uint64_t, Stand>;
  /// Those that wait, of these.
  [[nodiscard]] Waiting within(std::uint64_t first, std::uint64_t last) const;
  /// Their bytes.
  [[nodiscard]] std::uint64_t bytes_within(std::uint64_t first, std::uint64_t last) const;
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return waiting_.size(); }

 private:
  struct Topic {
    std::uint64_t newest = 0;
    std::size_t waiting = 0;  ///< how many refer to it
    /// What was superseded and not told, with what superseded it.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> untold;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  using Topics = std::unordered_map<std::string, Topic, Hash, std::equal_to<>>;
  struct Known {
    Topics::pointer topic;
    Stand stand;
  };
  void forget(std::map<std::uint64_t, Known>::iterator known);

  Settled told_;
  Topics topics_;
  std::map<std::uint64_t, Known> waiting_;
  std::uint64_t bytes_ = 0;                             ///< of those
  std::multimap<std::uint64_t, std::uint64_t> untold_;  ///< by what it was superseded, and what was
  std::uint64_t durable_ = 0;
};

}  // namespace tidegate::spool
