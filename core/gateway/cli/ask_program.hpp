// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tidegate::cli {

/// What another program answered.
struct Said {
  int status = 0;    ///< its exit status; 128 and more: it was killed
  std::string text;  ///< its standard output and error
};

/// Runs a program of the system in the root folder, in the language of its authors, without input. Nothing when there
/// is no such program, or it has not ended in time; then it is killed.
[[nodiscard]] std::optional<Said> ask_program(std::vector<std::string> words,
                                              std::chrono::milliseconds patience = std::chrono::seconds(10));

}  // namespace tidegate::cli
