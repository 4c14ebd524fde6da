// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/total_file.hpp"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "support/scratch_folder.hpp"

namespace tidegate::plugins::gpio {
namespace {

class ATotalFile : public testing::Test {
 protected:
  test::ScratchFolder scratch;
  const std::filesystem::path path = scratch.path() / "meter.total";

  [[nodiscard]] std::string bytes() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void overwrite(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
};

TEST_F(ATotalFile, BeginsWithNothingAndKeepsTheLastTotal) {
  {
    TotalFile file(path);
    EXPECT_EQ(file.total(), 0U);
    for (const std::uint64_t total : {1ULL, 2ULL, 18'446'744'073'709'551'615ULL, 7ULL}) file.set(total);
    file.sync();
  }
  EXPECT_EQ(TotalFile(path).total(), 7U) << "it may be set back";
}

TEST_F(ATotalFile, HasTheTotalBeforeWhenAWriteWasTornAnywhere) {
  std::string whole;
  {
    TotalFile file(path);
    file.set(1000);
    file.set(1001);
    const auto before = bytes();
    file.set(1002);
    whole = bytes();
    ASSERT_EQ(before.size(), 1024U);
    ASSERT_EQ(whole.size(), 1024U);
    // The third write went to the second slot. At each length of it that reached the disk:
    for (std::size_t length = 0; length <= 512; ++length) {
      auto torn = before;
      torn.replace(512, length, whole, 512, length);
      overwrite(torn);
      const auto total = TotalFile(path).total();
      EXPECT_TRUE(total == 1001 || total == 1002) << "after " << length << " bytes: " << total;
    }
  }
  overwrite(whole);
  EXPECT_EQ(TotalFile(path).total(), 1002U);
}

TEST_F(ATotalFile, TakesAFileOfGarbageForAnEmptyOneAndWorks) {
  for (const std::string& garbage :
       {std::string(1024, '\0'), std::string("hello world\n"), std::string(5000, 'x'), std::string("1 2 zz\n")}) {
    overwrite(garbage);
    TotalFile file(path);
    EXPECT_EQ(file.total(), 0U);
    file.set(5);
    EXPECT_EQ(TotalFile(path).total(), 5U);
  }
}

TEST_F(ATotalFile, SaysWhichFileItCannotOpen) {
  try {
    TotalFile file(scratch.path() / "none" / "meter.total");
    FAIL() << "it was opened";
  } catch (const SystemError& error) {
    EXPECT_NE(std::string(error.what()).find("meter.total"), std::string::npos);
  }
}

}  // namespace
}  // namespace tidegate::plugins::gpio
