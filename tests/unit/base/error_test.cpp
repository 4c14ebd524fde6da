// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate {
namespace {

TEST(ASystemError, SaysWhatFailedAndWhy) {
  const SystemError error(ENOENT, "cannot open /nowhere");
  EXPECT_STREQ(error.what(), "cannot open /nowhere: No such file or directory");
  EXPECT_EQ(error.code(), ENOENT);
}

TEST(AnExitStatus, FollowsSysexits) {
  EXPECT_EQ(exit_status(ConfigError("x")), Exit::config);
  EXPECT_EQ(exit_status(TopicError("x")), Exit::usage);
  EXPECT_EQ(exit_status(PayloadError("x")), Exit::usage);
  EXPECT_EQ(exit_status(UnavailableError("x")), Exit::unavailable);
  EXPECT_EQ(exit_status(SystemError(ENOENT, "x")), Exit::no_input);
  EXPECT_EQ(exit_status(SystemError(EACCES, "x")), Exit::permission);
  EXPECT_EQ(exit_status(SystemError(EPERM, "x")), Exit::permission);
  EXPECT_EQ(exit_status(SystemError(EIO, "x")), Exit::os_error);
  EXPECT_EQ(exit_status(Error("x")), Exit::failure);
  EXPECT_EQ(exit_status(std::logic_error("x")), Exit::failure);
}

TEST(AnExitStatus, HasTheNumberThatScriptsKnow) {
  EXPECT_EQ(static_cast<int>(Exit::ok), 0);
  EXPECT_EQ(static_cast<int>(Exit::timeout), 27);
  EXPECT_EQ(static_cast<int>(Exit::usage), 64);
  EXPECT_EQ(static_cast<int>(Exit::no_input), 66);
  EXPECT_EQ(static_cast<int>(Exit::unavailable), 69);
  EXPECT_EQ(static_cast<int>(Exit::os_error), 71);
  EXPECT_EQ(static_cast<int>(Exit::permission), 77);
  EXPECT_EQ(static_cast<int>(Exit::config), 78);
}

TEST(EveryErrorOfOurs, IsCaughtAsTheRoot) {
  EXPECT_THROW(throw ConfigError("x"), Error);
  EXPECT_THROW(throw TopicError("x"), Error);
  EXPECT_THROW(throw PayloadError("x"), Error);
  EXPECT_THROW(throw UnavailableError("x"), Error);
  EXPECT_THROW(throw SystemError(EIO, "x"), Error);
}

}  // namespace
}  // namespace tidegate
