// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/codec.hpp"

#include <algorithm>
#include <array>

#include "spool/bytes.hpp"
#include "spool/checksum.hpp"

namespace tidegate::spool {
namespace {

constexpr std::uint32_t mark = 0x31524754;  // "TGR1"
constexpr std::uint32_t no_expiry = 0xFFFFFFFF;
constexpr std::uint8_t type_message = 1;
constexpr std::size_t checked_from = 12;

constexpr std::uint8_t flag_retain = 1;
constexpr std::uint8_t flag_qos = 6;
constexpr std::uint8_t flag_utf8 = 8;

enum Identifier : std::uint8_t {
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  user_property = 0x26
};

constexpr std::size_t property_header = 5;

std::size_t properties_size(const Properties& properties) noexcept {
  std::size_t size = 0;
  for (const auto* text : {&properties.content_type, &properties.response_topic, &properties.correlation_data}) {
    if (!text->empty()) size += property_header + text->size();
  }
  for (const auto& [name, value] : properties.user) size += property_header + name.size() + 1 + value.size();
  return size;
}

std::size_t put_property(std::span<std::byte> into, std::size_t offset, Identifier identifier, std::string_view text) {
  put(into, offset, static_cast<std::uint8_t>(identifier));
  put(into, offset + 1, static_cast<std::uint32_t>(text.size()));
  put_text(into, offset + property_header, text);
  return offset + property_header + text.size();
}

std::size_t put_properties(std::span<std::byte> into, std::size_t offset, const Properties& properties) {
  if (!properties.content_type.empty()) offset = put_property(into, offset, content_type, properties.content_type);
  if (!properties.response_topic.empty())
    offset = put_property(into, offset, response_topic, properties.response_topic);
  if (!properties.correlation_data.empty()) {
    offset = put_property(into, offset, correlation_data, properties.correlation_data);
  }
  for (const auto& [name, value] : properties.user) {
    put(into, offset, static_cast<std::uint8_t>(user_property));
    put(into, offset + 1, static_cast<std::uint32_t>(name.size() + 1 + value.size()));
    put_text(into, offset + property_header, name);
    put(into, offset + property_header + name.size(), std::uint8_t{0});
    put_text(into, offset + property_header + name.size() + 1, value);
    offset += property_header + name.size() + 1 + value.size();
  }
  return offset;
}

bool get_properties(std::span<const std::byte> from, Properties& properties) {
  while (!from.empty()) {
    if (from.size() < property_header) return false;
    const auto identifier = get<std::uint8_t>(from, 0);
    const auto length = get<std::uint32_t>(from, 1);
    if (length > from.size() - property_header) return false;
    const auto text = get_text(from, property_header, length);
    switch (identifier) {
      case content_type:
        properties.content_type = text;
        break;
      case response_topic:
        properties.response_topic = text;
        break;
      case correlation_data:
        properties.correlation_data = text;
        break;
      case user_property: {
        const auto nul = text.find('\0');
        if (nul == text.npos) return false;
        properties.user.emplace_back(text.substr(0, nul), text.substr(nul + 1));
        break;
      }
      default:
        break;
    }
    from = from.subspan(property_header + length);
  }
  return true;
}

}  // namespace

std::size_t encoded_size(const Message& message) noexcept {
  return record_header + message.topic.size() + properties_size(message.properties) + message.payload.size();
}

void encode(const Record& record, const Message& message, std::uint32_t salt, std::vector<std::byte>& buffer) {
  const auto properties = properties_size(message.properties);
  const auto length = record_header + message.topic.size() + properties + message.payload.size();
  buffer.resize(length);
  const std::span<std::byte> into(buffer);
  const auto& expiry = message.properties.expiry;
  put(into, 0, mark);
  put(into, 4, static_cast<std::uint32_t>(length));
  put(into, 12, record.epoch);
  put(into, 16, record.sequence);
  put(into, 24, static_cast<std::int64_t>(record.age.count()));
  put(into, 32, static_cast<std::int64_t>(record.wall.time_since_epoch().count()));
  put(into, 40,
      expiry ? static_cast<std::uint32_t>(std::clamp<std::int64_t>(expiry->count(), 0, no_expiry - 1)) : no_expiry);
  put(into, 44, type_message);
  put(into, 45,
      static_cast<std::uint8_t>((message.retain ? flag_retain : 0) | (static_cast<unsigned>(message.qos) << 1) |
                                (message.properties.utf8 ? flag_utf8 : 0)));
  put(into, 46, static_cast<std::uint8_t>(record.clock));
  put(into, 47, std::uint8_t{0});
  put(into, 48, static_cast<std::uint32_t>(message.topic.size()));
  put(into, 52, static_cast<std::uint32_t>(properties));
  put(into, 56, static_cast<std::uint32_t>(message.payload.size()));
  put_text(into, record_header, message.topic);
  const auto payload = put_properties(into, record_header + message.topic.size(), message.properties);
  put_text(into, payload, message.payload);
  put(into, 8, checksum(into.subspan(checked_from), salt));
}

Decoded decode(std::span<const std::byte> bytes, std::uint32_t salt) {
  Decoded result;
  if (bytes.size() < 8) {
    result.kind = Decoded::Kind::cut_off;
    result.length = record_header;
    return result;
  }
  const std::size_t length = get<std::uint32_t>(bytes, 4);
  if (get<std::uint32_t>(bytes, 0) != mark || length < record_header) return result;
  result.length = length;
  if (length > bytes.size()) {
    result.kind = Decoded::Kind::cut_off;
    return result;
  }
  bytes = bytes.first(length);
  if (checksum(bytes.subspan(checked_from), salt) != get<std::uint32_t>(bytes, 8)) return result;
  auto& record = result.record;
  record.epoch = get<std::uint32_t>(bytes, 12);
  record.sequence = get<std::uint64_t>(bytes, 16);
  if (record.sequence == 0 || record.sequence > out_of_reach || get<std::uint64_t>(bytes, 24) > out_of_reach) {
    return result;
  }
  if (get<std::uint8_t>(bytes, 44) != type_message) {
    result.kind = Decoded::Kind::other;
    return result;
  }
  const std::size_t topic = get<std::uint32_t>(bytes, 48);
  const std::size_t properties = get<std::uint32_t>(bytes, 52);
  const std::size_t payload = get<std::uint32_t>(bytes, 56);
  if (record_header + topic + properties + payload != length) return result;
  record.age = Nanoseconds{get<std::int64_t>(bytes, 24)};
  record.wall = WallTime{Nanoseconds{get<std::int64_t>(bytes, 32)}};
  record.clock = static_cast<ClockQuality>(get<std::uint8_t>(bytes, 46));
  auto& message = record.message;
  const auto flags = get<std::uint8_t>(bytes, 45);
  message.retain = (flags & flag_retain) != 0;
  message.qos = static_cast<Qos>((flags & flag_qos) >> 1);
  message.properties.utf8 = (flags & flag_utf8) != 0;
  if (const auto expiry = get<std::uint32_t>(bytes, 40); expiry != no_expiry) {
    message.properties.expiry = std::chrono::seconds{expiry};
  }
  message.topic = get_text(bytes, record_header, topic);
  if (!get_properties(bytes.subspan(record_header + topic, properties), message.properties)) return result;
  message.payload = get_text(bytes, record_header + topic + properties, payload);
  result.kind = Decoded::Kind::record;
  return result;
}

std::size_t next_mark(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return 0;
  const auto text = get_text(bytes, 0, bytes.size());
  const auto found = text.find("TGR1", 1);
  if (found != text.npos) return found;
  // The last bytes may be the first of a mark that goes on beyond them.
  return bytes.size() < 4 ? bytes.size() : std::max<std::size_t>(1, bytes.size() - 3);
}

}  // namespace tidegate::spool
