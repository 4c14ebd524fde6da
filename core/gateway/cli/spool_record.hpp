// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/text.hpp"
#include "gateway/cli/spool_place.hpp"

namespace tidegate::cli {

/// Every field of a record. Bytes that are no UTF-8 go as <name>_base64.
[[nodiscard]] Json record_json(const SpoolLane& lane, const spool::Seen& seen);

/// A payload as a person can read it on one line of a terminal: text, shortened, with what is no text escaped; or
/// bytes.
[[nodiscard]] std::string show_payload(std::string_view payload, std::size_t width = 60);

/// "2026-11-20T18:38:58.123Z", with a mark when nobody had set the clock.
[[nodiscard]] std::string show_accepted(const spool::Record& record, const spool::Inspector& inspector);

[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace tidegate::cli
