// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tidegate::cli {

/// Columns of text for people, each as wide as its widest cell.
class Table final {
 public:
  /// A heading that starts with '>' is of a column that is aligned to the right.
  explicit Table(std::vector<std::string> headings);
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const noexcept { return rows_.size() == 1; }
  /// One line a row, headings first.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

/// "640 B", "3.4 KiB", "512 MiB".
[[nodiscard]] std::string show_bytes(std::uint64_t bytes);

/// The two largest units: "4 s", "12 min 5 s", "3 d 4 h". Below 10 s with one decimal.
[[nodiscard]] std::string show_duration(double seconds);

}  // namespace tidegate::cli
