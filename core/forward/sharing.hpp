// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

namespace tidegate::forward {

/// Deficit round robin: who sends the next message, so that over time each of those who have something to send gets
/// his weight's part of what is sent, reckoned in units of size. Turns, not slots: it works with one message under way
/// at a time. The size of a message is charged after it was sent, as debt where the turn's credit did not suffice, so
/// nobody needs to read a message ahead. One thread at a time.
class Sharing {
 public:
  explicit Sharing(std::vector<unsigned> weights) {
    unsigned common = 0;
    for (auto& weight : weights) common = std::gcd(common, weight = std::max(weight, 1U));
    for (const auto weight : weights) shares_.push_back({weight / common, 0, false, false});
    if (!shares_.empty()) shares_[0].credit = shares_[0].weight;
  }

  /// ready(index): whether he has something to send; asked at most once for each in a call, and where possible only of
  /// him who is to send. Nothing when nobody has. What the answer sends is to be charged.
  template <class Ready>
  [[nodiscard]] std::optional<std::size_t> next(Ready ready) {
    if (shares_.empty()) return std::nullopt;
    if (shares_.size() == 1) return ready(std::size_t{0}) ? std::optional<std::size_t>{0} : std::nullopt;
    for (auto& share : shares_) share.asked = false;
    const auto can = [&](std::size_t index) {
      auto& share = shares_[index];
      if (!share.asked) {
        share.asked = true;
        share.ready = ready(index);
      }
      return share.ready;
    };
    for (;;) {
      for (std::size_t step = 0; step <= shares_.size(); ++step) {
        auto& share = shares_[turn_];
        if (share.credit > 0) {
          if (can(turn_)) return turn_;
          share.credit = 0;  // nobody saves up
        }
        turn_ = (turn_ + 1) % shares_.size();
        shares_[turn_].credit += shares_[turn_].weight;
      }
      // All who have something are in debt: as many whole rounds at once as bring the first of them close to the end
      // of it.
      auto rounds = std::numeric_limits<std::int64_t>::max();
      for (std::size_t index = 0; index < shares_.size(); ++index) {
        if (can(index))
          rounds = std::min(rounds, std::max<std::int64_t>(-shares_[index].credit, 0) / shares_[index].weight);
      }
      if (rounds == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
      for (auto& share : shares_)
        share.credit = std::min<std::int64_t>(share.credit + rounds * share.weight, share.weight);
    }
  }

  void charge(std::size_t index, std::int64_t units) { shares_[index].credit -= units; }

 private:
  struct Share {
    std::int64_t weight;
    std::int64_t credit;
    bool asked;
    bool ready;
  };
  std::vector<Share> shares_;
  std::size_t turn_ = 0;
};

}  // namespace tidegate::forward
