// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/quantity.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate::config {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

template <class Parse>
std::string refusal(Parse parse, std::string_view text) {
  try {
    static_cast<void>(parse(text));
    return {};
  } catch (const ConfigError& error) {
    return error.what();
  }
}

std::string no_duration(std::string_view text) {
  return refusal([](auto given) { return parse_duration(given); }, text);
}
std::string no_size(std::string_view text) {
  return refusal([](auto given) { return parse_size(given); }, text);
}

TEST(ADuration, IsANumberWithAUnit) {
  EXPECT_EQ(parse_duration("50ms"), 50ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("31d"), 31 * 24h);
  EXPECT_EQ(parse_duration("1w"), 7 * 24h);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("7 d"), 7 * 24h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("20us"), 20us);
  EXPECT_EQ(parse_duration("3ns"), 3ns);
}

TEST(ADurationWithoutAUnit, IsAskedWhetherTheUsualOneWasMeant) {
  EXPECT_THAT(no_duration("5"), HasSubstr("has no unit; did you mean \"5s\"?"));
  EXPECT_THAT(refusal([](auto text) { return parse_duration(text, "d"); }, "5"), HasSubstr("did you mean \"5d\"?"));
}

TEST(ADurationWithAnUnknownUnit, IsAskedWhichWasMeant) {
  EXPECT_THAT(no_duration("5sec"), HasSubstr("did you mean \"5s\"?"));
  EXPECT_THAT(no_duration("5 minutes"), HasSubstr("did you mean \"5m\"?"));
  EXPECT_THAT(no_duration("5MS"), HasSubstr("did you mean \"5ms\"?"));
  EXPECT_THAT(no_duration("5parsecs"), HasSubstr("the units are ns us ms s m h d w"));
}

TEST(WhatIsNoDuration, IsRefused) {
  for (const auto* text :
       {"", "s", "ten seconds", "-5s", "+5s", "1.2.3s", ".", "1e3s", "0x10s", "5s5s", "nan", "inf s"}) {
    EXPECT_NE(no_duration(text), "") << text;
  }
}

TEST(ADurationBeyond292Years, IsTooLargeAndDoesNotOverflow) {
  EXPECT_THAT(no_duration("300000d"), HasSubstr("too large"));
  EXPECT_THAT(no_duration("99999999999999999999999s"), HasSubstr("too large"));
  EXPECT_THAT(no_duration("9999999999999999999999.5d"), HasSubstr("too large"));
  EXPECT_EQ(parse_duration("9223372036854775807ns"), std::chrono::nanoseconds::max());
}

TEST(ASize, IsANumberWithAUnit) {
  EXPECT_EQ(parse_size("100B"), 100u);
  EXPECT_EQ(parse_size("10kB"), 10'000u);
  EXPECT_EQ(parse_size("64KiB"), 65'536u);
  EXPECT_EQ(parse_size("512MiB"), 512u << 20);
  EXPECT_EQ(parse_size("1.5GiB"), 3ull << 29);
  EXPECT_EQ(parse_size("2TB"), 2'000'000'000'000u);
}

TEST(ASizeWithoutAKnownUnit, IsAskedWhichWasMeant) {
  EXPECT_THAT(no_size("512"), HasSubstr("did you mean \"512MiB\"?"));
  EXPECT_THAT(no_size("512M"), HasSubstr("did you mean \"512MiB\"?"));
  EXPECT_THAT(no_size("512mib"), HasSubstr("did you mean \"512MiB\"?"));
  EXPECT_THAT(no_size("10KB"), HasSubstr("did you mean \"10kB\"?"));
  EXPECT_THAT(no_size("10s"), HasSubstr("the units are B kB KiB MB MiB GB GiB TB TiB"));
  EXPECT_THAT(no_size("99999999999TiB"), HasSubstr("too large"));
}

TEST(ARate, IsMessagesOrBytesInATime) {
  EXPECT_EQ(parse_rate("20/s"), (Rate{20, 0}));
  EXPECT_EQ(parse_rate("1/15s"), (Rate{1.0 / 15, 0}));
  EXPECT_EQ(parse_rate("30/m"), (Rate{0.5, 0}));
  EXPECT_EQ(parse_rate("64KiB/s"), (Rate{0, 65'536}));
  EXPECT_EQ(parse_rate("100MB/d"), (Rate{0, 1e8 / 86'400}));
  EXPECT_EQ(parse_rate("0.5/s"), (Rate{0.5, 0}));
}

TEST(WhatIsNoRate, IsRefusedWithAnExample) {
  for (const auto* wrong :
       {"", "20", "/s", "20/", "fast/s", "-1/s", "0/s", "0KiB/s", "20/0s", "20/s/s", "20/fortnight"}) {
    EXPECT_THROW(static_cast<void>(parse_rate(wrong)), ConfigError) << wrong;
  }
  try {
    static_cast<void>(parse_rate("20"));
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"1/15s\""));
  }
}

TEST(AQuantityShown, ReadsBackAsTheSame) {
  for (const std::chrono::nanoseconds duration : {0ns, 1ns, 50'000'000ns, 10'000'000'000ns, 90'000'000'000ns}) {
    EXPECT_EQ(parse_duration(show_duration(duration)), duration);
  }
  for (const std::uint64_t size : {0ull, 1ull, 1000ull, 65'536ull, 512ull << 20, 3ull << 40}) {
    EXPECT_EQ(parse_size(show_size(size)), size);
  }
  EXPECT_EQ(show_duration(31 * 24h), "31d");
  EXPECT_EQ(show_duration(50ms), "50ms");
  EXPECT_EQ(show_size(512ull << 20), "512MiB");
  EXPECT_EQ(show_size(0), "0B");
  EXPECT_EQ(unit_of("31d"), "d");
}

}  // namespace
}  // namespace tidegate::config
