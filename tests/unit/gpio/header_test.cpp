// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/header.hpp"

#include <set>

#include <gtest/gtest.h>

namespace {

using namespace tidegate::gpio;

TEST(Header, EveryPlaceIsALineOrPowerAndEveryLineHasOnePlace) {
  std::set<unsigned> lines;
  for (unsigned place = 1; place <= header_places; ++place) {
    const auto gpio = header_gpio(place);
    EXPECT_NE(gpio.has_value(), !header_power(place).empty()) << place;
    if (!gpio) continue;
    EXPECT_EQ(header_place(*gpio), place);
    EXPECT_TRUE(lines.insert(*gpio).second) << place;
  }
  EXPECT_EQ(lines.size(), 28U);
  EXPECT_EQ(*lines.rbegin(), 27U);
}

TEST(Header, WhatIsNotOnItHasNoPlace) {
  EXPECT_FALSE(header_gpio(0) || header_gpio(41) || header_place(28));
  EXPECT_EQ(header_power(0), "");
  EXPECT_EQ(header_power(41), "");
  EXPECT_EQ(header_power(1), "3.3 V");
  EXPECT_EQ(header_power(2), "5 V");
  EXPECT_EQ(header_power(39), "ground");
}

TEST(Header, OnlyTheChipsOfAPiLeadToIt) {
  for (const char* label : {"pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"}) EXPECT_TRUE(leads_to_header(label));
  for (const char* label : {"raspberrypi-exp-gpio", "gpio-brcmstb@107d508500", "mcp23017", ""}) {
    EXPECT_FALSE(leads_to_header(label)) << label;
  }
}

}  // namespace
