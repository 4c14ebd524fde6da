// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/hunt.hpp"

#include <algorithm>
#include <utility>

namespace tidegate::forward {
namespace {

constexpr unsigned strikes_for_a_hunt = 2;
constexpr unsigned ends_alone = 2;
constexpr unsigned ends_on_trial = 2;
constexpr std::size_t few_aside = 3;
constexpr std::size_t most_aside = 768;

}  // namespace

Hunt::Hunt(std::size_t streams) : strikes_(streams), heard_(streams), allowed_(few_aside) {}

void Hunt::grow(std::size_t streams) {
  strikes_.resize(streams);
  heard_.resize(streams);
}

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
  unanswered_ = 0;
  allowed_ = few_aside;
  in_vain_ = false;
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
  const bool named = one && blame == Blame::named;
  const bool tried = one && on_trial == under_way.front();
  if (tried && !named && ++trials_ < ends_on_trial) return {};
  if (tried || named) {
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
  if (++unanswered_ < allowed_ && aside_.size() < most_aside) return {};
  end();
  allowed_ = std::min(2 * allowed_, most_aside);
  in_vain_ = true;
  return {};
}

void Hunt::remove(Suspect suspect) {
  suspects_.erase(suspect);
  accused_.erase(suspect);
  if (!aside_.empty() && aside_.front() == suspect) trials_ = 0;
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
  unanswered_ = 0;
  trial_.reset();
  trials_ = 0;
  std::ranges::fill(strikes_, 0U);
}

}  // namespace tidegate::forward
