// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::broker {

/// A version of Mosquitto.
struct Version {
  int major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version&) const = default;
};

/// From what `mosquitto -h` prints, or from "2.0.11"; nothing when there is none in it.
[[nodiscard]] std::optional<Version> parse_version(std::string_view text) noexcept;
[[nodiscard]] std::string to_string(const Version& version);

/// What is known to be wrong with a version, as far as it matters to a broker with our configuration; for people, with
/// the version that mends it. Distributions mend without a new number: so these are warnings, and nothing more.
[[nodiscard]] std::vector<std::string> known_defects(const Version& version);

}  // namespace tidegate::broker
