// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "vm/promise.hpp"

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate::vm {
namespace {

TEST(APromise, ComesBackFromItsLine) {
  const Promise none;
  EXPECT_EQ(Promise::parse(none.line()), none);
  const Promise some{3, 100, 140, 130, 90, 70, {80, 85}, {{92, 93}, {101, 101}}};
  EXPECT_EQ(some.line(), "state 3 100 140 130 90 70 held 80,85 gone 92-93,101-101");
  EXPECT_EQ(Promise::parse(some.line()), some);
}

TEST(APromise, KeepsWhatIsDurableButWhatWasAcknowledgedOrGoneBefore) {
  const Promise promise{3, 100, 140, 130, 90, 70, {80, 85}, {{92, 93}, {101, 101}}};
  for (const auto kept : {80, 85, 91, 94, 100, 102, 130}) EXPECT_TRUE(promise.keeps(kept)) << kept;
  for (const auto other : {70, 79, 90, 92, 93, 101, 131, 140}) EXPECT_FALSE(promise.keeps(other)) << other;
}

TEST(APromise, IsNotReadFromAnythingElse) {
  for (const auto* line : {"", "state", "state 1 2 3", "verdict {}", "state 1 2 3 4 5 6 held - gon"}) {
    EXPECT_THROW(static_cast<void>(Promise::parse(line)), PayloadError) << line;
  }
}

}  // namespace
}  // namespace tidegate::vm
