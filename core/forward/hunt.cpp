// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/hunt.hpp"

#include <algorithm>
#include <utility>

namespace tidegate::forward {
namespace {

constexpr unsigned strikes_for_a_hunt = 2;
constexpr unsigned ends_alone = 2;
constexpr std::size_t most_aside = 3;

}  // namespace

Hunt::Hunt(std::size_t streams) : strikes_(streams), heard_(streams) {}

bool Hunt::is_aside(Suspect suspect) const noexcept {
  return std::ranges::find(aside_, suspect) != aside_.end();
}

std::optional<Suspect> Hunt::suspect() const noexcept {
  if (!active_) return std::nullopt;
  return aside_.empty() ? alone_ : aside_.front();
}

void Hunt::answered(Suspect suspect) {
  strikes_[suspect.stream] = 0;
  heard_[suspect.stream] = true;
  if (!active_ && !alone_) return;
  if (accused_.contains(suspect)) {
    // It was alone when a connection ended, and it is innocent: so connections end for other reasons.
    end();
    return;
  }
  remove(suspect);
  // Only on a connection that has just shown that it works, so that no later outage is laid to its charge.
  if (!trial_ && !aside_.empty()) trial_ = aside_.front();
  end_if_done();
}

void Hunt::gone(Suspect suspect) {
  remove(suspect);
  end_if_done();
}

std::vector<Suspect> Hunt::ended(Blame blame, const std::vector<Suspect>& under_way) {
  const auto on_trial = std::exchange(trial_, std::nullopt);
  const auto heard = std::exchange(heard_, std::vector<bool>(heard_.size()));
  if (blame == Blame::none || under_way.empty()) return {};

  const bool one = under_way.size() == 1;
  if (one && (blame == Blame::named || on_trial == under_way.front())) {
    strikes_[under_way.front().stream] = 0;
    remove(under_way.front());
    end_if_done();
    return {under_way.front()};
  }
  std::set<std::size_t> streams;
  for (const auto& suspect : under_way) streams.insert(suspect.stream);
  for (const auto stream : streams) {
    auto& strikes = strikes_[stream];
    if (blame == Blame::named) {
      strikes = strikes_for_a_hunt;
    } else {
      strikes = heard[stream] ? 0 : strikes + 1;
    }
  }
  for (const auto& suspect : under_way) {
    if (strikes_[suspect.stream] < strikes_for_a_hunt) continue;
    active_ = true;
    suspects_.insert(suspect);
  }
  if (!one) {
    alone_.reset();
    return {};
  }
  const auto suspect = under_way.front();
  alone_ends_ = alone_ == suspect ? alone_ends_ + 1 : 1;
  alone_ = suspect;
  accused_.insert(suspect);
  if (!active_ || alone_ends_ < ends_alone || is_aside(suspect)) return {};
  alone_.reset();
  suspects_.insert(suspect);
  aside_.push_back(suspect);
  if (aside_.size() >= most_aside) end();
  return {};
}

void Hunt::remove(Suspect suspect) {
  suspects_.erase(suspect);
  accused_.erase(suspect);
  std::erase(aside_, suspect);
  if (trial_ == suspect) trial_.reset();
  if (alone_ == suspect) alone_.reset();
}

void Hunt::end_if_done() {
  if (active_ && suspects_.empty()) end();
}

void Hunt::end() {
  active_ = false;
  suspects_.clear();
  accused_.clear();
  alone_.reset();
  aside_.clear();
  trial_.reset();
  std::ranges::fill(strikes_, 0U);
}

}  // namespace tidegate::forward
