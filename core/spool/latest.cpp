// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/latest.hpp"

#include <algorithm>

namespace tidegate::spool {

bool Latest::add(std::string_view topic, std::uint64_t sequence, Stand stand) {
  auto found = topics_.find(topic);
  if (found == topics_.end()) {
    if (topics_.size() >= most_topics) return false;
    found = topics_.emplace(std::string(topic), Topic{}).first;
  }
  found->second.newest = sequence;
  ++found->second.waiting;
  waiting_.emplace_hint(waiting_.end(), sequence, Known{&*found, stand});
  bytes_ += stand.length;
  return true;
}

std::uint64_t Latest::newest(std::string_view topic) const {
  const auto found = topics_.find(topic);
  return found != topics_.end() && waiting_.contains(found->second.newest) ? found->second.newest : 0;
}

std::uint64_t Latest::successor(std::uint64_t sequence) const {
  const auto known = waiting_.find(sequence);
  return known == waiting_.end() ? 0 : known->second.topic->second.newest;
}

void Latest::forget(std::map<std::uint64_t, Known>::iterator known) {
  bytes_ -= known->second.stand.length;
  auto& [name, topic] = *known->second.topic;
  waiting_.erase(known);
  if (--topic.waiting == 0) {
    for (const auto& [sequence, by] : topic.untold) told_.add(sequence, sequence);
    topics_.erase(topics_.find(name));
  }
}

void Latest::supersede(std::uint64_t sequence, std::uint64_t by) {
  const auto known = waiting_.find(sequence);
  if (known == waiting_.end()) return;
  auto& topic = known->second.topic->second;
  if (by <= durable_ || !waiting_.contains(by)) {
    told_.add(sequence, sequence);
  } else {
    std::erase_if(topic.untold, [&](const auto& entry) { return entry.second <= durable_; });
    topic.untold.emplace_back(sequence, by);
    untold_.emplace(by, sequence);
  }
  forget(known);
}

void Latest::remove(std::uint64_t first, std::uint64_t last) {
  auto known = waiting_.lower_bound(first);
  while (known != waiting_.end() && known->first <= last) {
    // What it superseded is of no use to anybody any more, durable or not.
    auto& untold = known->second.topic->second.untold;
    std::erase_if(untold, [&](const auto& entry) {
      if (entry.first >= known->first) return false;
      told_.add(entry.first, entry.first);
      return true;
    });
    forget(known++);
  }
  told_.add(first, last);
}

void Latest::durable(std::uint64_t up_to) {
  durable_ = std::max(durable_, up_to);
  const auto end = untold_.upper_bound(durable_);
  for (auto entry = untold_.begin(); entry != end; ++entry) told_.add(entry->second, entry->second);
  untold_.erase(untold_.begin(), end);
}

void Latest::nothing_waits() {
  for (const auto& [by, sequence] : untold_) told_.add(sequence, sequence);
  untold_.clear();
}

Latest::Waiting Latest::within(std::uint64_t first, std::uint64_t last) const {
  Waiting result;
  for (auto known = waiting_.lower_bound(first); known != waiting_.end() && known->first <= last; ++known) {
    result.emplace_hint(result.end(), known->first, known->second.stand);
  }
  return result;
}

std::uint64_t Latest::bytes_within(std::uint64_t first, std::uint64_t last) const {
  std::uint64_t sum = 0;
  for (auto known = waiting_.lower_bound(first); known != waiting_.end() && known->first <= last; ++known) {
    sum += known->second.stand.length;
  }
  return sum;
}

}  // namespace tidegate::spool
