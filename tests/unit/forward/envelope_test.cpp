// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/envelope.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tidegate::forward {
namespace {

const Key key{"uuid", "default", 3, 41, "2026-11-20T18:38:58.123Z", ClockQuality::ntp, false};
constexpr const char* head =
    R"({"gateway":"uuid","lane":"default","epoch":3,"sequence":41,"time":"2026-11-20T18:38:58.123Z","clock":"ntp")";

TEST(AnEnvelope, CarriesJsonByteForByte) {
  for (const std::string payload :
       {"21.50", "{\"a\" : [1, 2.0]}", "null", "\"text\"", "123456789012345678901234567890"}) {
    EXPECT_EQ(envelope(key, payload), head + std::string(",\"payload\":") + payload + "}");
  }
}

TEST(AnEnvelope, CarriesOtherTextAsAString) {
  EXPECT_EQ(envelope(key, "ON"), std::string(head) + R"(,"payload":"ON"})");
  EXPECT_EQ(envelope(key, "say \"grüß\"\n"), std::string(head) + ",\"payload\":\"say \\\"grüß\\\"\\n\"}");
  EXPECT_EQ(envelope(key, "{\"a\":"), std::string(head) + R"(,"payload":"{\"a\":"})");
}

TEST(AnEnvelope, CarriesBytesAsBase64) {
  EXPECT_EQ(envelope(key, "\xFF"), std::string(head) + R"(,"payload_base64":"/w=="})");
  EXPECT_EQ(envelope(key, "\xFF\xFE"), std::string(head) + R"(,"payload_base64":"//4="})");
  EXPECT_EQ(envelope(key, std::string("\xFF\0\x10", 3)), std::string(head) + R"(,"payload_base64":"/wAQ"})");
  EXPECT_EQ(envelope(key, "\xFFMan"), std::string(head) + R"(,"payload_base64":"/01hbg=="})");
}

TEST(AnEnvelope, LeavesAnEmptyPayloadEmpty) {
  EXPECT_EQ(envelope(key, ""), "");
}

TEST(AnEnvelope, SaysResentOnlyWhenItIs) {
  auto again = key;
  again.resent = true;
  EXPECT_EQ(envelope(again, "1"), std::string(head) + R"(,"resent":true,"payload":1})");
}

TEST(AnEnvelope, IsJsonWhateverThePayload) {
  auto odd = key;
  odd.lane = "a \"lane\"";
  for (const auto& payload :
       {std::string("\xEF\xBB\xBF{}"), std::string("\0", 1), std::string("\xC3"), std::string("NaN"),
        std::string(" 1 "), std::string("1}"), std::string("\xED\xA0\x80"), std::string("\"\x01\"")}) {
    const auto text = envelope(odd, payload);
    const auto json = nlohmann::json::parse(text, nullptr, false);
    ASSERT_TRUE(json.is_object()) << text;
    EXPECT_EQ(json["lane"], odd.lane);
    EXPECT_EQ(json.size(), 7U) << text;
  }
}

}  // namespace
}  // namespace tidegate::forward
