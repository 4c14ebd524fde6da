// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/suggest.hpp"

#include <algorithm>
#include <cstddef>

namespace tidegate::config {
namespace {

constexpr std::size_t longest = 64;  // nobody's key; keeps the table small

std::size_t distance(std::string_view left, std::string_view right) {
  const auto rows = left.size() + 1;
  const auto columns = right.size() + 1;
  std::vector<std::size_t> table(rows * columns);
  const auto at = [&](std::size_t row, std::size_t column) -> std::size_t& { return table[row * columns + column]; };
  for (std::size_t row = 0; row < rows; ++row) at(row, 0) = row;
  for (std::size_t column = 0; column < columns; ++column) at(0, column) = column;
  for (std::size_t row = 1; row < rows; ++row) {
    for (std::size_t column = 1; column < columns; ++column) {
      const std::size_t changed = left[row - 1] == right[column - 1] ? 0 : 1;
      auto best = std::min({at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + changed});
      if (row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1]) {
        best = std::min(best, at(row - 2, column - 2) + 1);
      }
      at(row, column) = best;
    }
  }
  return at(rows - 1, columns - 1);
}

}  // namespace

std::string closest(std::string_view word, const std::vector<std::string>& words) {
  if (word.size() > longest) return {};
  std::string best;
  std::size_t least = longest;
  for (const auto& candidate : words) {
    if (candidate.size() > longest) continue;
    const auto far = distance(word, candidate);
    if (far < least && far <= std::max<std::size_t>(1, candidate.size() / 3)) {
      best = candidate;
      least = far;
    }
  }
  return best;
}

}  // namespace tidegate::config
