// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tidegate/block.hpp>

#include "filter/recipe.hpp"

namespace tidegate::filter {

/// { clamp = { min = 0, max = 100 } }: the bound instead of what is beyond it, which then is uncertain; with
/// ignore_out_of_range = true nothing instead of it.
[[nodiscard]] Filters::Recipe read_clamp(const Block& filter);
/// { calibrate_linear = [[measured, true], …] }: the straight line nearest to these points by least squares.
[[nodiscard]] Filters::Recipe read_calibrate_linear(const Block& filter);
/// { round = 1 }: to so many decimals.
[[nodiscard]] Filters::Recipe read_round(const Block& filter);

}  // namespace tidegate::filter
