// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/reason.hpp"

#include <string_view>

#include <fmt/format.h>

namespace tidegate::mqtt {
namespace {

std::string_view connack_3_1_1(int code) {
  switch (code) {
    case 0:
      return "accepted";
    case 1:
      return "the server does not speak MQTT 3.1.1";
    case 2:
      return "the server refuses this client id: choose another client_id";
    case 3:
      return "the server is not available for MQTT at the moment";
    case 4:
      return "bad user name or password: check username and password";
    case 5:
      return "not authorised: check username and password, and what the server allows this client";
    default:
      return {};
  }
}

std::string_view shared_words(int code) {
  switch (code) {
    case 0x00:
      return "success";
    case 0x01:
      return "granted QoS 1";
    case 0x02:
      return "granted QoS 2";
    case 0x04:
      return "disconnect with will message";
    case 0x10:
      return "no matching subscribers";
    case 0x11:
      return "no subscription existed";
    case 0x80:
      return "refused without a reason";
    case 0x81:
      return "malformed packet";
    case 0x82:
      return "protocol error";
    case 0x83:
      return "refused by the server's own rules";
    case 0x84:
      return "the server does not speak this version of MQTT: try version = \"3.1.1\"";
    case 0x85:
      return "the server refuses this client id: choose another client_id";
    case 0x86:
      return "bad user name or password: check username and password";
    case 0x87:
      return "not authorised: check username and password, and what the server allows this client";
    case 0x88:
      return "the server is not available at the moment";
    case 0x89:
      return "the server is busy";
    case 0x8A:
      return "this client is banned by the server";
    case 0x8B:
      return "the server is shutting down";
    case 0x8C:
      return "the server wants another authentication method";
    case 0x8D:
      return "the server heard nothing from us for too long";
    case 0x8E:
      return "another client connected with our client id: give every client its own client_id";
    case 0x8F:
      return "the server refuses this topic filter";
    case 0x90:
      return "the server refuses this topic name";
    case 0x91:
      return "packet identifier in use";
    case 0x92:
      return "packet identifier not found";
    case 0x93:
      return "more messages under way than the server's Receive Maximum";
    case 0x94:
      return "invalid topic alias";
    case 0x95:
      return "packet too large for the server";
    case 0x96:
      return "messages come too fast for the server";
    case 0x97:
      return "quota exceeded on the server";
    case 0x98:
      return "ended by the server's administrator";
    case 0x99:
      return "the payload is not what its format indicator says";
    case 0x9A:
      return "the server does not keep retained messages";
    case 0x9B:
      return "the server does not support this QoS";
    case 0x9C:
      return "use another server for now";
    case 0x9D:
      return "the server has moved: change servers";
    case 0x9E:
      return "the server does not support shared subscriptions";
    case 0x9F:
      return "connections come too fast for the server";
    case 0xA0:
      return "the server's maximum connect time is over";
    case 0xA1:
      return "the server does not support subscription identifiers";
    case 0xA2:
      return "the server does not support wildcard subscriptions";
    default:
      return {};
  }
}

}  // namespace

std::string reason_words(Version version, Packet packet, int code) {
  std::string_view words;
  if (version == Version::v3_1_1 && packet == Packet::connack) {
    words = connack_3_1_1(code);
  } else if (packet == Packet::suback && code == 0) {
    words = "granted QoS 0";
  } else if (packet == Packet::disconnect && code == 0) {
    words = "the server ended the connection";
  } else {
    words = shared_words(code);
  }
  if (words.empty()) words = "a reason that MQTT does not name";
  if (version == Version::v3_1_1 && packet == Packet::connack) return fmt::format("{} (code {})", words, code);
  return fmt::format("{} (0x{:02X})", words, static_cast<unsigned>(code) & 0xFFU);
}

bool is_authentication(Version version, int code) noexcept {
  if (version == Version::v3_1_1) return code == 2 || code == 4 || code == 5;
  return (code >= 0x85 && code <= 0x87) || code == 0x8A || code == 0x8C;
}

}  // namespace tidegate::mqtt
