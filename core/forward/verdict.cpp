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

}  // namespace tidegate::forward
