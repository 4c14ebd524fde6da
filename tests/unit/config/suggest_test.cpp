// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/suggest.hpp"

#include <gtest/gtest.h>

namespace tidegate::config {

TEST(TheClosestWord, IsTheOneWithTheFewestMistakes) {
  const std::vector<std::string> words{"id", "base", "state", "runtime", "stop_timeout"};
  EXPECT_EQ(closest("stop_timeot", words), "stop_timeout");
  EXPECT_EQ(closest("stat", words), "state");
  EXPECT_EQ(closest("Base", words), "base");
  EXPECT_EQ(closest("di", words), "id");  // a swap is one mistake
}

TEST(TheClosestWord, IsNoneWhenNothingIsNear) {
  EXPECT_EQ(closest("colour", {"id", "base"}), "");
  EXPECT_EQ(closest("xy", {"id"}), "");
  EXPECT_EQ(closest("anything", {}), "");
  EXPECT_EQ(closest(std::string(100'000, 'a'), {std::string(60, 'a')}), "");
}

}  // namespace tidegate::config
