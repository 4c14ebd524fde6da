// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/version.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(AVersionOfMosquitto, IsReadFromWhatTheProgramSays) {
  EXPECT_EQ(parse_version("mosquitto version 2.0.11\n\nmosquitto is an MQTT v5.0/v3.1.1/v3.1 broker.\n"),
            (Version{2, 0, 11}));
  EXPECT_EQ(parse_version("warning: x\nmosquitto version 2.1.0rc2\n"), (Version{2, 1, 0}));
  EXPECT_EQ(parse_version("2.0.21"), (Version{2, 0, 21}));
}

TEST(AVersionOfMosquitto, IsUnknownWhenTheProgramSaysSomethingElse) {
  for (const char* text : {"", "mosquitto version ", "mosquitto version 2.0", "mosquitto version 2..1", "x 2.0.1",
                           "mosquitto version -1.0.0", "99999999999.0.0", "Error: Unknown option '-h'."}) {
    EXPECT_FALSE(parse_version(text)) << text;
  }
}

TEST(AVersionOfMosquitto, IsKnownForItsDefectsUntilTheyAreMended) {
  EXPECT_THAT(known_defects({1, 6, 15}), SizeIs(2));
  EXPECT_THAT(known_defects({2, 0, 11}), ElementsAre(HasSubstr("mosquitto#2609")));
  EXPECT_THAT(known_defects({2, 0, 14}), SizeIs(1));
  EXPECT_THAT(known_defects({2, 0, 15}), IsEmpty());
  EXPECT_THAT(known_defects({2, 0, 16}), SizeIs(2));
  EXPECT_THAT(known_defects({2, 0, 17}), ElementsAre(HasSubstr("2.0.18 and later are without it")));
  EXPECT_THAT(known_defects({2, 0, 21}), IsEmpty());
  EXPECT_THAT(known_defects({2, 1, 2}), IsEmpty());
}

}  // namespace
}  // namespace tidegate::broker
