// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tidegate/block.hpp>

#include "filter/recipe.hpp"

namespace tidegate::filter {

/// { throttle = "10s" }: at most one in that time; but one that turned bad always.
[[nodiscard]] Filters::Recipe read_throttle(const Block& filter);
/// { heartbeat = "60s" }: the last one on that grid and nothing else; with { interval, optimistic = true } each as it
/// comes as well.
[[nodiscard]] Filters::Recipe read_heartbeat(const Block& filter);
/// { timeout = "5m" }: when none came for so long, the last once more as bad; with { after, value } that value, good.
[[nodiscard]] Filters::Recipe read_timeout(const Block& filter);

}  // namespace tidegate::filter
