// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/common/errand.hpp"

#include <fmt/format.h>

namespace tidegate::plugins {

void Doing::now(std::string what) {
  const std::lock_guard lock(mutex_);
  what_ = std::move(what);
  since_ = clock_.boot();
}

std::string Doing::for_long(Nanoseconds patience) const {
  const std::lock_guard lock(mutex_);
  if (what_.empty() || clock_.boot() - since_ < patience) return {};
  return fmt::format("{} does not come back", what_);
}

}  // namespace tidegate::plugins
