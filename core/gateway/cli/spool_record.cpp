// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/spool_record.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace tidegate::cli {
namespace {

/// key, or key_base64.
void put_bytes(Json& into, const std::string& key, std::string_view bytes) {
  if (is_text(bytes)) {
    into[key] = bytes;
  } else {
    into[key + "_base64"] = base64(bytes);
  }
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto left = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t n = 0; n < 3; ++n) {
      group = group << 8 | (n < left ? static_cast<unsigned char>(bytes[at + n]) : 0U);
    }
    for (std::size_t n = 0; n < 4; ++n) text += n <= left ? letters[group >> (18 - 6 * n) & 63] : '=';
  }
  return text;
}

std::string show_payload(std::string_view payload, std::size_t width) {
  if (payload.empty()) return "(empty)";
  if (is_text(payload) && payload.find('\0') == payload.npos) {
    auto rest = payload;
    for (std::size_t n = 0; n < width && !rest.empty(); ++n) static_cast<void>(take_character(rest));
    return harmless(payload.substr(0, payload.size() - rest.size())) + (rest.empty() ? "" : "…");
  }
  std::string hex;
  const auto shown = std::min(payload.size(), width / 2);
  for (const char byte : payload.substr(0, shown)) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return "0x" + hex + (shown < payload.size() ? "…" : "");
}

std::string show_accepted(const spool::Record& record, const spool::Inspector& inspector) {
  const auto [wall, clock] = inspector.accepted_at(record);
  return iso8601(wall) + (clock == ClockQuality::unsynced ? " (clock not set)" : "");
}

Json record_json(const SpoolLane& lane, const spool::Seen& seen) {
  const auto& inspector = *lane.inspector;
  const auto& record = seen.record;
  const auto& message = record.message;
  const auto& properties = message.properties;
  const auto [wall, clock] = inspector.accepted_at(record);
  Json json{{"lane", lane.name.text()},    {"stand_in", lane.stand_in},
            {"sequence", record.sequence}, {"epoch", record.epoch},
            {"waiting", seen.waiting},     {"accepted", iso8601(wall)},
            {"clock", to_string(clock)},   {"age_s", std::chrono::duration<double>(inspector.since(record)).count()}};
  if (wall != record.wall) json["accepted_by_its_clock"] = iso8601(record.wall);
  put_bytes(json, "topic", message.topic);
  json["qos"] = static_cast<int>(message.qos);
  json["retain"] = message.retain;
  if (properties.expiry) json["expiry_s"] = properties.expiry->count();
  if (!properties.content_type.empty()) put_bytes(json, "content_type", properties.content_type);
  if (properties.utf8) json["utf8"] = true;
  if (!properties.response_topic.empty()) put_bytes(json, "response_topic", properties.response_topic);
  if (!properties.correlation_data.empty()) json["correlation_data_base64"] = base64(properties.correlation_data);
  if (!properties.user.empty()) {
    auto user = Json::array();
    const auto text = [](const std::string& any) { return is_text(any) ? any : harmless(any); };
    for (const auto& [name, value] : properties.user) user.push_back(Json::array({text(name), text(value)}));
    json["user_properties"] = std::move(user);
  }
  json["size"] = message.payload.size();
  put_bytes(json, "payload", message.payload);
  return json;
}

}  // namespace tidegate::cli
