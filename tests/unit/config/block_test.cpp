// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/block.hpp>

#include "loading.hpp"

namespace tidegate::config::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A plugin's table with these lines; the first is line 2.
class ABlock : public testing::Test {
 protected:
  Block of(const std::string& lines) {
    config_ = read("[null]\n" + lines);
    return block(*config_);
  }
  std::string complaints() const { return joined(block(*config_).complaints()); }

 private:
  std::optional<Config> config_;
};

TEST_F(ABlock, ReadsEachType) {
  const auto b = of(R"(on = true
count = -3
ratio = 0.5
whole = 2
word = "low"
text = "grün"
every = "1.5s"
room = "64KiB"
names = ["a", "b"]
topic = "a/b"
filters = ["a/#", "+/b"]
inner.deep = 1
[[null.item]]
n = 1
[[null.item]]
n = 2
)");
  EXPECT_TRUE(b.boolean("on", false));
  EXPECT_EQ(b.integer("count", 0, -5, 5), -3);
  EXPECT_EQ(b.number("ratio", 0, 0, 1), 0.5);
  EXPECT_EQ(b.number("whole", 0, 0, 10), 2.0);
  EXPECT_EQ(b.word("word", "high", {"low", "high"}), "low");
  EXPECT_EQ(b.text("text", ""), "grün");
  EXPECT_EQ(b.required_text("text"), "grün");
  EXPECT_EQ(b.duration("every", {}), 1500ms);
  EXPECT_EQ(b.size("room", 0), 65536u);
  EXPECT_THAT(b.texts("names"), ElementsAre("a", "b"));
  EXPECT_EQ(b.topic("topic", ""), "a/b");
  EXPECT_THAT(b.filters("filters"), ElementsAre("a/#", "+/b"));
  EXPECT_EQ(b.table("inner").integer("deep", 0, 0, 9), 1);
  const auto items = b.tables("item");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].integer("n", 0, 0, 9), 1);
  EXPECT_EQ(items[1].integer("n", 0, 0, 9), 2);
  EXPECT_TRUE(b.has("on"));
  EXPECT_FALSE(b.has("off"));
  b.finish();
  EXPECT_EQ(complaints(), "");
}

TEST_F(ABlock, TellsTheKindsOfItsValuesApart) {
  const auto b =
      of("on = true\ncount = 3\nratio = 0.5\ntext = \"x\"\nlist = [1]\ntable = { a = 1 }\nday = 1979-05-27\n");
  EXPECT_EQ(b.kind("on"), Kind::boolean);
  EXPECT_EQ(b.kind("count"), Kind::number);
  EXPECT_EQ(b.kind("ratio"), Kind::number);
  EXPECT_EQ(b.kind("text"), Kind::text);
  EXPECT_EQ(b.kind("list"), Kind::list);
  EXPECT_EQ(b.kind("table"), Kind::table);
  EXPECT_EQ(b.kind("day"), Kind::other);
  EXPECT_EQ(b.kind("none"), Kind::absent);
  EXPECT_THAT(b.keys(), ElementsAre("count", "day", "list", "on", "ratio", "table", "text"));
  EXPECT_EQ(complaints(), "");
}

TEST_F(ABlock, ReadsPairsOfNumbers) {
  const auto b = of("good = [[0, 0.25], [100.5, -99]]\nfew = [[1, 2]]\nnone = []\n");
  EXPECT_THAT(b.pairs("good", 2), ElementsAre(std::pair(0.0, 0.25), std::pair(100.5, -99.0)));
  EXPECT_THAT(b.pairs("absent", 2), IsEmpty());
  EXPECT_THAT(b.pairs("none"), IsEmpty());
  EXPECT_EQ(complaints(), "");
  EXPECT_THAT(b.pairs("few", 2), IsEmpty());
  EXPECT_THAT(b.pairs("none", 2), IsEmpty());
  EXPECT_EQ(complaints(),
            R"(t.toml:3:1: [null] few: has 1 pairs of numbers; it needs at least 2, like [[0, 0.2], [100, 99.1]]
t.toml:4:1: [null] none: has 0 pairs of numbers; it needs at least 2, like [[0, 0.2], [100, 99.1]])");
}

