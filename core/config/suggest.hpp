// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidegate::config {

/// The word that was probably meant: the one with the smallest edit distance (a swap of neighbours counts one), as long
/// as that is at most a third of its length, and at least one. Empty when none is near.
[[nodiscard]] std::string closest(std::string_view word, const std::vector<std::string>& words);

}  // namespace tidegate::config
