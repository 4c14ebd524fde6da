// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/health.hpp"

#include <gtest/gtest.h>

namespace tidegate::gateway {
namespace {

TEST(Health, TellsOfChangesOnly) {
  int changes = 0;
  Health health([&] { ++changes; });
  health.set("upstream cloud", "");
  EXPECT_EQ(changes, 0);
  health.set("upstream cloud", "refused");
  health.set("upstream cloud", "refused");
  EXPECT_EQ(changes, 1);
  health.set("upstream cloud", "no route");
  EXPECT_EQ(changes, 2);
  EXPECT_FALSE(health.ok());
  EXPECT_EQ(health.json().dump(), R"({"ok":false,"problems":[{"what":"upstream cloud","why":"no route"}]})");
  health.set("upstream cloud", "");
  EXPECT_EQ(changes, 3);
  EXPECT_EQ(health.json().dump(), R"({"ok":true,"problems":[]})");
}

}  // namespace
}  // namespace tidegate::gateway
