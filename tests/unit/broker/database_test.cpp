// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/database.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate::broker {
namespace {

namespace fs = std::filesystem;

std::string network(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string head(std::uint32_t version = 6) {
  return std::string("\0\xb5\0mosquitto db", 15) + network(0) + network(version);
}

std::string chunk(std::uint32_t kind, const std::string& text) {
  return network(kind) + network(static_cast<std::uint32_t>(text.size())) + text;
}

class ADatabase : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidegate-database-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    file = folder / "mosquitto.db";
  }
  void TearDown() override { fs::remove_all(folder); }
  [[nodiscard]] Database with(const std::string& bytes) const {
    std::ofstream(file, std::ios::binary) << bytes;
    return look_at(file);
  }
  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] fs::path aside(int n) const { return file.string() + ".aside." + std::to_string(n); }

  const std::string good = head() + chunk(1, std::string(16, 'c')) + chunk(2, std::string(300, 'm')) + chunk(4, "r");
  fs::path folder, file;
};

TEST_F(ADatabase, IsSoundWhenEveryChunkIsWhereTheLastOneEnds) {
  EXPECT_EQ(look_at(file), Database::absent);
  EXPECT_EQ(with(good), Database::sound);
  EXPECT_EQ(with(head(5)), Database::sound);
}

TEST_F(ADatabase, IsLeftToMosquittoWhenItsVersionIsAnother) {
  EXPECT_EQ(with(head(4) + "?"), Database::sound);
  EXPECT_EQ(with(head(7) + "?"), Database::sound);
}

TEST_F(ADatabase, IsUnreadableWithoutItsMagic) {
  EXPECT_EQ(with(""), Database::unreadable);
  EXPECT_EQ(with(std::string(4096, '\0')), Database::unreadable);
  EXPECT_EQ(with("SQLite format 3"), Database::unreadable);
  EXPECT_EQ(with(head().substr(0, 14)), Database::unreadable);
}

TEST_F(ADatabase, IsDamagedWhereverItIsCutInTheMiddleOfAChunk) {
  std::size_t whole = 0;
  for (std::size_t size = 15; size < good.size(); ++size) {
    if (with(good.substr(0, size)) == Database::sound) {
      ++whole;
    } else {
      EXPECT_EQ(look_at(file), Database::damaged) << size;
    }
  }
  EXPECT_EQ(whole, 3U) << "after the head and the first two chunks";
}

TEST_F(ADatabase, IsDamagedByPagesOfNulAndByWhatFollowsIt) {
  std::string nul = good;
  nul.replace(40, 64, 64, '\0');
  EXPECT_EQ(with(nul), Database::damaged);
  EXPECT_EQ(with(good + std::string(512, '\0')), Database::damaged);
  EXPECT_EQ(with(good + "garbage"), Database::damaged);
}

TEST_F(ADatabase, IsSetAsideUnderANewNumberAndOnlyTheLastThreeStay) {
  for (int n = 1; n <= 12; ++n) {
    static_cast<void>(with(std::to_string(n)));
    EXPECT_EQ(set_aside(file), aside(n));
    EXPECT_FALSE(fs::exists(file));
  }
  for (int n = 1; n <= 12; ++n) EXPECT_EQ(read(aside(n)), n < 10 ? "" : std::to_string(n)) << n;
}

TEST_F(ADatabase, IsKeptAsideOnceAndStays) {
  static_cast<void>(with("damaged"));
  EXPECT_EQ(keep_aside(file), aside(1));
  EXPECT_EQ(keep_aside(file), aside(1));
  EXPECT_EQ(read(file), "damaged");
  EXPECT_EQ(set_aside(file), aside(1));
  EXPECT_FALSE(fs::exists(file));
  static_cast<void>(with("another"));
  EXPECT_EQ(keep_aside(file), aside(2));
  EXPECT_EQ(read(aside(1)), "damaged");
}

TEST_F(ADatabase, SaysWhenItCannotBeSetAside) {
  EXPECT_THROW(static_cast<void>(set_aside(file)), SystemError);
}

}  // namespace
}  // namespace tidegate::broker
