// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tidegate::plugins::calculate {

struct NoNumber {};  ///< the payload has none
struct NotMeant {
};  ///< it says of itself that it is not to be believed ("quality":"bad"), or removes a retained message
using Found = std::variant<double, NoNumber, NotMeant>;

/// No larger payload is read.
inline constexpr std::size_t most_payload = std::size_t{64} << 10;

/// The number of a payload: a bare one ("21.5", with blanks around it at most), or the one at field ({"value"}, or
/// {"a", "b"} for a.b) of a JSON object.
[[nodiscard]] Found number_in(std::string_view payload, const std::vector<std::string>& field);

}  // namespace tidegate::plugins::calculate