TEST_F(ABlock, TakesNothingElseForPairsOfNumbers) {
  const auto b = of("a = 1\nb = [[1, 2], 3]\nc = [[1, 2], [3]]\nd = [[1, \"2\"]]\ne = [[1, nan]]\n");
  for (const auto* key : {"a", "b", "c", "d", "e"}) EXPECT_THAT(b.pairs(key), IsEmpty()) << key;
  EXPECT_EQ(
      complaints(),
      R"(t.toml:2:1: [null] a: expected a list of pairs of numbers, like [[0, 0.2], [100, 99.1]], found the integer 1
t.toml:3:14: [null] b: expected a pair of numbers, like [0, 0.2], found the integer 3
t.toml:4:14: [null] c: expected a pair of numbers, like [0, 0.2], found another list
t.toml:5:6: [null] d: expected a pair of numbers, like [0, 0.2], found another list
t.toml:6:6: [null] e: expected a pair of numbers, like [0, 0.2], found another list)");
}

TEST_F(ABlock, GivesTheFallbackOfWhatIsAbsent) {
  const auto b = of("");
  EXPECT_TRUE(b.boolean("a", true));
  EXPECT_EQ(b.integer("b", 7, 0, 1), 7);
  EXPECT_EQ(b.number("c", 7, 0, 1), 7);
  EXPECT_EQ(b.text("d", "x"), "x");
  EXPECT_EQ(b.word("e", "x", {"y"}), "x");
  EXPECT_EQ(b.duration("f", 3s, 5s), 3s);
  EXPECT_EQ(b.size("g", 3), 3u);
  EXPECT_THAT(b.texts("h", {"x"}), ElementsAre("x"));
  EXPECT_EQ(b.topic("i", ""), "");
  EXPECT_THAT(b.filters("j"), IsEmpty());
  EXPECT_EQ(b.path("k", "x"), "x");
  EXPECT_EQ(b.secret("l"), std::nullopt);
  EXPECT_THAT(b.tables("m"), IsEmpty());
  EXPECT_FALSE(b.has("n"));
  EXPECT_EQ(b.table("n").integer("x", 4, 0, 9), 4);
  b.finish();
  EXPECT_EQ(complaints(), "");
}

TEST_F(ABlock, SaysWhatItFoundAndWhatItExpected) {
  const auto b = of(R"(on = "yes"
count = 1.5
ratio = "half"
word = 5
text = 5
every = true
room = ["1KiB"]
names = "a"
some = ["a", 2]
topic = 1979-05-27
filters = "a/#"
inner = 1
item = { n = 1 }
)");
  EXPECT_FALSE(b.boolean("on", false));
  EXPECT_EQ(b.integer("count", 1, 0, 5), 1);
  EXPECT_EQ(b.number("ratio", 1, 0, 5), 1);
  EXPECT_EQ(b.word("word", "5", {"5", "3.1.1"}), "5");
  EXPECT_EQ(b.text("text", "x"), "x");
  EXPECT_EQ(b.duration("every", 1s), 1s);
  EXPECT_EQ(b.size("room", 1), 1u);
  EXPECT_THAT(b.texts("names"), IsEmpty());
  EXPECT_THAT(b.texts("some"), ElementsAre("a"));
  EXPECT_EQ(b.topic("topic", "x"), "x");
  EXPECT_THAT(b.filters("filters"), IsEmpty());
  EXPECT_FALSE(b.table("inner").has("x"));
  EXPECT_THAT(b.tables("item"), IsEmpty());
  b.finish();
  EXPECT_EQ(complaints(), R"(t.toml:2:1: [null] on: expected true or false, found the string "yes"
t.toml:3:1: [null] count: expected an integer, found the number 1.5
t.toml:4:1: [null] ratio: expected a number, found the string "half"
t.toml:5:1: [null] word: expected one of "5", "3.1.1", found the integer 5
t.toml:6:8: [null] text: expected a string in quotes, found the integer 5
t.toml:7:1: [null] every: expected a duration in quotes, like "10s", found true
t.toml:8:1: [null] room: expected a size in quotes, like "64MiB", found a list
t.toml:9:1: [null] names: expected a list of strings, like ["one", "two"], found the string "a"
t.toml:10:14: [null] some: expected a string in quotes, found the integer 2
t.toml:11:1: [null] topic: expected a topic in quotes, found a date or time
t.toml:12:1: [null] filters: expected a list of topic filters, like ["a/#", "b/+"], found the string "a/#"
t.toml:13:1: [null] inner: expected one table, [null.inner], found the integer 1
t.toml:14:1: [null] item: expected entries of a list, [[null.item]], found a table)");
}

