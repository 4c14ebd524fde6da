// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tidegate/block.hpp>

#include "filter/recipe.hpp"

namespace tidegate::filter {

/// { delta = 0.5 } or { delta = "5%" }: passes what differs by at least so much from the last that passed.
[[nodiscard]] Filters::Recipe read_delta(const Block& filter);
/// { deadband = { band = 0.5, most = "5m" } }: as delta, and the newest reading again when nothing passed for so long.
[[nodiscard]] Filters::Recipe read_deadband(const Block& filter);

}  // namespace tidegate::filter
