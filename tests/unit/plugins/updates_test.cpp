// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/sysstat/updates.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "support/scratch_folder.hpp"

namespace tidegate::plugins {
namespace {

TEST(PendingUpdates, AreTheLinesThatInstallSomething) {
  EXPECT_EQ(count_updates(""), Updates{});
  EXPECT_EQ(count_updates("Reading package lists...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"),
            Updates{});
  EXPECT_EQ(count_updates("Inst base-files [12.4] (12.4+deb12u5 Debian:12.5/stable [amd64])\n"
                          "Inst libssl3 [3.0.11] (3.0.14 Debian-Security:12/stable-security [amd64]) []\n"
                          "Inst raspi-config [1] (2 Raspberry Pi Foundation:stable [all])\n"
                          "Inst tzdata [2024a] (2024b Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [all])\n"
                          "Conf base-files (12.4+deb12u5 Debian:12.5/stable [amd64])\n"
                          "Remv Inst [1]"),
            (Updates{.pending = 4, .security = 2}));
}

/// A root whose apt-get is a shell script.
struct AptGetTest : testing::Test {
  void says(const std::string& script) const {
    root.write("usr/bin/apt-get", "#!/bin/sh\n" + script);
    std::filesystem::permissions(root.path() / "usr/bin/apt-get", std::filesystem::perms::owner_all);
  }

  const test::ScratchFolder root;
  std::atomic<bool> stopping{false};
};

TEST_F(AptGetTest, IsAskedToSimulateAndForNothingElse) {
  says(
      "[ \"$1\" = --simulate ] && for last; do :; done && [ \"$last\" = upgrade ] && [ \"$LC_ALL\" = C ] || exit 1\n"
      "echo chatter >&2; echo 'Inst a (1 Debian-Security:12 [all])'; echo 'Inst b (1 Debian:12 [all])'\n");
  EXPECT_EQ(pending_updates(root.path(), stopping), (Updates{.pending = 2, .security = 1}));
}

TEST_F(AptGetTest, ThatFailsSaysNoNumber) {
  says("echo 'Inst a (1 Debian:12 [all])'; exit 100\n");
  try {
    static_cast<void>(pending_updates(root.path(), stopping));
    FAIL() << "a failure is a number";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("status 100"));
  }
}

TEST_F(AptGetTest, ThatHangsIsEndedWhenThePluginStops) {
  says("echo $$ > \"$(dirname \"$0\")/pid\"; exec sleep 1000\n");
  pid_t pid = 0;
  std::thread stopper([&] {
    while (!(std::ifstream(root.path() / "usr/bin/pid") >> pid))  // the file is there before its text
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stopping = true;
  });
  EXPECT_THROW(static_cast<void>(pending_updates(root.path(), stopping)), Error);
  stopper.join();
  ASSERT_GT(pid, 0);
  EXPECT_EQ(kill(pid, 0), -1) << "it still runs";
}

TEST_F(AptGetTest, ThatIsNotThereIsSaid) {
  try {
    static_cast<void>(pending_updates(root.path(), stopping));
    FAIL() << "nothing counted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("usr/bin/apt-get"), testing::HasSubstr("collect")));
  }
}

}  // namespace
}  // namespace tidegate::plugins
