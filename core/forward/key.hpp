// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "spool/record.hpp"

namespace tidegate::forward {

/// The user property that marks what a gateway sent.
inline constexpr std::string_view key_property = "tidegate";

/// The dedupe key of a record: "<gateway uuid>/<lane>/<epoch>/<sequence>/<wall time>/<clock quality>". The first four
/// never repeat, power cuts included, so a consumer may drop what it has seen before.
[[nodiscard]] std::string dedupe_key(std::string_view gateway, std::string_view lane, const spool::Record& record);

/// Replaces or adds the user property.
void set_key(Properties& properties, std::string key);

/// Whether the message carries the mark of this gateway.
[[nodiscard]] bool is_own(const Properties& properties, std::string_view gateway) noexcept;

}  // namespace tidegate::forward
