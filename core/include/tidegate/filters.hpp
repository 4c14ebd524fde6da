// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <tidegate/block.hpp>
#include <tidegate/clock.hpp>
#include <tidegate/loop.hpp>

namespace tidegate {

class Channel;

/// What happens to a reading on its way to its channel: filters = [{ median = 5 }, { delta = 0.5 }], in this order,
/// named as in ESPHome (docs/sensors.md has each). A recipe: cheap to copy, and each channel gets a chain of its own.
class Filters final {
 public:
  /// One filter, as configured.
  struct Recipe;

  Filters() = default;  ///< none: readings pass unchanged
  /// Reads the key filters of a block.
  explicit Filters(const Block& block);
  [[nodiscard]] bool empty() const noexcept { return recipes_.empty(); }
  /// A channel that puts what comes out of the filters into channel; channel itself when there are none. Timers run on
  /// the loop until it is destroyed.
  [[nodiscard]] std::unique_ptr<Channel> before(std::unique_ptr<Channel> channel, Loop& loop, const Clock& clock) const;

 private:
  std::vector<std::shared_ptr<const Recipe>> recipes_;
};

}  // namespace tidegate
