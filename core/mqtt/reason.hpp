// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "mqtt/session.hpp"

namespace tidegate::mqtt {

/// Which packet carried a reason code: the same number does not always mean the same.
enum class Packet : std::uint8_t { connack, puback, suback, unsuback, disconnect };

/// A reason code in words that say how to mend it where that is known: "not authorised (0x87): …". code is what the
/// packet carried; for a 3.1.1 CONNACK 1 to 5, for a 3.1.1 SUBACK 0x80. Any number has words.
[[nodiscard]] std::string reason_words(Version version, Packet packet, int code);

/// Whether a CONNACK or DISCONNECT reason means that user name, password, client id or certificate were refused.
[[nodiscard]] bool is_authentication(Version version, int code) noexcept;

inline constexpr int session_taken_over = 0x8E;  ///< DISCONNECT: another client uses our client id
inline constexpr int use_another_server = 0x9C;  ///< for now
inline constexpr int server_moved = 0x9D;

}  // namespace tidegate::mqtt