TEST_F(ABlock, AsksForTheUnitThatIsUsualBesideTheDefault) {
  const auto b = of("every = 5\nwait = 20\nkeep = 7\nroom = 64\nratio = 1.5\nminus = -5\n");
  EXPECT_EQ(b.duration("every", 10s), 10s);
  EXPECT_EQ(b.duration("wait", 50ms), 50ms);
  EXPECT_EQ(b.duration("keep", 31 * 24h), 31 * 24h);
  EXPECT_EQ(b.size("room", 512u << 20), 512u << 20);
  EXPECT_EQ(b.duration("ratio", 10s), 10s);
  EXPECT_EQ(b.duration("minus", 10s), 10s);
  EXPECT_EQ(complaints(), R"(t.toml:2:1: [null] every: 5 has no unit; did you mean "5s"?
t.toml:3:1: [null] wait: 20 has no unit; did you mean "20ms"?
t.toml:4:1: [null] keep: 7 has no unit; did you mean "7d"?
t.toml:5:1: [null] room: 64 has no unit; did you mean "64MiB"?
t.toml:6:1: [null] ratio: 1.5 has no unit; did you mean "1.5s"?
t.toml:7:1: [null] minus: -5 is negative, and has no unit; expected a duration in quotes, like "10s")");
}

TEST_F(ABlock, KeepsValuesInTheirRange) {
  const auto b = of("count = 9\nratio = nan\nlong = \"2h\"\nshort = \"1ms\"\nroom = \"1B\"\n");
  EXPECT_EQ(b.integer("count", 1, 0, 5), 1);
  EXPECT_EQ(b.number("ratio", 1, 0, 5), 1);
  EXPECT_EQ(b.duration("long", 1s, 0s, 1h), 1s);
  EXPECT_EQ(b.duration("short", 1s, 10ms), 1s);
  EXPECT_EQ(b.size("room", 100, 64, 1024), 100u);
  EXPECT_EQ(complaints(), R"(t.toml:2:1: [null] count: 9 is out of range; it goes from 0 to 5
t.toml:3:1: [null] ratio: nan is out of range; it goes from 0 to 5
t.toml:4:1: [null] long: "2h" is too much; the most is 1h
t.toml:5:1: [null] short: "1ms" is too little; the least is 10ms
t.toml:6:1: [null] room: "1B" is too little; the least is 64B)");
}

TEST_F(ABlock, ComplainsAboutKeysThatNobodyAskedForAndSaysWhichWasMeant) {
  const auto b = of("intervall = \"1s\"\ncolour = 1\n[null.net]\ninclud = 1\n[[null.item]]\nname = 1\nx = 1\n");
  static_cast<void>(b.duration("interval", 1s));
  static_cast<void>(b.table("net").has("include"));
  for (const auto& item : b.tables("item")) static_cast<void>(item.has("name"));
  b.finish();
  EXPECT_EQ(complaints(), R"(t.toml:2:1: [null] "intervall": unknown key; did you mean "interval"?
t.toml:3:1: [null] "colour": unknown key; known here: interval, item, net
t.toml:5:1: [null.net] "includ": unknown key; did you mean "include"?
t.toml:8:1: [[null.item]] "x": unknown key; known here: name)");
}

TEST_F(ABlock, SaysEachThingOnceHoweverOftenItIsRead) {
  const auto b = of("count = true\nx = 1\n");
  const auto copy = b;
  for (int turn = 0; turn < 3; ++turn) {
    static_cast<void>(b.integer("count", 0, 0, 1));
    static_cast<void>(copy.table("inner").boolean("y", true));
    copy.finish();
    b.finish();
  }
  EXPECT_EQ(b.complaints().size(), 2u);
}

