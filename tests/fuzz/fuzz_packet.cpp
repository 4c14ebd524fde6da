// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "mqtt/packet_guard.hpp"

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

/// What MQTT 3.1.1 leaves of an acknowledgement.
bool is_plain_acknowledgement(std::string_view body) {
  return body.size() == 2 && (body[0] != 0 || body[1] != 0);
}

}  // namespace

/// The first byte is the version (even: 3.1.1); then packets of both sides: a byte that is odd for one of ours, the
/// length of the body, the packet's first byte, the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  if (rest.empty()) return 0;
  const bool v5 = (rest[0] & 1) != 0;
  rest.remove_prefix(1);
  tidegate::mqtt::PacketGuard guard;
  const std::string_view connect[] = {v5 ? std::string_view("\0\4MQTT\5\2\0\36\0\0\0", 13)
                                         : std::string_view("\0\4MQTT\4\2\0\36\0\0", 12)};
  guard.sent(0x10, connect);
  bool accepted = false;
  while (rest.size() >= 3) {
    const bool ours = (rest[0] & 1) != 0;
    const auto length = static_cast<std::uint8_t>(rest[1]);
    const auto first = static_cast<std::uint8_t>(rest[2]);
    const auto body = rest.substr(3, length);
    rest.remove_prefix(3 + body.size());
    if (ours) {
      if (first >> 4 == 1) continue;
      // In two parts, wherever they are cut.
      const auto cut = body.empty() ? 0 : first % body.size();
      const std::string_view parts[] = {body.substr(0, cut), body.substr(cut)};
      guard.sent(first, parts);
      continue;
    }
    // A copy of its own size: what is read past its end is seen.
    const std::vector<char> own(body.begin(), body.end());
    const bool passed = guard.received(first, {own.data(), own.size()}).empty();
    if (!passed) break;
    const auto type = first >> 4;
    if (type == 2) {
      if (accepted) fail("a CONNACK after another");
      accepted = body[1] == 0;
    } else if (!accepted) {
      fail("something passed before CONNACK");
    }
    if (type < 2 || type == 8 || type == 10 || type == 12 || type == 15)
      fail("a packet that servers do not send passed");
    if (!v5 && type >= 4 && type <= 7 && !is_plain_acknowledgement(body)) fail("no acknowledgement of MQTT 3.1.1");
    if (type == 3 && (first >> 1 & 3) == 3) fail("QoS 3 passed");
    if ((type == 9 || type == 11) && body.size() < 2) fail("an answer without an identifier passed");
  }
  return 0;
}
