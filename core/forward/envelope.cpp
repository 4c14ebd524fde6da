// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/envelope.hpp"

#include <nlohmann/json.hpp>

namespace tidegate::forward {
namespace {

using Json = nlohmann::ordered_json;

std::string base64(const std::string& bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t n = 0; n < 3; ++n) {
      group = group << 8 | (n < count ? static_cast<unsigned char>(bytes[at + n]) : 0U);
    }
    for (std::size_t n = 0; n < 4; ++n) text += n <= count ? digits[group >> (18 - 6 * n) & 63U] : '=';
  }
  return text;
}

}  // namespace

std::string envelope(const Key& key, const std::string& payload) {
  if (payload.empty()) return {};
  Json head = {{"gateway", key.gateway},   {"lane", key.lane}, {"epoch", key.epoch},
               {"sequence", key.sequence}, {"time", key.time}, {"clock", to_string(key.clock)}};
  if (key.resent) head["resent"] = true;
  // A byte order mark passes for JSON at the beginning of a text, not inside of one.
  const bool marked = payload.starts_with("\xEF\xBB\xBF");
  if (!marked && Json::accept(payload)) {
    auto text = head.dump();
    text.pop_back();
    return text + ",\"payload\":" + payload + "}";
  }
  head["payload"] = payload;
  try {
    return head.dump();
  } catch (const Json::type_error&) {  // not UTF-8
    head.erase("payload");
    head["payload_base64"] = base64(payload);
    return head.dump();
  }
}

}  // namespace tidegate::forward
