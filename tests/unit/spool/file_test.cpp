// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/file.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <tidegate/error.hpp>

#include "unit/spool/temporary_folder.hpp"

namespace tidegate::spool {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;
using Open = Disk::Open;

void write(File& file, std::uint64_t offset, const std::string& text) {
  file.write(offset, std::as_bytes(std::span(text)));
}

std::string read(const File& file, std::uint64_t offset, std::size_t size) {
  std::string text(size, '?');
  text.resize(file.read(offset, std::as_writable_bytes(std::span(text))));
  return text;
}

unsigned mode(const std::filesystem::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

/// The SystemError of a call: its code, and its text in what.
int code_of(const std::function<void()>& call, std::string* what = nullptr) {
  try {
    call();
  } catch (const SystemError& error) {
    if (what != nullptr) *what = error.what();
    return error.code();
  }
  return 0;
}

TEST(AFile, ReturnsAtEveryOffsetWhatWasWrittenThere) {
  const TemporaryFolder folder;
  const auto file = machine_disk().open(folder.path() / "a", Open::create);
  write(*file, 0, "hello world");
  write(*file, 6, std::string("\0\xff", 2));
  EXPECT_EQ(read(*file, 0, 11), std::string("hello \0\xffrld", 11));
  EXPECT_EQ(read(*file, 8, 2), "rl");
  EXPECT_EQ(file->size(), 11U);
}

TEST(AFile, ReturnsFewerBytesOnlyAtItsEnd) {
  const TemporaryFolder folder;
  const auto file = machine_disk().open(folder.path() / "a", Open::create);
  write(*file, 0, "12345");
  EXPECT_EQ(read(*file, 3, 100), "45");
  EXPECT_EQ(read(*file, 5, 100), "");
  EXPECT_EQ(read(*file, 500, 100), "");
}

TEST(AFile, FillsAGapWithZeros) {
  const TemporaryFolder folder;
  const auto file = machine_disk().open(folder.path() / "a", Open::create);
  write(*file, 4, "x");
  EXPECT_EQ(read(*file, 0, 10), std::string("\0\0\0\0x", 5));
}

TEST(AFile, IsTruncatedBothWays) {
  const TemporaryFolder folder;
  const auto file = machine_disk().open(folder.path() / "a", Open::create);
  write(*file, 0, "12345");
  file->truncate(2);
  EXPECT_EQ(file->size(), 2U);
  file->truncate(4);
  EXPECT_EQ(read(*file, 0, 10), std::string("12\0\0", 4));
  file->sync();
}

TEST(AFile, IsThereWhenOpenedAgain) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  write(*machine_disk().open(path, Open::create), 0, "kept");
  EXPECT_EQ(read(*machine_disk().open(path, Open::existing), 0, 10), "kept");
  EXPECT_EQ(read(*machine_disk().open(path, Open::create), 0, 10), "kept") << "create emptied it";
}

TEST(AFile, BelongsToItsOwnerOnly) {
  const TemporaryFolder folder;
  const auto before = ::umask(0);
  static_cast<void>(machine_disk().open(folder.path() / "a", Open::create));
  machine_disk().make_folder(folder.path() / "f/g");
  ::umask(before);
  EXPECT_EQ(mode(folder.path() / "a"), 0600U);
  EXPECT_EQ(mode(folder.path() / "f"), 0700U);
  EXPECT_EQ(mode(folder.path() / "f/g"), 0700U);
}

TEST(AFile, IsNotInheritedByOtherPrograms) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  const auto file = machine_disk().open(path, Open::create);
  unsigned found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry.path(), ignored) != path) continue;
    ++found;
    EXPECT_NE(::fcntl(std::stoi(entry.path().filename().string()), F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(found, 1U);
}

TEST(AFile, NamesItselfWhenTheDiskIsFull) {
  const auto file = machine_disk().open("/dev/full", Open::existing);
  std::string what;
  EXPECT_EQ(code_of([&] { write(*file, 0, "x"); }, &what), ENOSPC);
  EXPECT_THAT(what, HasSubstr("/dev/full"));
  EXPECT_THAT(what, HasSubstr("No space left on device"));
}

TEST(AFile, GoesOnAfterAShortWriteUntilTheErrorShows) {
  const TemporaryFolder folder;
  const auto file = machine_disk().open(folder.path() / "a", Open::create);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto code = code_of([&] { write(*file, 0, std::string(4000, 'x')); });  // the kernel takes 1000 of them
  ::setrlimit(RLIMIT_FSIZE, &before);
  static_cast<void>(std::signal(SIGXFSZ, previous));
  EXPECT_EQ(code, EFBIG);
  EXPECT_EQ(file->size(), 1000U);
}

TEST(ADisk, OpensNothingWhereThereIsNothing) {
  const TemporaryFolder folder;
  EXPECT_EQ(machine_disk().open(folder.path() / "none", Open::existing), nullptr);
  EXPECT_EQ(machine_disk().open(folder.path() / "no/such", Open::existing), nullptr);
}

TEST(ADisk, NamesThePathThatItCannotOpen) {
  const TemporaryFolder folder;
  static_cast<void>(machine_disk().open(folder.path() / "a", Open::create));
  std::string what;
  const auto below_a_file = folder.path() / "a/b";
  EXPECT_EQ(code_of([&] { static_cast<void>(machine_disk().open(below_a_file, Open::create)); }, &what), ENOTDIR);
  EXPECT_THAT(what, HasSubstr(below_a_file.string()));
  EXPECT_EQ(code_of([&] { static_cast<void>(machine_disk().open(folder.path(), Open::existing)); }, &what), EISDIR);
  EXPECT_THAT(what, HasSubstr(folder.path().string()));
  EXPECT_EQ(code_of([&] { static_cast<void>(machine_disk().open(folder.path() / "n/m", Open::create)); }), ENOENT);
}

TEST(ADisk, RenamesOverWhatIsThere) {
  const TemporaryFolder folder;
  write(*machine_disk().open(folder.path() / "a", Open::create), 0, "new");
  write(*machine_disk().open(folder.path() / "b", Open::create), 0, "old");
  machine_disk().rename(folder.path() / "a", folder.path() / "b");
  EXPECT_EQ(machine_disk().list(folder.path()), std::vector<std::string>{"b"});
  EXPECT_EQ(read(*machine_disk().open(folder.path() / "b", Open::existing), 0, 10), "new");
  std::string what;
  EXPECT_EQ(code_of([&] { machine_disk().rename(folder.path() / "a", folder.path() / "c"); }, &what), ENOENT);
  EXPECT_THAT(what, HasSubstr((folder.path() / "a").string()));
}

TEST(ADisk, RemovesAFileOnce) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  static_cast<void>(machine_disk().open(path, Open::create));
  machine_disk().remove(path);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(code_of([&] { machine_disk().remove(path); }), ENOENT);
}

