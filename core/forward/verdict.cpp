// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/verdict.hpp"

namespace tidegate::forward {

Verdict verdict(std::uint8_t reason_code) noexcept {
  switch (reason_code) {
    case 0x81:  // malformed packet
    case 0x82:  // protocol error
    case 0x90:  // topic name invalid
    case 0x95:  // packet too large
    case 0x99:  // payload format invalid
    case 0x9A:  // retain not supported
    case 0x9B:  // QoS not supported
      return Verdict::dead_letter;
    case 0x87:  // not authorised
      return Verdict::park;
    default:  // 0x80 unspecified, 0x83 implementation specific, 0x91 identifier in use, 0x92 not found, 0x97 quota
      return Verdict::retry;
  }
}

Blame blame(const mqtt::Failure& failure) noexcept {
  if (failure.ours) return Blame::none;
  switch (failure.reason_code) {
    case 0x81:  // malformed packet
    case 0x82:  // protocol error
    case 0x90:  // topic name invalid
    case 0x95:  // packet too large
    case 0x99:  // payload format invalid
    case 0x9A:  // retain not supported
    case 0x9B:  // QoS not supported
      return Blame::named;
    case 0x89:  // server busy
    case 0x8B:  // server shutting down
    case 0x8D:  // keep alive timeout
    case 0x8E:  // session taken over
    case 0x93:  // Receive Maximum exceeded
    case 0x96:  // message rate too high
    case 0x97:  // quota exceeded
    case 0x98:  // administrative action
    case 0x9C:  // use another server
    case 0x9D:  // server moved
    case 0x9F:  // connection rate exceeded
    case 0xA0:  // maximum connect time
      return Blame::none;
    default:  // the network, or a reason that does not say: 0x00, 0x80, 0x83, 0x87 not authorised
      return Blame::perhaps;
  }
}

}  // namespace tidegate::forward
