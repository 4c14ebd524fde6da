// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace tidegate::cli {

/// The lines of a descriptor, which stays the caller's. Holds no more than one line and one read.
class Lines final {
 public:
  /// most: bytes of the longest line. idle is called while there is nothing to read, about every 100 ms.
  Lines(int descriptor, std::size_t most, std::function<void()> idle);

  /// The next line without its '\n'; nothing at the end. Throws PayloadError for a line that is too long, SystemError
  /// when reading fails.
  [[nodiscard]] std::optional<std::string> next();

 private:
  void fill();

  const int descriptor_;
  const std::size_t most_;
  const std::function<void()> idle_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t number_ = 1;
  bool end_of_input_ = false;
};

}  // namespace tidegate::cli
