// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/control.hpp"
#include "spool/spool.hpp"

namespace tidegate::gateway {

/// What a person may do to the lanes of a spool, as verbs: of a running gateway for its control socket, or of the
/// tidegate program on a spool that no gateway has. A lane is named "upstream/lane"; with "stand_in":true beside it,
/// the one of that name is meant that stands in for it. Every verb does a bounded piece of work, because the loop waits
/// for it, and says how to go on. Thread: loop.
class LaneVerbs {
 public:
  static constexpr std::uint64_t most_dropped = 20'000;  ///< sequences of one spool.drop
  static constexpr std::size_t most_replayed = 500;      ///< records of one spool.replay

  /// stand_in: what stands in for the spool. Either may be null.
  LaneVerbs(spool::Spool* spool, spool::Spool* stand_in) : spool_(spool), stand_in_(stand_in) {}
  /// Adds spool.replay, spool.drop and spool.fates; this must outlive it.
  void add_to(control::Control& control);

  /// {"lane":"cloud/dead-letter","from":1,"up_to":n,"sequences":[…]}: puts dead letters back at the end of the lanes
  /// they came from. Without sequences all; without up_to those that are there now. Answers {"replayed":…,
  /// "failed":[{"sequence":…,"why":…}],"next":…,"up_to":…,"more":bool}; while there is more: again, from next. Throws
  /// Error when the lane is unknown or holds no dead letters, or an origin takes no more.
  [[nodiscard]] control::Json replay(const control::Json& request);
  /// {"lane":"cloud/default","first":a,"last":b}: these leave the lane undelivered, what is under way too. Answers
  /// {"dropped":…}, which does not count those that had left before.
  [[nodiscard]] control::Json drop(const control::Json& request);
  /// {"lane":"cloud/default"}: {"fates":[{"first":…,"last":…,"what":"delivered","when":…,"why":…}]}, oldest first.
  [[nodiscard]] control::Json fates(const control::Json& request);

 private:
  /// Throws Error, naming the lanes there are. open: also when nobody has opened it yet.
  [[nodiscard]] spool::Lane& find(const control::Json& request, bool open);
  void replay_one(const spool::Record& letter, const std::string& upstream, spool::Lane& letters);

  spool::Spool* const spool_;
  spool::Spool* const stand_in_;
};

}  // namespace tidegate::gateway
