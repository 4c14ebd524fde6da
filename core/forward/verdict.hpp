// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "mqtt/session.hpp"

namespace tidegate::forward {

/// What to do with a message that a server refused.
enum class Verdict : std::uint8_t {
  retry,        ///< publish it anew after a while; it may pass later (quota, implementation error, unspecified)
  park,         ///< nothing of this lane will pass until somebody mends the server's rights; keep it all, try rarely
  dead_letter,  ///< this message will never pass (topic, format, size); others will
};

/// By the reason code of a PUBACK, PUBREC or PUBCOMP, 0x80 and above.
[[nodiscard]] Verdict verdict(std::uint8_t reason_code) noexcept;

/// Whether a message under way may be why a connection ended.
enum class Blame : std::uint8_t {
  none,     ///< we ended it, the line went silent, or the server gave a reason of its own (shutting down, taken over)
  perhaps,  ///< it just ended, or the server's reason says nothing
  named,    ///< the server's DISCONNECT is about a message (size, topic, format, retain, QoS, protocol)
};

[[nodiscard]] Blame blame(const mqtt::Failure& failure) noexcept;

}  // namespace tidegate::forward
