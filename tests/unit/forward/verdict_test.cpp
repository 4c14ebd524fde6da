// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/verdict.hpp"

#include <gtest/gtest.h>

namespace tidegate::forward {
namespace {

TEST(ARefusal, ParksOnRightsDeadLettersWhatCanNeverPassAndRetriesTheRest) {
  EXPECT_EQ(verdict(0x87), Verdict::park);
  for (const std::uint8_t code : {0x81, 0x82, 0x90, 0x95, 0x99, 0x9A, 0x9B})
    EXPECT_EQ(verdict(code), Verdict::dead_letter);
  for (const std::uint8_t code : {0x80, 0x83, 0x91, 0x92, 0x97, 0xFF}) EXPECT_EQ(verdict(code), Verdict::retry);
}

TEST(TheEndOfAConnection, IsBlamedOnAMessageWhenTheServerSaysSo) {
  for (const int code : {0x81, 0x82, 0x90, 0x95, 0x99, 0x9A, 0x9B}) EXPECT_EQ(blame({"", code}), Blame::named) << code;
}

TEST(TheEndOfAConnection, IsNotBlamedOnAMessageWhenThereIsAnotherReason) {
  for (const int code : {0x89, 0x8B, 0x8D, 0x8E, 0x93, 0x96, 0x97, 0x98, 0x9C, 0x9D, 0x9F, 0xA0})
    EXPECT_EQ(blame({"", code}), Blame::none) << code;
  EXPECT_EQ(blame({"no progress", 0, false, true}), Blame::none);
  EXPECT_EQ(blame({"no progress", 0x95, false, true}), Blame::none);
}

TEST(TheEndOfAConnection, MayBeBlamedOnAMessageWhenThereIsNoReason) {
  for (const int code : {0x00, 0x80, 0x83, 0x87}) EXPECT_EQ(blame({"", code}), Blame::perhaps) << code;
}

}  // namespace
}  // namespace tidegate::forward
