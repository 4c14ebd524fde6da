// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gateway/cli/remote.hpp"

namespace tidegate::cli {

/// A value of an answer as people read it; "-" when it is missing or null.
[[nodiscard]] std::string show(const Json& object, const char* key);
/// A number of an answer; 0 when it is missing or null.
[[nodiscard]] double number(const Json& object, const char* key);

/// The lanes of an answer as a table, with what troubles them below. Each has "upstream" beside what the gateway says
/// of a lane. Empty when there are none.
[[nodiscard]] std::string show_lanes(const Json& lanes);

}  // namespace tidegate::cli
