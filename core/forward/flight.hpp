// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace tidegate::forward {

/// What is under way, each thing under a slot that never comes again: as many places as there were things at once at
/// most, 65536 of them, and none is allocated anew for each. One thread at a time.
template <class Thing>
class Flight {
 public:
  /// The reference stands until the next add().
  std::pair<std::uint64_t, Thing&> add(Thing&& thing) {
    if (free_.empty()) {
      free_.push_back(places_.size());
      places_.emplace_back();
    }
    const auto index = free_.back();
    free_.pop_back();
    auto& place = places_[index];
    place.slot = (++count_ << index_bits) | index;
    place.thing = std::move(thing);
    return {place.slot, place.thing};
  }
  /// Nothing for a slot that is not under way (any more).
  [[nodiscard]] std::optional<Thing> take(std::uint64_t slot) {
    const std::size_t index = slot & ((1U << index_bits) - 1);
    if (index >= places_.size() || places_[index].slot != slot) return std::nullopt;
    places_[index].slot = 0;
    free_.push_back(index);
    return std::move(places_[index].thing);
  }
  [[nodiscard]] std::size_t size() const noexcept { return places_.size() - free_.size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

 private:
  static constexpr unsigned index_bits = 16;
  struct Place {
    std::uint64_t slot = 0;  ///< 0: free
    Thing thing;
  };
  std::vector<Place> places_;
  std::vector<std::size_t> free_;
  std::uint64_t count_ = 0;
};

}  // namespace tidegate::forward
