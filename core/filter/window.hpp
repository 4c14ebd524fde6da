// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tidegate/block.hpp>

#include "filter/recipe.hpp"

namespace tidegate::filter {

/// { median = 5 } or { median = { window_size = 5, send_every = 1, send_first_at = 1 } }: of the last so many values.
[[nodiscard]] Filters::Recipe read_median(const Block& filter);
/// { sliding_average = 15 }, likewise: their mean.
[[nodiscard]] Filters::Recipe read_sliding_average(const Block& filter);

}  // namespace tidegate::filter
