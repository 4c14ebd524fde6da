// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/output.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_clock.hpp"

namespace tidegate::automation {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class AnOutput : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> kept(std::uint64_t after = 0, std::size_t most = 10'000) const {
    std::vector<std::string> texts;
    for (const auto& line : output.tail(after, most)) texts.push_back(line.text);
    return texts;
  }

  test::FakeClock clock;
  std::vector<std::string> shown;
  Output output{clock, [this](const std::string& line) { shown.push_back(line); }};
};

TEST_F(AnOutput, IsCutIntoLinesHoweverItComes) {
  output.add("one\ntw");
  EXPECT_THAT(shown, ElementsAre("one"));
  output.add("o\r\n\nthree");
  output.end();
  EXPECT_THAT(shown, ElementsAre("one", "two", "", "three"));
  EXPECT_EQ(kept(), shown);
}

TEST_F(AnOutput, ShowsNothingThatIsNoText) {
  output.add(
      "21 \xc2\xb0"
      "C \xff \x1b[31m\n");
  EXPECT_THAT(shown, ElementsAre("21 °C \\xff \\u001b[31m"));
}

TEST_F(AnOutput, CutsALineThatIsTooLong) {
  for (int n = 0; n < 100; ++n) output.add(std::string(100, 'x'));
  output.add("\nnext\n");
  EXPECT_THAT(shown, ElementsAre(std::string(Output::longest_line, 'x') + "…", "next"));
}

TEST_F(AnOutput, LeavesOutWhatComesTooFastAndSaysHowMuch) {
  std::string flood;
  for (int n = 0; n < 2000; ++n) flood += "again\n";
  output.add(flood);
  EXPECT_EQ(shown.size(), static_cast<std::size_t>(Output::burst));
  clock.advance(1s);
  output.add("quiet\n");
  EXPECT_EQ(shown[shown.size() - 2], "(1500 lines were left out: it writes more than 100 a second)");
  EXPECT_EQ(shown.back(), "quiet");
  clock.advance(10s);
  output.add(flood);
  output.end();
  EXPECT_EQ(shown.back(), "(1500 lines were left out: it writes more than 100 a second)");
}

TEST_F(AnOutput, KeepsTheLastLinesWithinItsBounds) {
  for (int n = 1; n <= 3000; ++n) {
    output.add(std::to_string(n) + "\n");
    clock.advance(100ms);
  }
  EXPECT_EQ(kept().size(), Output::most_lines);
  EXPECT_EQ(kept().front(), "2001");
  EXPECT_THAT(kept(0, 2), ElementsAre("2999", "3000"));
  EXPECT_THAT(kept(2998), ElementsAre("2999", "3000"));
  EXPECT_TRUE(kept(3000).empty());
  for (int n = 0; n < 200; ++n) {
    output.add(std::string(4000, 'x') + "\n");
    clock.advance(100ms);
  }
  EXPECT_EQ(kept().size(), Output::most_bytes / 4000);
}

TEST_F(AnOutput, KeepsNotesBetweenItsLinesWithoutShowingThem) {
  output.add("one\n");
  output.note("-- it ended");
  output.add("two\n");
  EXPECT_THAT(shown, ElementsAre("one", "two"));
  EXPECT_THAT(kept(), ElementsAre("one", "-- it ended", "two"));
}

}  // namespace
}  // namespace tidegate::automation
