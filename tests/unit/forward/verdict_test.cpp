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

}  // namespace
}  // namespace tidegate::forward
