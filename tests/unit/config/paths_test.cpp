// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/paths.hpp"

#include <gtest/gtest.h>

#include "loading.hpp"

namespace tidegate::config {
namespace {

using test::Folder;
using test::Variable;

TEST(TheStateFolder, IsTheFirstThatSystemdNames) {
  const Variable state("STATE_DIRECTORY", "/var/lib/one:/var/lib/two");
  EXPECT_EQ(default_state(), "/var/lib/one");
}

TEST(TheRuntimeFolder, IsTheOneThatSystemdNames) {
  const Variable runtime("RUNTIME_DIRECTORY", "/run/one");
  EXPECT_EQ(default_runtime(), "/run/one");
}

TEST(TheFoldersOfRoot, AreTheSystems) {
  if (::geteuid() != 0) GTEST_SKIP() << "runs as root only; TheFoldersOfAUser takes its place";
  const Variable state("STATE_DIRECTORY", nullptr);
  const Variable runtime("RUNTIME_DIRECTORY", nullptr);
  EXPECT_EQ(default_state(), "/var/lib/tidegate");
  EXPECT_EQ(default_runtime(), "/run/tidegate");
}

/// What a user would see, in a child that gives up root.
template <class Check>
void as_user(Check check) {
  EXPECT_EXIT(
      {
        if (::geteuid() == 0 && ::setuid(65534) != 0) std::_Exit(3);
        std::_Exit(check() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(TheFoldersOfAUser, FollowXdg) {
  const Variable state("STATE_DIRECTORY", nullptr);
  const Variable runtime("RUNTIME_DIRECTORY", nullptr);
  const Variable home("HOME", "/home/anna");
  {
    const Variable xdg_state("XDG_STATE_HOME", nullptr);
    const Variable xdg_runtime("XDG_RUNTIME_DIR", nullptr);
    as_user([] { return default_state() == "/home/anna/.local/state/tidegate"; });
    as_user([] { return default_runtime() == "/tmp/tidegate-" + std::to_string(::geteuid()); });
  }
  const Variable xdg_state("XDG_STATE_HOME", "/x/state");
  const Variable xdg_runtime("XDG_RUNTIME_DIR", "/run/user/7");
  as_user([] { return default_state() == "/x/state/tidegate"; });
  as_user([] { return default_runtime() == "/run/user/7/tidegate"; });
}

TEST(TheDefaultFile, IsInTheFolderThatSystemdNamesAndNowhereElse) {
  const Folder folder;
  const Variable variable("CONFIGURATION_DIRECTORY", folder.path().c_str());
  EXPECT_EQ(default_file(), std::nullopt);
  const auto file = folder.write("tidegate.toml", "");
  EXPECT_EQ(default_file(), file);
}

TEST(TheDefaultFileOfAUser, IsInTheirConfigurationFolder) {
  const Folder folder;
  const Variable variable("CONFIGURATION_DIRECTORY", nullptr);
  const Variable xdg("XDG_CONFIG_HOME", folder.path().c_str());
  const auto file = folder.write("tidegate/tidegate.toml", "", 0644);
  ::chmod(folder.path().c_str(), 0755);
  as_user([&] { return default_file() == file; });
}

TEST(AHostName, BecomesOneLevelOfATopic) {
  EXPECT_EQ(level_from("pi"), "pi");
  EXPECT_EQ(level_from("pi.local"), "pi.local");
  EXPECT_EQ(level_from("a/b+c#d $"), "a-b-c-d--");
  EXPECT_EQ(level_from("gr\xc3\xbcn"), "gr--n");
  EXPECT_EQ(level_from(""), "gateway");
  EXPECT_NO_THROW(check_topic(default_id()));
}

}  // namespace
}  // namespace tidegate::config
