// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tidegate/reading.hpp>

#include "filter/recipe.hpp"

namespace tidegate::filter {

/// A filter of numbers. Numbers come to take(); to other() come texts, switches and readings of bad quality, which a
/// number that is none (NaN, infinite) becomes. Thread: loop.
class Numeric : public Channel {
 public:
  explicit Numeric(Next next) noexcept : next_(std::move(next)) {}
  void put(const Reading& reading) final;

 protected:
  virtual void take(const Reading& reading, double number) = 0;
  /// Passes it unchanged.
  virtual void other(const Reading& reading) { pass(reading); }
  void pass(const Reading& reading) { next_->put(reading); }
  /// The reading with another value.
  void pass(Reading reading, double number) {
    reading.value = number;
    next_->put(reading);
  }

 private:
  const Next next_;
};

}  // namespace tidegate::filter
