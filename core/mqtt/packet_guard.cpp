// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/packet_guard.hpp"

#include <array>
#include <optional>

#include <fmt/format.h>

namespace tidegate::mqtt {
namespace {

enum Type : std::uint8_t {
  connect_type = 1,
  connack_type,
  publish_type,
  puback_type,
  pubrec_type,
  pubrel_type,
  pubcomp_type,
  subscribe_type,
  suback_type,
  unsubscribe_type,
  unsuback_type,
  pingreq_type,
  pingresp_type,
  disconnect_type,
  auth_type,
};

constexpr std::array<const char*, 16> names{
    "a packet of type 0", "CONNECT", "CONNACK",     "PUBLISH",  "PUBACK",  "PUBREC",   "PUBREL",     "PUBCOMP",
    "SUBSCRIBE",          "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};

/// Reads from the front of a packet's body. After a read past the end it is bad and gives zeroes.
class Reader {
 public:
  explicit Reader(std::string_view body) : rest_(body) {}

  std::string_view bytes(std::size_t count) {
    if (count > rest_.size()) {
      bad_ = true;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const char byte : bytes(size)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::uint16_t two() { return static_cast<std::uint16_t>(number(2)); }
  std::string_view text() { return bytes(two()); }
  std::uint32_t variable() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      const auto byte = number(1);
      value |= (byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    bad_ = true;
    return 0;
  }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }
  [[nodiscard]] bool bad() const noexcept { return bad_; }

 private:
  std::string_view rest_;
  bool bad_ = false;
};

// --- Properties (MQTT 5, 2.2.2.2) -----------------------------------------------------------------------------------

enum class Kind : std::uint8_t { none, flag, two, four, variable, text, pair };

constexpr std::uint16_t in(Type type) {
  return static_cast<std::uint16_t>(1U << type);
}
constexpr std::uint16_t acknowledgements =
    in(puback_type) | in(pubrec_type) | in(pubrel_type) | in(pubcomp_type) | in(suback_type) | in(unsuback_type);

struct Property {
  Kind kind = Kind::none;
  std::uint16_t packets = 0;  ///< of those that a server sends
  bool positive = false;      ///< not 0
  bool repeats = false;
};

constexpr auto properties = [] {
  std::array<Property, 0x2B> all{};
  all[0x01] = {Kind::flag, in(publish_type)};                                           // payload format indicator
  all[0x02] = {Kind::four, in(publish_type)};                                           // message expiry interval
  all[0x03] = {Kind::text, in(publish_type)};                                           // content type
  all[0x08] = {Kind::text, in(publish_type)};                                           // response topic
  all[0x09] = {Kind::text, in(publish_type)};                                           // correlation data
  all[0x0B] = {Kind::variable, in(publish_type), true, true};                           // subscription identifier
  all[0x11] = {Kind::four, in(connack_type) | in(disconnect_type)};                     // session expiry interval
  all[0x12] = {Kind::text, in(connack_type)};                                           // assigned client identifier
  all[0x13] = {Kind::two, in(connack_type)};                                            // server keep alive
  all[0x15] = {Kind::text, in(connack_type)};                                           // authentication method
  all[0x16] = {Kind::text, in(connack_type)};                                           // authentication data
  all[0x1A] = {Kind::text, in(connack_type)};                                           // response information
  all[0x1C] = {Kind::text, in(connack_type) | in(disconnect_type)};                     // server reference
  all[0x1F] = {Kind::text, acknowledgements | in(connack_type) | in(disconnect_type)};  // reason string
  all[0x21] = {Kind::two, in(connack_type), true};                                      // Receive Maximum
  all[0x22] = {Kind::two, in(connack_type)};                                            // topic alias maximum
  all[0x24] = {Kind::flag, in(connack_type)};                                           // Maximum QoS
  all[0x25] = {Kind::flag, in(connack_type)};                                           // retain available
  all[0x26] = {Kind::pair, 0xFFFF, false, true};                                        // user property
  all[0x27] = {Kind::four, in(connack_type), true};                                     // Maximum Packet Size
  all[0x28] = {Kind::flag, in(connack_type)};  // wildcard subscription available
  all[0x29] = {Kind::flag, in(connack_type)};  // subscription identifiers available
  all[0x2A] = {Kind::flag, in(connack_type)};  // shared subscription available
  return all;
}();
constexpr std::uint32_t topic_alias = 0x23;  // allowed in PUBLISH to those that offer some, which we do not

/// Reads a property length and the properties. What is wrong, or empty.
std::string check_properties(Reader& reader, Type type) {
  const std::uint32_t length = reader.variable();
  Reader list(reader.bytes(length));
  if (reader.bad()) return "a property length past its end";
  std::uint64_t seen = 0;
  while (list.left() > 0) {
    const std::uint32_t identifier = list.variable();
    if (identifier == topic_alias && type == publish_type) return "a topic alias, and we offered none";
    const Property property = identifier < properties.size() ? properties[identifier] : Property{};
    if (property.kind == Kind::none || (property.packets & in(type)) == 0)
      return fmt::format("a property that does not belong there (0x{:02X})", identifier);
    if (!property.repeats && (seen >> identifier & 1) != 0)
      return fmt::format("a property that is there twice (0x{:02X})", identifier);
    seen |= std::uint64_t{1} << identifier;
    std::uint32_t value = 1;
    switch (property.kind) {
      case Kind::flag:
        if (list.number(1) > 1) return fmt::format("a property that is neither 0 nor 1 (0x{:02X})", identifier);
        break;
      case Kind::two:
        value = list.number(2);
        break;
      case Kind::four:
        value = list.number(4);
        break;
      case Kind::variable:
        value = list.variable();
        break;
      case Kind::pair:
        static_cast<void>(list.text());
        [[fallthrough]];
      default:
        static_cast<void>(list.text());
        break;
    }
    if (list.bad()) return fmt::format("a property past its end (0x{:02X})", identifier);
    if (property.positive && value == 0) return fmt::format("a property that must not be 0 (0x{:02X})", identifier);
  }
  return {};
}

/// The part of a packet that we send, at an offset.
std::uint8_t byte_at(std::span<const std::string_view> body, std::size_t offset) {
  for (const auto& part : body) {
    if (offset < part.size()) return static_cast<std::uint8_t>(part[offset]);
    offset -= part.size();
  }
  return 0;
}

std::uint16_t two_at(std::span<const std::string_view> body, std::size_t offset) {
  return static_cast<std::uint16_t>(byte_at(body, offset) << 8 | byte_at(body, offset + 1));
}

}  // namespace

void PacketGuard::sent(std::uint8_t first, std::span<const std::string_view> body) {
  switch (first >> 4) {
    case connect_type:
      asked_ = true;
      connected_ = false;
      owed_.clear();
      version_ = byte_at(body, 6) == 5 ? Version::v5 : Version::v3_1_1;
      break;
    case publish_type: {
      const auto qos = first >> 1 & 3;
      if (qos != 0) owed_[two_at(body, std::size_t{2} + two_at(body, 0))] = {qos == 1 ? Owed::puback : Owed::pubrec, 0};
      break;
    }
    case subscribe_type:
    case unsubscribe_type: {
      std::string whole;
      for (const auto& part : body) whole += part;
      Reader reader(whole);
      const auto identifier = reader.two();
      if (version_ == Version::v5) static_cast<void>(reader.bytes(reader.variable()));
      const bool subscribes = first >> 4 == subscribe_type;
      std::size_t filters = 0;
      while (reader.left() > 0 && !reader.bad()) {
        static_cast<void>(reader.text());
        if (subscribes) static_cast<void>(reader.number(1));
        ++filters;
      }
      owed_[identifier] = {subscribes ? Owed::suback : Owed::unsuback, filters};
      break;
    }
    default:
      break;
  }
}

std::string PacketGuard::began(std::uint8_t first) const {
  const auto type = static_cast<Type>(first >> 4);
  if (!connected_ && type != connack_type)
    return fmt::format("{} {}", names[type], asked_ ? "before CONNACK" : "before CONNECT");
  switch (type) {
    case disconnect_type:
      if (version_ != Version::v5) return "DISCONNECT, which in MQTT 3.1.1 only clients send";
      break;
    case auth_type:
      return "AUTH, and we asked for no authentication method";
    case publish_type:
      return (first >> 1 & 3U) == 3 ? "PUBLISH with QoS 3" : std::string();
    case connack_type:
    case puback_type:
    case pubrec_type:
    case pubrel_type:
    case pubcomp_type:
    case suback_type:
    case unsuback_type:
    case pingresp_type:
      break;
    default:
      return fmt::format("{}, which servers do not send", names[type]);
  }
  return (first & 0x0FU) == (type == pubrel_type ? 2U : 0U) ? std::string()
                                                            : fmt::format("{} with reserved flags", names[type]);
}

std::string PacketGuard::received(std::uint8_t first, std::string_view body) {
  if (auto problem = began(first); !problem.empty()) return problem;
  const auto type = static_cast<Type>(first >> 4);
  std::string problem;
  switch (type) {
    case connack_type:
      problem = connack(body);
      break;
    case publish_type:
      problem = publish(first, body);
      break;
    case puback_type:
    case pubrec_type:
    case pubrel_type:
    case pubcomp_type:
      problem = acknowledgement(type, body);
      break;
    case suback_type:
    case unsuback_type:
      problem = answer(type, body);
      break;
    case pingresp_type:
      if (!body.empty()) problem = "a body";
      break;
    default: {  // DISCONNECT
      Reader reader(body);
      if (!body.empty()) static_cast<void>(reader.number(1));
      if (reader.left() > 0) problem = check_properties(reader, type);
      if (problem.empty() && reader.left() > 0) problem = "bytes left over";
      break;
    }
  }
  return problem.empty() ? problem : fmt::format("{} with {}", names[type], problem);
}

std::string PacketGuard::connack(std::string_view body) {
  if (connected_) return "a second one on the connection";
  if (version_ == Version::v5 && body.size() == 2)
    return "the form of MQTT 3.1.1: it does not speak MQTT 5; set version = \"3.1.1\"";
  if (version_ == Version::v3_1_1 && body.size() > 2 &&
      body.size() == std::size_t{3} + static_cast<unsigned char>(body[2]))
    return "the form of MQTT 5, though we connected with MQTT 3.1.1";
  Reader reader(body);
  const auto flags = reader.number(1);
  const auto code = reader.number(1);
  if (reader.bad()) return "less than two bytes";
  if (flags > 1) return "reserved flags";
  if (version_ == Version::v5) {
    if (auto problem = check_properties(reader, connack_type); !problem.empty()) return problem;
  }
  if (reader.left() > 0) return "bytes left over";
  connected_ = code == 0;
  return {};
}

std::string PacketGuard::publish(std::uint8_t first, std::string_view body) const {
  const unsigned qos = first >> 1 & 3U;
  Reader reader(body);
  const auto topic = reader.text();
  if (reader.bad()) return "a topic past its end";
  const auto identifier = qos == 0 ? std::uint16_t{1} : reader.two();
  if (reader.bad()) return "no packet identifier";
  if (identifier == 0) return "packet identifier 0";
  if (version_ == Version::v5) {
    if (auto problem = check_properties(reader, publish_type); !problem.empty()) return problem;
  }
  return topic.empty() ? "no topic" : std::string();
}

std::string PacketGuard::acknowledgement(std::uint8_t type, std::string_view body) {
  Reader reader(body);
  const auto identifier = reader.two();
  if (reader.bad()) return "no packet identifier";
  if (identifier == 0) return "packet identifier 0";
  std::uint32_t code = 0;
  if (version_ == Version::v5 && reader.left() > 0) {
    code = reader.number(1);
    if (reader.left() > 0) {
      if (auto problem = check_properties(reader, static_cast<Type>(type)); !problem.empty()) return problem;
    }
  }
  if (reader.left() > 0) return "bytes left over";
  if (type == pubrel_type) return {};

  const auto found = owed_.find(identifier);
  if (found == owed_.end()) return {};  // a second one, as a rule
  auto& owed = found->second.owed;
  const auto mistaken = [&](const char* what) {
    return fmt::format("identifier {}, which waits for {}", identifier, what);
  };
  switch (owed) {
    case Owed::puback:
      if (type != puback_type) return mistaken("PUBACK");
      break;
    case Owed::pubrec:
      if (type != pubrec_type) return mistaken("PUBREC");
      if (code < 0x80) {
        owed = Owed::pubcomp;
        return {};
      }
      break;
    case Owed::pubcomp:
      if (type == pubrec_type) return {};  // the same again
      if (type != pubcomp_type) return mistaken("PUBCOMP");
      break;
    case Owed::suback:
      return mistaken("SUBACK");
    case Owed::unsuback:
      return mistaken("UNSUBACK");
  }
  owed_.erase(found);
  return {};
}

std::string PacketGuard::answer(std::uint8_t type, std::string_view body) {
  Reader reader(body);
  const auto identifier = reader.two();
  if (reader.bad()) return "no packet identifier";
  if (version_ == Version::v5) {
    if (auto problem = check_properties(reader, static_cast<Type>(type)); !problem.empty()) return problem;
  }
  const auto found = owed_.find(identifier);
  if (found == owed_.end() || found->second.owed != (type == suback_type ? Owed::suback : Owed::unsuback))
    return fmt::format("identifier {}, which does not wait for it", identifier);
  const bool has_codes = type == suback_type || version_ == Version::v5;
  const std::size_t due = has_codes ? found->second.filters : 0;
  if (reader.left() != due) return fmt::format("{} reason codes for {} topic filters", reader.left(), due);
  owed_.erase(found);
  return {};
}

}  // namespace tidegate::mqtt