TEST(ADisk, MakesAFolderWithThoseAboveIt) {
  const TemporaryFolder folder;
  machine_disk().make_folder(folder.path() / "a/b/c");
  machine_disk().make_folder(folder.path() / "a/b/c");
  EXPECT_TRUE(std::filesystem::is_directory(folder.path() / "a/b/c"));
}

TEST(ADisk, MakesNoFolderWhereAFileStands) {
  const TemporaryFolder folder;
  static_cast<void>(machine_disk().open(folder.path() / "a", Open::create));
  EXPECT_EQ(code_of([&] { machine_disk().make_folder(folder.path() / "a"); }), ENOTDIR);
  EXPECT_EQ(code_of([&] { machine_disk().make_folder(folder.path() / "a/b"); }), ENOTDIR);
}

TEST(ADisk, ListsNamesInOrder) {
  const TemporaryFolder folder;
  for (const auto* name : {"c", "a", ".hidden"}) {
    static_cast<void>(machine_disk().open(folder.path() / name, Open::create));
  }
  machine_disk().make_folder(folder.path() / "b");
  EXPECT_EQ(machine_disk().list(folder.path()), (std::vector<std::string>{".hidden", "a", "b", "c"}));
  EXPECT_TRUE(machine_disk().list(folder.path() / "none").empty());
  EXPECT_TRUE(machine_disk().list(folder.path() / "a").empty());
}

TEST(ADisk, SyncsOnlyAFolderThatIsThere) {
  const TemporaryFolder folder;
  machine_disk().sync_folder(folder.path());
  std::string what;
  const auto none = folder.path() / "none";
  EXPECT_EQ(code_of([&] { machine_disk().sync_folder(none); }, &what), ENOENT);
  EXPECT_THAT(what, HasSubstr(none.string()));
}

TEST(ADisk, KnowsItsSpace) {
  const TemporaryFolder folder;
  const auto space = machine_disk().space(folder.path());
  EXPECT_GT(space.total, 0U);
  EXPECT_LE(space.free, space.total);
  EXPECT_EQ(code_of([&] { static_cast<void>(machine_disk().space(folder.path() / "none")); }), ENOENT);
}

}  // namespace
}  // namespace tidegate::spool
