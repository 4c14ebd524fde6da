// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/cli/remote.hpp"

namespace tidegate::cli {

enum class Verdict : std::uint8_t {
  ok,
  warn,  ///< works, and may not for long, or not as it should
  fail,
  skip,  ///< could not be looked at, or is not there; detail says why
};

/// One thing that was looked at.
struct Finding {
  Verdict verdict = Verdict::ok;
  std::string what;    ///< one word or two: "clock", "broker version"
  std::string detail;  ///< one line
  std::string mend;    ///< what to type; empty when there is nothing to mend
};
using Findings = std::vector<Finding>;

/// One line each, what mends it below, and a line with how many there are of each verdict.
[[nodiscard]] std::string to_text(const Findings& findings);
[[nodiscard]] Json to_json(const Findings& findings);
[[nodiscard]] bool any_fails(const Findings& findings) noexcept;

}  // namespace tidegate::cli
