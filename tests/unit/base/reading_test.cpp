// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tidegate/reading.hpp>

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using nlohmann::json;

TEST(AValueAsText, IsOnOrOffForABoolean) {
  EXPECT_EQ(to_text(true), "ON");
  EXPECT_EQ(to_text(false), "OFF");
}

TEST(AValueAsText, IsTheWholeNumberForAnInteger) {
  EXPECT_EQ(to_text(std::int64_t{0}), "0");
  EXPECT_EQ(to_text(std::int64_t{-42}), "-42");
  EXPECT_EQ(to_text(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
  EXPECT_EQ(to_text(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

TEST(AValueAsText, IsTheShortestDecimalThatReadsBackTheSameForANumber) {
  EXPECT_EQ(to_text(0.1), "0.1");
  EXPECT_EQ(to_text(21.5), "21.5");
  EXPECT_EQ(to_text(-0.25), "-0.25");
  for (const double value : {0.1 + 0.2, 1.0 / 3.0, 1e300, 5e-324, 21.0, -1.0, 1e21, 123456789.123}) {
    EXPECT_EQ(std::strtod(to_text(value).c_str(), nullptr), value) << to_text(value);
  }
}

TEST(AValueAsText, IsTheTextItself) {
  EXPECT_EQ(to_text("hello"s), "hello");
  EXPECT_EQ(to_text(""s), "");
  EXPECT_EQ(to_text("two\nlines\0and nul"s), "two\nlines\0and nul"s);
}

TEST(AReadingAsJson, HasValueUnitTimeClockAndQuality) {
  const Reading reading{21.5, "°C", Quality::uncertain, WallTime{1'800'000'000'123ms}, ClockQuality::ntp};
  const std::string text = to_json(reading);
  EXPECT_EQ(text.find('\n'), text.npos);
  const json object = json::parse(text);
  EXPECT_EQ(object.at("value"), 21.5);
  EXPECT_EQ(object.at("unit"), "°C");
  EXPECT_EQ(object.at("time"), "2027-01-15T08:00:00.123Z");
  EXPECT_EQ(object.at("clock"), "ntp");
  EXPECT_EQ(object.at("quality"), "uncertain");
  EXPECT_EQ(object.size(), 5U);
}

TEST(AReadingAsJson, SaysThatItIsSimulatedOnlyWhenItIs) {
  Reading reading{21.5, "°C", Quality::good, {}, ClockQuality::ntp};
  EXPECT_FALSE(json::parse(to_json(reading)).contains("simulated"));
  reading.simulated = true;
  EXPECT_EQ(json::parse(to_json(reading)).at("simulated"), json(true));
}

TEST(AReadingAsJson, KeepsTheTypeOfItsValue) {
  const auto value = [](Value given) {
    return json::parse(to_json({std::move(given), "", Quality::good, {}, {}})).at("value");
  };
  EXPECT_EQ(value(true), json(true));
  EXPECT_EQ(value(std::numeric_limits<std::int64_t>::max()), json(std::numeric_limits<std::int64_t>::max()));
  EXPECT_TRUE(value(std::int64_t{3}).is_number_integer());
  EXPECT_TRUE(value(3.0).is_number_float());
  EXPECT_EQ(value("say \"hi\"\n\x01"s), json("say \"hi\"\n\x01"));
}

TEST(AReadingAsJson, IsStillJsonWhenTheValueIsNoNumberOrNoUtf8) {
  for (const double odd : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    EXPECT_TRUE(json::parse(to_json({odd, "", Quality::bad, {}, {}})).at("value").is_null());
  }
  EXPECT_TRUE(json::parse(to_json({"caf\xe9"s, "", Quality::good, {}, {}})).at("value").is_string());
}

TEST(AQuality, HasAWord) {
  EXPECT_STREQ(to_string(Quality::good), "good");
  EXPECT_STREQ(to_string(Quality::uncertain), "uncertain");
  EXPECT_STREQ(to_string(Quality::bad), "bad");
}

}  // namespace
}  // namespace tidegate
