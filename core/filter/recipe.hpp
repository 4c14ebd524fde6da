// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include <tidegate/channel.hpp>
#include <tidegate/filters.hpp>

namespace tidegate {

/// A filter whose arguments have been read: makes the channel that filters on the way to next.
struct Filters::Recipe {
  std::function<std::unique_ptr<Channel>(std::unique_ptr<Channel> next, Loop& loop, const Clock& clock)> before;
};

}  // namespace tidegate

namespace tidegate::filter {

using Next = std::unique_ptr<Channel>;

/// No interval of a filter is longer.
inline constexpr Nanoseconds most_interval = std::chrono::days(366);

}  // namespace tidegate::filter
