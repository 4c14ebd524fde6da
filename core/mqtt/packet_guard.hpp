// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mqtt/session.hpp"

namespace tidegate::mqtt {

/// Stands between one server and Paho, which trusts what it reads: says of each packet from the server whether it is
/// well-formed (lengths, flags, properties) and whether it answers something that is under way in the way that MQTT has
/// it. What only means something else than usual passes: any reason code, any text, an acknowledgement of an identifier
/// that is not in use. One for each connection; begins anew with each CONNECT. No I/O; not thread-safe.
class PacketGuard {
 public:
  /// A packet that the client is about to send. first: its first byte; body: what follows the remaining length, in
  /// parts.
  void sent(std::uint8_t first, std::span<const std::string_view> body);

  /// The first byte of a packet from the server: what can be said before the rest has come. Returns as received().
  [[nodiscard]] std::string began(std::uint8_t first) const;

  /// A packet that the server sent. Returns what is wrong with it, in words; empty when Paho may have it.
  [[nodiscard]] std::string received(std::uint8_t first, std::string_view body);

 private:
  /// What the server owes for an identifier.
  enum class Owed : std::uint8_t { puback, pubrec, pubcomp, suback, unsuback };
  struct Call {
    Owed owed;
    std::size_t filters = 0;  ///< of SUBSCRIBE and UNSUBSCRIBE
  };

  [[nodiscard]] std::string connack(std::string_view body);
  [[nodiscard]] std::string publish(std::uint8_t first, std::string_view body) const;
  [[nodiscard]] std::string acknowledgement(std::uint8_t type, std::string_view body);
  [[nodiscard]] std::string answer(std::uint8_t type, std::string_view body);

  Version version_ = Version::v5;
  bool asked_ = false;      ///< CONNECT was sent
  bool connected_ = false;  ///< CONNACK came and accepted
  std::unordered_map<std::uint16_t, Call> owed_;
};

}  // namespace tidegate::mqtt
