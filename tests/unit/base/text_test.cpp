// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <gtest/gtest.h>

namespace tidegate {
namespace {

TEST(AText, KeepsItsLetters) {
  EXPECT_EQ(harmless("Grüße, 21 °C ☀"), "Grüße, 21 °C ☀");
  EXPECT_TRUE(is_text("Grüße ☀ 🌊"));
}

TEST(AText, CannotPlayWithTheTerminal) {
  EXPECT_EQ(harmless("\x1b[2Jgone\r\n\ttab\x7f"), "\\u001b[2Jgone\\u000d\\n\\ttab\\u007f");
  EXPECT_EQ(harmless("\xe2\x80\xae"
                     "abc"),
            "\\u202eabc")
      << "turns the direction of what follows";
}

TEST(BytesThatAreNoUtf8, AreEscapedOneByOne) {
  EXPECT_EQ(harmless("a\xff\xc3"), "a\\xff\\xc3");
  EXPECT_EQ(harmless("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half a pair";
  EXPECT_FALSE(is_text("\xc0\x80")) << "longer than it need be";
  EXPECT_FALSE(is_text("a\xff"));
}

}  // namespace
}  // namespace tidegate
