// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/packet_guard.hpp"

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::mqtt {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// "20 03 0000 00": the bytes of one packet, whose second is the remaining length.
std::string bytes(std::string_view hex) {
  std::string digits;
  for (const char c : hex)
    if (c != ' ') digits += c;
  std::string all;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    all += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return all;
}

class Guarded {
 public:
  explicit Guarded(Version version = Version::v5, bool connected = true) : version_(version) {
    send(version == Version::v5 ? "10 0d 0004 4d515454 05 02 001e 00 0000" : "10 0c 0004 4d515454 04 02 001e 0000");
    if (!connected) return;
    EXPECT_THAT(receive(version == Version::v5 ? "20 03 0000 00" : "20 02 0000"), IsEmpty());
  }
  /// As Paho does it: the body in parts.
  void send(std::string_view hex) {
    const auto packet = bytes(hex);
    std::vector<std::string_view> parts;
    for (std::string_view rest = std::string_view(packet).substr(2); !rest.empty();) {
      const auto step = std::min<std::size_t>(rest.size(), parts.size() + 1);
      parts.push_back(rest.substr(0, step));
      rest.remove_prefix(step);
    }
    guard_.sent(static_cast<std::uint8_t>(packet[0]), parts);
  }
  std::string receive(std::string_view hex) {
    const auto packet = bytes(hex);
    return guard_.received(static_cast<std::uint8_t>(packet[0]), std::string_view(packet).substr(2));
  }
  /// A PUBLISH of ours on topic "a", with the identifier 7.
  void publish(int qos) {
    send(std::string(qos == 1 ? "32 " : "34 ") +
         (version_ == Version::v5 ? "07 0001 61 0007 00 78" : "06 0001 61 0007 78"));
  }
  /// A SUBSCRIBE for "a" and "b", with the identifier 9; or an UNSUBSCRIBE.
  void subscribe(bool yes = true) {
    const std::string properties = version_ == Version::v5 ? "00 " : "";
    send(yes ? "82 0b 0009 " + properties + "0001 61 01 0001 62 01" : "a2 09 0009 " + properties + "0001 61 0001 62");
  }

 private:
  Version version_;
  PacketGuard guard_;
};

struct Packet {
  Version version;
  const char* hex;
  const char* words;  ///< what is wrong with it; null when nothing is
};

void PrintTo(const Packet& packet, std::ostream* to) {
  *to << (packet.version == Version::v5 ? "5: " : "3.1.1: ") << packet.hex;
}

constexpr auto v5 = Version::v5;
constexpr auto v3 = Version::v3_1_1;

class InsteadOfConnack : public ::testing::TestWithParam<Packet> {};

TEST_P(InsteadOfConnack, GetsTheVerdictOfTheSpecification) {
  const auto& [version, hex, words] = GetParam();
  Guarded guarded(version, false);
  EXPECT_THAT(guarded.receive(hex), words == nullptr ? ::testing::Matcher<std::string>(IsEmpty()) : HasSubstr(words));
}

INSTANTIATE_TEST_SUITE_P(
    PacketGuard, InsteadOfConnack,
    ::testing::Values(
        Packet{v5, "20 03 0000 00", nullptr}, Packet{v5, "20 03 0100 00", nullptr},
        Packet{v5, "20 03 0087 00", nullptr}, Packet{v5, "20 03 00fe 00", nullptr},
        Packet{v5, "20 1f 0000 1c 21 0014 22 000a 24 01 25 00 27 00000100 28 01 29 01 2a 00 13 0001 1f 0001 61",
               nullptr},
        Packet{v5, "20 0f 0000 0c 26 0001 61 0000 26 0001 61 0000", nullptr}, Packet{v3, "20 02 0000", nullptr},
        Packet{v3, "20 02 0005", nullptr}, Packet{v5, "20 00", "less than two bytes"},
        Packet{v5, "20 01 00", "less than two bytes"}, Packet{v3, "20 01 00", "less than two bytes"},
        Packet{v5, "20 02 0001", "set version = \"3.1.1\""}, Packet{v3, "20 03 0000 00", "the form of MQTT 5"},
        Packet{v5, "2f 03 0000 00", "reserved flags"}, Packet{v5, "20 03 fe00 00", "reserved flags"},
        Packet{v3, "20 02 fe00", "reserved flags"}, Packet{v5, "20 06 0000 00 616161", "left over"},
        Packet{v3, "20 05 0000 616161", "left over"}, Packet{v5, "20 03 0000 7f", "property length past its end"},
        Packet{v5, "20 07 0000 ffffffff7f", "property length past its end"},
        Packet{v5, "20 05 0000 02 21 00", "a property past its end (0x21)"},
        Packet{v5, "20 05 0000 02 7e 00", "does not belong there (0x7E)"},
        Packet{v5, "20 06 0000 03 12 ffff", "a property past its end (0x12)"},
        Packet{v5, "20 09 0000 06 26 0001 61 ffff", "a property past its end (0x26)"},
        Packet{v5, "20 06 0000 03 23 0001", "does not belong there (0x23)"},
        Packet{v5, "20 05 0000 02 01 01", "does not belong there (0x01)"},
        Packet{v5, "20 06 0000 03 21 0000", "must not be 0 (0x21)"},
        Packet{v5, "20 08 0000 05 27 00000000", "must not be 0 (0x27)"},
        Packet{v5, "20 05 0000 02 24 09", "neither 0 nor 1 (0x24)"},
        Packet{v5, "20 09 0000 06 21 0001 21 0002", "twice (0x21)"}, Packet{v5, "40 02 0001", "PUBACK before CONNACK"},
        Packet{v5, "30 03 0001 61", "PUBLISH before CONNACK"}, Packet{v5, "d0 00", "PINGRESP before CONNACK"},
        Packet{v5, "e0 01 8b", "DISCONNECT before CONNACK"}, Packet{v5, "f0 02 1800", "AUTH before CONNACK"},
        Packet{v5, "10 0d 0004 4d515454 05 02 001e 00 0000", "CONNECT before CONNACK"},
        Packet{v3, "00 00", "a packet of type 0 before CONNACK"}));

/// Nothing is under way but a QoS 1 publish with the identifier 7.
class AfterConnack : public ::testing::TestWithParam<Packet> {};

TEST_P(AfterConnack, GetsTheVerdictOfTheSpecification) {
  const auto& [version, hex, words] = GetParam();
  Guarded guarded(version);
  guarded.publish(1);
  EXPECT_THAT(guarded.receive(hex), words == nullptr ? ::testing::Matcher<std::string>(IsEmpty()) : HasSubstr(words));
}

INSTANTIATE_TEST_SUITE_P(
    PacketGuard, AfterConnack,
    ::testing::Values(
        Packet{v5, "20 03 0000 00", "a second one"}, Packet{v3, "20 02 0000", "a second one"},
        Packet{v5, "00 00", "which servers do not send"}, Packet{v5, "10 00", "CONNECT, which servers do not send"},
        Packet{v5, "82 07 0001 00 0001 61 00", "SUBSCRIBE, which servers do not send"},
        Packet{v5, "c0 00", "which servers do not send"}, Packet{v5, "d0 00", nullptr},
        Packet{v5, "d0 03 616161", "a body"}, Packet{v5, "f0 00", "AUTH"}, Packet{v5, "e0 00", nullptr},
        Packet{v5, "e0 01 8b", nullptr}, Packet{v5, "e0 02 8b 00", nullptr},
        Packet{v5, "e0 06 8b 04 1f 0001 61", nullptr}, Packet{v5, "e0 02 8b 7f", "property length past its end"},
        Packet{v5, "e0 05 8b 03 1f 00ff", "a property past its end (0x1F)"}, Packet{v5, "ef 00", "reserved flags"},
        Packet{v5, "e0 03 8b 00 61", "left over"}, Packet{v3, "e0 00", "only clients send"},
        // PUBLISH
        Packet{v5, "30 04 0001 61 00", nullptr}, Packet{v5, "31 05 0001 61 00 78", nullptr},
        Packet{v5, "3a 06 0001 61 0001 00", nullptr}, Packet{v3, "30 03 0001 61", nullptr},
        Packet{v5, "34 09 0001 61 0001 03 0b 8001", nullptr}, Packet{v5, "30 08 0001 61 04 0b 01 0b 02", nullptr},
        Packet{v5, "30 00", "a topic past its end"}, Packet{v5, "30 01 00", "a topic past its end"},
        Packet{v5, "36 07 0001 61 0001 00 61", "QoS 3"}, Packet{v5, "30 03 ffff 61", "a topic past its end"},
        Packet{v5, "30 03 0000 00", "no topic"}, Packet{v3, "30 02 0000", "no topic"},
        Packet{v3, "32 03 0001 61", "no packet identifier"}, Packet{v3, "32 04 0001 61 00", "no packet identifier"},
        Packet{v5, "32 06 0001 61 0000 00", "packet identifier 0"},
        Packet{v5, "30 03 0001 61", "property length past its end"},
        Packet{v5, "30 07 0001 61 03 23 0001", "topic alias"}, Packet{v5, "30 06 0000 03 23 0001", "topic alias"},
        Packet{v5, "30 06 0001 61 02 0b 00", "must not be 0 (0x0B)"},
        Packet{v5, "30 07 0001 61 03 21 0001", "does not belong there (0x21)"},
        Packet{v5, "30 08 0001 61 04 01 00 01 00", "twice (0x01)"},
        Packet{v5, "30 06 0001 61 02 01 02", "neither 0 nor 1 (0x01)"},
        // Acknowledgements
        Packet{v5, "40 02 0007", nullptr}, Packet{v5, "40 03 0007 10", nullptr},
        Packet{v5, "40 04 0007 97 00", nullptr}, Packet{v5, "40 08 0007 97 04 1f 0001 61", nullptr},
        Packet{v3, "40 02 0007", nullptr}, Packet{v5, "40 02 0777", nullptr}, Packet{v5, "50 02 0777", nullptr},
        Packet{v5, "70 02 0777", nullptr}, Packet{v5, "62 02 0777", nullptr},
        Packet{v5, "40 00", "no packet identifier"}, Packet{v5, "40 01 00", "no packet identifier"},
        Packet{v5, "4f 02 0007", "reserved flags"}, Packet{v5, "60 02 0001", "reserved flags"},
        Packet{v5, "40 02 0000", "packet identifier 0"}, Packet{v5, "40 04 0007 00 7f", "property length past its end"},
        Packet{v5, "40 08 0007 00 00 61616161", "left over"}, Packet{v3, "40 03 0007 00", "left over"},
        Packet{v5, "40 07 0007 00 03 21 0001", "does not belong there (0x21)"},
        Packet{v5, "50 02 0007", "identifier 7, which waits for PUBACK"},
        Packet{v5, "70 02 0007", "identifier 7, which waits for PUBACK"},
        Packet{v5, "90 04 0007 00 00", "identifier 7, which does not wait for it"},
        Packet{v5, "b0 04 0007 00 00", "identifier 7, which does not wait for it"},
        Packet{v3, "90 03 0777 00", "identifier 1911, which does not wait for it"}));

TEST(PacketGuard, LetsAQos2ExchangePassInItsOrderOnly) {
  for (const auto version : {v5, v3}) {
    Guarded guarded(version);
    guarded.publish(2);
    EXPECT_THAT(guarded.receive("40 02 0007"), HasSubstr("waits for PUBREC"));
    EXPECT_THAT(guarded.receive("70 02 0007"), HasSubstr("waits for PUBREC"));
    EXPECT_THAT(guarded.receive("50 02 0007"), IsEmpty());
    EXPECT_THAT(guarded.receive("50 02 0007"), IsEmpty()) << "the same again";
    EXPECT_THAT(guarded.receive("40 02 0007"), HasSubstr("waits for PUBCOMP"));
    EXPECT_THAT(guarded.receive("70 02 0007"), IsEmpty());
    EXPECT_THAT(guarded.receive("70 02 0007"), IsEmpty()) << "of an identifier that is free again";
  }
}

TEST(PacketGuard, ARefusingPubrecEndsTheExchange) {
  Guarded guarded;
  guarded.publish(2);
  EXPECT_THAT(guarded.receive("50 03 0007 97"), IsEmpty());
  guarded.publish(1);
  EXPECT_THAT(guarded.receive("40 02 0007"), IsEmpty());
}

TEST(PacketGuard, AnAnswerHasOneReasonCodeForEachTopicFilter) {
  Guarded guarded;
  guarded.subscribe();
  EXPECT_THAT(guarded.receive("40 02 0009"), HasSubstr("waits for SUBACK"));
  EXPECT_THAT(guarded.receive("b0 05 0009 00 00 00"), HasSubstr("does not wait for it"));
  EXPECT_THAT(guarded.receive("90 03 0009 00"), HasSubstr("0 reason codes for 2 topic filters"));
  EXPECT_THAT(guarded.receive("90 04 0009 00 01"), HasSubstr("1 reason codes for 2 topic filters"));
  EXPECT_THAT(guarded.receive("90 06 0009 00 01 01 01"), HasSubstr("3 reason codes for 2 topic filters"));
  EXPECT_THAT(guarded.receive("90 05 0009 00 01 87"), IsEmpty());
  EXPECT_THAT(guarded.receive("90 05 0009 00 01 87"), HasSubstr("does not wait for it"));
  guarded.subscribe(false);
  EXPECT_THAT(guarded.receive("b0 03 0009 00"), HasSubstr("0 reason codes for 2 topic filters"));
  EXPECT_THAT(guarded.receive("b0 05 0009 00 00 11"), IsEmpty());

  Guarded old(v3);
  old.subscribe();
  EXPECT_THAT(old.receive("90 02 0009"), HasSubstr("0 reason codes for 2 topic filters"));
  EXPECT_THAT(old.receive("90 04 0009 01 80"), IsEmpty());
  old.subscribe(false);
  EXPECT_THAT(old.receive("b0 04 0009 0000"), HasSubstr("2 reason codes for 0 topic filters"));
  EXPECT_THAT(old.receive("b0 02 0009"), IsEmpty());
}

TEST(PacketGuard, OwesNothingFromAnEarlierConnection) {
  Guarded guarded;
  guarded.publish(1);
  guarded.send("10 0c 0004 4d515454 04 02 001e 0000");
  EXPECT_THAT(guarded.receive("40 02 0007"), HasSubstr("before CONNACK"));
  EXPECT_THAT(guarded.receive("20 02 0000"), IsEmpty());
  EXPECT_THAT(guarded.receive("50 02 0007"), IsEmpty());
}

TEST(PacketGuard, ARefusingConnackLeavesItUnconnected) {
  Guarded guarded(v5, false);
  EXPECT_THAT(guarded.receive("20 03 0087 00"), IsEmpty());
  EXPECT_THAT(guarded.receive("d0 00"), HasSubstr("before CONNACK"));
}

}  // namespace
}  // namespace tidegate::mqtt
