// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "spool/record.hpp"

namespace tidegate::forward {

/// The user property that marks what a gateway sent.
inline constexpr std::string_view key_property = "tidegate";

/// The dedupe key of a record, "<gateway uuid>/<lane>/<epoch>/<sequence>/<wall time>/<clock quality>", with "/resent"
/// after it when the record may have been sent before. The first four never repeat, power cuts included, so a consumer
/// may drop what it has seen before.
struct Key {
  std::string gateway;  ///< uuid
  std::string lane;
  std::uint32_t epoch = 0;
  std::uint64_t sequence = 0;
  std::string time;  ///< when it was accepted: "2026-11-20T18:38:58.123Z"
  ClockQuality clock = ClockQuality::unsynced;
  bool resent = false;

  bool operator==(const Key&) const = default;
};

/// Nothing when the text is not a whole key; the short mark of a message that lived in memory only (a uuid) is none.
[[nodiscard]] std::optional<Key> parse_key(std::string_view text);

/// Writes the keys of one lane, with what seldom changes kept ready. One thread at a time.
class KeyWriter {
 public:
  KeyWriter(std::string_view gateway, std::string_view lane);
  /// accepted, clock: as Lane::accepted_at() has them. The text stands until the next call.
  [[nodiscard]] std::string_view write(const spool::Record& record, WallTime accepted, ClockQuality clock, bool resent);

 private:
  const std::string front_;    ///< "gateway/lane/"
  std::string text_;           ///< the last key
  std::size_t epoch_end_ = 0;  ///< in text_: "gateway/lane/epoch/" is good for epoch_
  std::uint32_t epoch_ = 0;
  std::string second_;                                            ///< "2026-11-20T18:38:58."
  std::chrono::sys_seconds at_{std::chrono::sys_seconds::min()};  ///< of second_
};

/// Replaces or adds the user property.
void set_key(Properties& properties, std::string_view key);

/// Whether the message carries the mark of this gateway.
[[nodiscard]] bool is_own(const Properties& properties, std::string_view gateway) noexcept;

}  // namespace tidegate::forward
