// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/colour.hpp"

#include <gtest/gtest.h>

namespace tidegate::plugins::gpio {
namespace {

TEST(AColour, IsANameOfCssWhateverItsCase) {
  EXPECT_EQ(parse_colour("RED"), (Colour{255, 0, 0}));
  EXPECT_EQ(parse_colour("green"), (Colour{0, 128, 0})) << "as CSS has it; lime is the full one";
  EXPECT_EQ(parse_colour("lime"), (Colour{0, 255, 0}));
  EXPECT_EQ(parse_colour("RebeccaPurple"), (Colour{0x66, 0x33, 0x99}));
  EXPECT_EQ(parse_colour("aliceblue"), (Colour{0xf0, 0xf8, 0xff})) << "the first of the table";
  EXPECT_EQ(parse_colour("yellowgreen"), (Colour{0x9a, 0xcd, 0x32})) << "the last";
  EXPECT_EQ(parse_colour("lightgrey"), parse_colour("lightgray"));
}

TEST(AColour, IsHexadecimalOrThreeNumbers) {
  EXPECT_EQ(parse_colour("#102030"), (Colour{16, 32, 48}));
  EXPECT_EQ(parse_colour("#FFcc00"), (Colour{255, 204, 0}));
  EXPECT_EQ(parse_colour("#f0a"), (Colour{255, 0, 170}));
  EXPECT_EQ(parse_colour("1,2,255"), (Colour{1, 2, 255}));
  EXPECT_EQ(parse_colour(" 1, 2 ,3 "), (Colour{1, 2, 3}));
}

TEST(AColour, IsNothingElse) {
  for (const auto* text : {"", "#", "#12", "#12345", "#1234567", "#ggg", "#-12345", "1,2", "1,2,3,4", "256,0,0",
                           "-1,0,0", "1,,2", "redd", "re", "0", "rgb(1,2,3)"})
    EXPECT_EQ(parse_colour(text), std::nullopt) << text;
}

TEST(AColour, ReadsBackFromItsText) {
  EXPECT_EQ(to_string(Colour{0, 171, 255}), "#00abff");
  EXPECT_EQ(parse_colour(to_string(Colour{9, 0, 200})), (Colour{9, 0, 200}));
}

}  // namespace
}  // namespace tidegate::plugins::gpio
