// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"
#include "support/scratch_folder.hpp"

namespace tidegate::test {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << "cannot read " << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

/// Lines that are neither empty nor comments, sorted.
std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> kept;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.front() != '#') kept.push_back(line);
  }
  std::ranges::sort(kept);
  return kept;
}

/// What a context has seen, in the words of an expected file.
std::vector<std::string> seen(const RecordingContext& context, const std::string& root) {
  std::string text;
  for (const auto& [name, reading, options] : context.records) {
    text += fmt::format("{} {}{}{}", name, to_text(reading.value), reading.unit.empty() ? "" : " ", reading.unit);
    text += reading.quality == Quality::good ? "\n" : fmt::format(" ({})\n", to_string(reading.quality));
  }
  for (const auto& [what, why] : context.faults)
    text += fmt::format("fault {}: {}\n", what, replaced(why, root, "@root@"));
  return lines(text);
}

/// The interval of a configuration, as all cases write it.
std::chrono::milliseconds interval_of(const std::string& text) {
  const std::string before = "interval = \"";
  return std::chrono::milliseconds(std::stoi(text.substr(text.find(before) + before.size())));
}

/// Leaves what came first of each name: where the machine stood still for an interval, the next round has followed at
/// once, and the loop does both in one turn of the test's.
void keep_one_round(std::vector<RecordingContext::Record>& records, long rounds_at_most) {
  std::map<std::string, long> times;
  std::erase_if(records, [&](const auto& record) {
    const long before = times[record.name]++;
    return before > 0 && before < rounds_at_most;
  });
}

std::vector<fs::path> all_cases() {
  std::vector<fs::path> cases;
  for (const auto& plugin : fs::directory_iterator(fs::path(TIDEGATE_SOURCE_DIR) / "tests/cases")) {
    if (!plugin.is_directory()) continue;
    for (const auto& entry : fs::directory_iterator(plugin.path())) {
      if (entry.is_directory()) cases.push_back(entry.path());
    }
  }
  std::ranges::sort(cases);
  return cases;
}

class ACase : public testing::TestWithParam<fs::path> {};

TEST_P(ACase, EmitsExactlyWhatIsExpectedOfEachTurn) {
  const fs::path folder = GetParam();
  const std::string name = folder.parent_path().filename().string();
  const PluginInfo* info = plugin(name);
  if (info == nullptr) GTEST_SKIP() << "the plugin " << name << " is not built in";

  const ScratchFolder scratch;
  const fs::path root = scratch.path() / "root";
  const std::string text = read(folder / "config.toml");
  const PluginBlock block(name, replaced(text, "@root@", root.string()), (folder / "config.toml").string());
  StillClock clock;
  RecordingContext context(clock);
  const std::unique_ptr<Plugin> input = info->make(context, block.block());
  ASSERT_EQ(block.complaints(), "");

  int turn = 1;
  for (; fs::exists(folder / std::to_string(turn)); ++turn) {
    SCOPED_TRACE(fmt::format("turn {}", turn));
    fs::remove(root);
    fs::create_directory_symlink(folder / std::to_string(turn), root);
    context.records.clear();
    if (turn == 1) {
      input->start();
    } else {
      clock.advance(std::chrono::seconds(10));
      const auto begun = machine_clock().boot();
      ASSERT_TRUE(context.turn_until([&] { return !context.records.empty(); })) << "no reading came";
      keep_one_round(context.records, (machine_clock().boot() - begun) / interval_of(text));
    }
    EXPECT_THAT(seen(context, root.string()),
                testing::ElementsAreArray(lines(read(folder / fmt::format("expected.{}", turn)))));
    for (const auto& record : context.records) EXPECT_EQ(record.reading.taken, clock.wall()) << record.name;
  }
  input->stop();
  EXPECT_GT(turn, 1) << "the case has no turn";
}

INSTANTIATE_TEST_SUITE_P(Of, ACase, testing::ValuesIn(all_cases()), [](const auto& one) {
  std::string name = one.param.parent_path().filename().string() + '_' + one.param.filename().string();
  std::ranges::replace_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

}  // namespace
}  // namespace tidegate::test
