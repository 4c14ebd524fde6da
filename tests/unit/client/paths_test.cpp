// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/paths.hpp>

namespace tidegate {
namespace {

class TheLocalBrokerUrl : public testing::Test {
 protected:
  TheLocalBrokerUrl() : folder_(make_folder()) {
    ::unsetenv("TIDEGATE_BROKER");
    ::setenv("RUNTIME_DIRECTORY", folder_.c_str(), 1);
  }
  ~TheLocalBrokerUrl() override {
    ::unsetenv("TIDEGATE_BROKER");
    ::unsetenv("RUNTIME_DIRECTORY");
    std::filesystem::remove_all(folder_);
  }
  static std::filesystem::path make_folder() {
    std::string name = testing::TempDir() + "tidegate-paths-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw SystemError(errno, name);
    return name;
  }
  const std::filesystem::path folder_;
};

TEST_F(TheLocalBrokerUrl, IsTheEnvironmentsFirst) {
  std::ofstream(folder_ / "broker.url") << "mqtt://127.0.0.1:2\n";
  ::setenv("TIDEGATE_BROKER", "mqtt://127.0.0.1:1", 1);
  EXPECT_EQ(local_broker_url(), "mqtt://127.0.0.1:1");
}

TEST_F(TheLocalBrokerUrl, IsTheFirstLineOfTheRunningGatewaysFile) {
  std::ofstream(folder_ / "broker.url") << "mqtt://127.0.0.1:2\n";
  EXPECT_EQ(local_broker_url(), "mqtt://127.0.0.1:2");
}

TEST_F(TheLocalBrokerUrl, IsUnavailableWithTheNamesOfThePlacesWhenThereIsNone) {
  if (std::filesystem::exists("/run/tidegate/broker.url")) GTEST_SKIP() << "a gateway of the system's is running";
  try {
    (void)local_broker_url();
    FAIL();
  } catch (const UnavailableError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr((folder_ / "broker.url").string()));
    EXPECT_THAT(error.what(), testing::HasSubstr("TIDEGATE_BROKER"));
  }
}

TEST_F(TheLocalBrokerUrl, IsNotTakenFromAFileOfAStranger) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  std::ofstream(folder_ / "broker.url") << "mqtt://127.0.0.1:6666\n";
  ASSERT_EQ(::chown((folder_ / "broker.url").c_str(), 65534, 65534), 0);
  ::setenv("TIDEGATE_BROKER", "", 1);
  std::string found;
  try {
    found = local_broker_url();
  } catch (const UnavailableError&) {
  }
  EXPECT_NE(found, "mqtt://127.0.0.1:6666");
}

/// A folder of its own in /run that belongs to a user who is not root, with the file that the user put there.
class TheLocalBrokerUrlOfAService : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root makes folders in /run";
    folder_ = "/run/tidegate-paths-" + std::to_string(::getpid());
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ / "broker.url") << "mqtt://127.0.0.1:7\n";
    for (const auto& path : {folder_, folder_ / "broker.url"}) ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ = "/nowhere";
};

TEST_F(TheLocalBrokerUrlOfAService, IsTheOneThatTheOwnerOfTheFolderWrote) {
  EXPECT_EQ(local_broker_url(folder_), "mqtt://127.0.0.1:7");
}

TEST_F(TheLocalBrokerUrlOfAService, IsNotTakenWhereOthersCanWrite) {
  std::filesystem::permissions(folder_, std::filesystem::perms::all);
  EXPECT_THROW((void)local_broker_url(folder_), UnavailableError);
}

TEST_F(TheLocalBrokerUrl, OfOneGatewayIsInItsRuntimeFolderAloneWhateverTheEnvironmentSays) {
  ::setenv("TIDEGATE_BROKER", "mqtt://127.0.0.1:1", 1);
  EXPECT_THROW((void)local_broker_url(folder_), UnavailableError);
  std::ofstream(folder_ / "broker.url") << "mqtt://127.0.0.1:1884\n";
  EXPECT_EQ(local_broker_url(folder_), "mqtt://127.0.0.1:1884");
}

TEST_F(TheLocalBrokerUrl, IsLookedForInTheFirstOfSeveralRuntimeFolders) {
  ::setenv("RUNTIME_DIRECTORY", (folder_.string() + ":/run/other").c_str(), 1);
  EXPECT_EQ(runtime_folder(), folder_);
}

}  // namespace
}  // namespace tidegate