TEST_F(ABlock, NeedsWhatIsRequired) {
  const auto b = of("empty = \"\"\n");
  EXPECT_EQ(b.required_text("name"), "");
  EXPECT_EQ(b.required_text("empty"), "");
  EXPECT_EQ(complaints(), R"(t.toml:1:1: [null]: has no name; add name = "…"
t.toml:2:1: [null] empty: is empty; put something between the quotes)");
}

TEST_F(ABlock, ListsTheWordsAndSaysWhichWasMeant) {
  const auto b = of("when = \"drop-odlest\"\n");
  EXPECT_EQ(b.word("when", "reject", {"drop-oldest", "reject"}), "reject");
  EXPECT_EQ(
      complaints(),
      R"(t.toml:2:1: [null] when: the string "drop-odlest" is not one of "drop-oldest", "reject"; did you mean "drop-oldest"?)");
}

TEST_F(ABlock, ChecksTopicsAndFiltersElementByElement) {
  const auto b = of("topic = \"a/+\"\nnul = \"a\\u0000b\"\nfilters = [\"a/b\", \"a/#/b\", \"\", \"c+\", 4]\n");
  EXPECT_EQ(b.topic("topic", "x"), "x");
  EXPECT_EQ(b.topic("nul", "x"), "x");
  EXPECT_THAT(b.filters("filters"), ElementsAre("a/b"));
  const auto all = complaints();
  EXPECT_THAT(all, HasSubstr("t.toml:2:1: [null] topic: "));
  EXPECT_THAT(all, HasSubstr("t.toml:3:1: [null] nul: "));
  EXPECT_THAT(all, HasSubstr("t.toml:4:19: [null] filters: "));
  EXPECT_THAT(all, HasSubstr("t.toml:4:28: [null] filters: "));
  EXPECT_THAT(all, HasSubstr("t.toml:4:32: [null] filters: "));
  EXPECT_THAT(all, HasSubstr("t.toml:4:38: [null] filters: expected a string in quotes, found the integer 4"));
}

TEST_F(ABlock, TakesNoNulInAnyText) {
  const auto b = of("text = \"a\\u0000b\"\nnames = [\"\\u0000\"]\n");
  EXPECT_EQ(b.text("text", "x"), "x");
  EXPECT_THAT(b.texts("names"), IsEmpty());
  EXPECT_THAT(complaints(), HasSubstr("t.toml:2:8: [null] text: has a NUL character"));
}

TEST_F(ABlock, ShowsValuesOnOneLineAndCutsLongOnes) {
  const auto b = of("on = \"a\\nb\\u001b[2J" + std::string(200, 'x') + "\"\n");
  EXPECT_FALSE(b.boolean("on", false));
  EXPECT_THAT(complaints(), HasSubstr("a?b?[2Jx"));
  EXPECT_LT(complaints().size(), 150u);
}

TEST_F(ABlock, KnowsItsPlaces) {
  const auto b = of("x = 1\n[null.inner]\ny = 1\n[[null.item]]\nz = 1\n");
  EXPECT_EQ(b.where(), "t.toml:1:1");
  EXPECT_EQ(b.where("x"), "t.toml:2:1");
  EXPECT_EQ(b.where("absent"), "t.toml:1:1");
  EXPECT_EQ(b.table("inner").where("y"), "t.toml:4:1");
  EXPECT_EQ(b.tables("item").at(0).where(), "t.toml:5:1");
}

TEST_F(ABlock, TakesComplaintsOfItsReader) {
  const auto b = of("x = 1\n");
  b.complain("x", "is odd");
  b.complain({}, "is odd as a whole");
  EXPECT_EQ(complaints(), "t.toml:1:1: [null]: is odd as a whole\nt.toml:2:1: [null] x: is odd");
}

TEST(APath, IsTakenFromTheFolderOfItsOwnFile) {
  const Folder folder;
  const auto file = folder.write("t.toml", "[null]\none = \"a/../b\"\ntwo = \"/c\"\n");
  folder.write("conf.d/x.toml", "[null]\nthree = \"d\"\n");
  const auto config = load(file, plugins);
  const auto b = block(config);
  EXPECT_EQ(b.path("one"), folder.path() / "b");
  EXPECT_EQ(b.path("two"), "/c");
  EXPECT_EQ(b.path("three"), folder.path() / "conf.d" / "d");
}

}  // namespace
}  // namespace tidegate::config::test
