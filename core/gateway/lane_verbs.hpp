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
/// tidegate program on a spool that no gateway has. A lane is named "upstream/lane". Every verb does a bounded piece of
/// work, because the loop waits for it, and says how to go on. Thread: loop.
class LaneVerbs {
 public:
  static constexpr std::uint64_t most_dropped = 20'000;  ///< sequences of one spool.drop
  static constexpr std::size_t most_replayed = 500;      ///< records of one spool.replay

  explicit LaneVerbs(spool::Spool& spool);
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
  /// Throws Error, naming the lanes there are. open: also when its block left the configuration.
  [[nodiscard]] spool::Lane& find(const control::Json& request, bool open);
  [[nodiscard]] spool::Lane* find(const std::string& upstream, const std::string& name, bool open);
  void replay_one(const spool::Record& letter, const std::string& upstream, spool::Lane& letters);

  spool::Spool& spool_;
};

}  // namespace tidegate::gateway
