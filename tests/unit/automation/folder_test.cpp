// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/folder.hpp"

#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scratch_folder.hpp"

namespace tidegate::automation {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(AScript, IsAPythonFileThatNoEditorIsAboutToReplace) {
  for (const char* file : {"clock.py", "my clock.py", "x.y.py", "4.py"}) EXPECT_TRUE(is_script(file)) << file;
  for (const char* file : {"clock.py~", ".clock.py.swp", ".#clock.py", "#clock.py#", "_common.py", "__init__.py",
                           ".hidden.py", ".py", "4913", "clock.pyc", "clock.txt", "", "a\nb.py"}) {
    EXPECT_FALSE(is_script(file)) << file;
  }
}

class AFolder : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text = "x") { std::ofstream(path / name) << text; }
  /// The next time that something has changed.
  std::set<std::string> next() {
    while (seen.size() == taken) {
      if (!loop.run_once(10s)) break;
    }
    return taken < seen.size() ? seen[taken++] : std::set<std::string>{};
  }
  void watch() {
    folder.emplace(loop, path, [this](const std::set<std::string>& files) { seen.push_back(files); });
  }

  test::ScratchFolder scratch;
  fs::path path = scratch.path() / "automations";
  Loop loop;
  std::vector<std::set<std::string>> seen;
  std::size_t taken = 0;
  std::optional<Folder> folder;
};

TEST_F(AFolder, TellsWhatIsThereAtFirst) {
  fs::create_directories(path / "folder.py");
  write("b.py");
  write("a.py");
  write("notes.txt");
  EXPECT_THAT(scripts_in(path), ElementsAre("a.py", "b.py"));
  watch();
  EXPECT_THAT(next(), ElementsAre("a.py", "b.py"));
}

TEST_F(AFolder, TellsWhatIsWrittenReplacedAndRemoved) {
  fs::create_directory(path);
  write("a.py");
  watch();
  EXPECT_THAT(next(), ElementsAre("a.py"));
  write("b.py");
  EXPECT_THAT(next(), ElementsAre("b.py"));
  write(".a.py.tmp");
  fs::rename(path / ".a.py.tmp", path / "a.py");
  EXPECT_THAT(next(), ElementsAre("a.py"));
  fs::remove(path / "b.py");
  EXPECT_THAT(next(), ElementsAre("b.py"));
  fs::rename(path / "a.py", path / "c.py");
  EXPECT_THAT(next(), ElementsAre("a.py", "c.py"));
}

TEST_F(AFolder, TellsOnceWhatAnEditorDoesInManySteps) {
  fs::create_directory(path);
  write("a.py");
  watch();
  next();
  // As Vim with a backup.
  write("4913");
  fs::remove(path / "4913");
  fs::rename(path / "a.py", path / "a.py~");
  write("a.py", "new");
  fs::remove(path / "a.py~");
  EXPECT_THAT(next(), ElementsAre("a.py"));
  write("end.py");
  EXPECT_THAT(next(), ElementsAre("end.py"));
}

TEST_F(AFolder, IsWaitedForAndMayGoAndComeBack) {
  watch();
  loop.run_once(100ms);
  EXPECT_THAT(seen, IsEmpty());
  fs::create_directory(path);
  write("a.py");
  EXPECT_THAT(next(), ElementsAre("a.py"));
  fs::rename(path, scratch.path() / "elsewhere");
  EXPECT_THAT(next(), ElementsAre("a.py"));
  fs::create_directory(path);
  write("b.py");
  EXPECT_THAT(next(), ElementsAre("b.py"));
}

}  // namespace
}  // namespace tidegate::automation
