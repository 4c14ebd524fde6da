// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loading.hpp"

// Reading and merging files, seen from outside: load().

namespace tidegate::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

std::vector<std::string> names(const Config& config) {
  std::vector<std::string> result;
  for (const auto& upstream : config.upstreams) result.push_back(upstream.name + "=" + upstream.servers.at(0));
  return result;
}

std::string upstream(const std::string& name, const std::string& host) {
  return "[[upstream]]\nname = \"" + name + "\"\nservers = [\"mqtt://" + host + "\"]\n";
}

TEST(MalformedToml, IsAComplaintWithItsPlaceAndAMend) {
  EXPECT_THAT(complaints("[gateway\nid = 1\n"),
              MatchesRegex("t.toml:1:9: not valid TOML: .*; a table is written .name.*"));
  EXPECT_THAT(complaints("[gateway]\nid = \n"), MatchesRegex("t.toml:2:6: not valid TOML: .*"));
  EXPECT_THAT(complaints("[gateway]\nid = \"abc\n"), MatchesRegex("t.toml:2:10: not valid TOML: .*close the quote.*"));
  EXPECT_THAT(complaints("[gateway]\nid = \"a\"\nid = \"b\"\n"), MatchesRegex("t.toml:3:.*may be written once.*"));
  EXPECT_THAT(complaints("[sysstat]\ninterval = 5s\n"),
              MatchesRegex("t.toml:2:13: not valid TOML: .*stand in quotes.*"));
  EXPECT_THAT(complaints("[gateway]\nid = greenhouse\n"), MatchesRegex("t.toml:2:.*stand in quotes.*"));
}

TEST(InvalidUtf8, IsAComplaintWithItsPlace) {
  EXPECT_THAT(complaints("[gateway]\nid = \"\xff\xfe\"\n"), MatchesRegex("t.toml:2:6: .*save the file as UTF-8"));
  EXPECT_THAT(complaints(std::string_view("[gateway]\nid = \"a\0b\"\n", 21)), MatchesRegex("t.toml:2:.*"));
  EXPECT_EQ(complaints("\xef\xbb\xbf[gateway]\nid = \"a\"\n"), "");  // a byte order mark is none of our business
}

TEST(KeysThatNestWithoutEnd, AreRefusedBeforeTheyEatTheStack) {
  std::string text = "a";
  for (int level = 0; level < 400'000; ++level) text += ".a";
  EXPECT_THAT(complaints("\n" + text + " = 1\n"), HasSubstr("t.toml:2:1: more than 100 dots in a row"));
  EXPECT_THAT(complaints("x = " + std::string(100'000, '[')), HasSubstr("not valid TOML"));
}

TEST(AFileOverTheCap, IsRefused) {
  const Folder folder;
  const auto file = folder.write("t.toml", "# " + std::string(1 << 20, 'x'));
  EXPECT_THAT(load_complaints(file), HasSubstr("t.toml:1:1: the file is larger than 1048576 bytes"));
  folder.write("t.toml", "#" + std::string((1 << 20) - 1, 'x'));
  EXPECT_EQ(load_complaints(file), "");
}

TEST(AFileThatIsNotThere, IsASystemErrorThatNamesIt) {
  const Folder folder;
  try {
    static_cast<void>(load(folder.path() / "gone.toml", plugins));
    FAIL() << "it loaded";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.code(), ENOENT);
    EXPECT_EQ(exit_status(error), Exit::no_input);
    EXPECT_THAT(error.what(), HasSubstr("cannot read the configuration " + (folder.path() / "gone.toml").string()));
    EXPECT_THAT(error.what(), HasSubstr("name a file that exists"));
  }
}

TEST(AFileThatCannotBeRead, IsASystemErrorThatNamesItAndSaysHowToMendIt) {
  const Folder folder;
  const auto code = [&](const std::filesystem::path& file) {
    try {
      static_cast<void>(load(file, plugins));
      return 0;
    } catch (const SystemError& error) {
      EXPECT_THAT(error.what(), HasSubstr(file.string()));
      return error.code();
    }
  };
  EXPECT_EQ(code(folder.path()), EISDIR);
  const auto file = folder.write("t.toml", "");
  std::filesystem::create_directory(folder.path() / "conf.d");
  std::filesystem::create_directory(folder.path() / "conf.d" / "x.toml");
  try {
    static_cast<void>(load(file, plugins));
    FAIL() << "it loaded";
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(), HasSubstr((folder.path() / "conf.d" / "x.toml").string()));
  }
}

TEST(AFileThatThisUserMayNotRead, LeadsToExit77) {
  const Folder folder;
  const auto file = folder.write("t.toml", "", 0600);
  ::chmod(folder.path().c_str(), 0755);
  if (::geteuid() != 0) ::chmod(file.c_str(), 0);  // root reads everything, so a child becomes somebody else below
  EXPECT_EXIT(
      {
        if (::geteuid() == 0 && ::setuid(65534) != 0) std::_Exit(3);
        try {
          static_cast<void>(load(file, plugins));
          std::_Exit(0);
        } catch (const std::exception& error) {
          std::fputs(error.what(), stderr);
          std::_Exit(static_cast<int>(exit_status(error)));
        }
      },
      testing::ExitedWithCode(77), "let this user read it");
}

TEST(DropIns, AreReadInLexicalOrderAndOnlyIfTheyEndInToml) {
  const Folder folder;
  const auto file = folder.write("t.toml", "[gateway]\nid = \"main\"\n");
  folder.write("conf.d/20-b.toml", "[gateway]\nid = \"b\"\n");
  folder.write("conf.d/10-a.toml", "[gateway]\nid = \"a\"\nbase = \"x\"\n");
  folder.write("conf.d/30-c.toml.bak", "[gateway]\nid = \"c\"\n");
  folder.write("conf.d/.hidden.toml", "[gateway]\nid = \"d\"\n");
  const auto config = load(file, plugins);
  EXPECT_EQ(config.gateway.id, "b");
  EXPECT_EQ(config.gateway.base, "x");
  EXPECT_THAT(config.files, ElementsAre(file, folder.path() / "conf.d/10-a.toml", folder.path() / "conf.d/20-b.toml"));
}

TEST(TablesOfSeveralFiles, MergeKeyByKey) {
  const Folder folder;
  const auto file =
      folder.write("t.toml", "[gateway]\nid = \"main\"\nbase = \"x\"\n[sysstat]\nnet.include = [\"a\"]\nnet.x = 1\n");
  folder.write("conf.d/a.toml", "[gateway]\nbase = \"y\"\n[broker]\nport = 0\n[sysstat.net]\ninclude = [\"b\"]\n");
  const auto config = load(file, plugins);
  EXPECT_EQ(config.gateway.id, "main");
  EXPECT_EQ(config.gateway.base, "y");
  EXPECT_EQ(config.broker.port, 0);
  const auto net = config.plugins.at(0).block.table("net");
  EXPECT_THAT(net.texts("include"), ElementsAre("b"));
  EXPECT_EQ(net.integer("x", 0, 0, 9), 1);
}

TEST(EntriesOfSeveralFiles, AppendUnlessOneHasTheSameName) {
  const Folder folder;
  const auto file = folder.write("t.toml", upstream("one", "a") + upstream("two", "b"));
  folder.write("conf.d/a.toml", upstream("three", "c") + upstream("one", "d"));
  folder.write("conf.d/b.toml", upstream("three", "e"));
  EXPECT_THAT(names(load(file, plugins)), ElementsAre("one=mqtt://d:1883", "two=mqtt://b:1883", "three=mqtt://e:1883"));
}

TEST(AnEntryThatReplaces, LeavesNothingOfTheOldOne) {
  const Folder folder;
  const auto file = folder.write("t.toml", upstream("one", "a") + "qos = 2\n[[upstream.forward]]\ntopics = [\"x\"]\n");
  folder.write("conf.d/a.toml", upstream("one", "b"));
  const auto config = load(file, plugins);
  EXPECT_EQ(config.upstreams.at(0).qos, Qos::at_least_once);
  EXPECT_TRUE(config.upstreams.at(0).forwards.empty());
}

TEST(EntriesInsideATable, MergeByNameToo) {
  const Folder folder;
  const auto file = folder.write(
      "t.toml", "[[gpio.input]]\nname = \"door\"\nline = \"A\"\n[[gpio.input]]\nname = \"gate\"\nline = \"B\"\n");
  folder.write("conf.d/a.toml", "[[gpio.input]]\nname = \"gate\"\nline = \"C\"\n[[gpio.output]]\nname = \"lamp\"\n");
  const auto config = load(file, plugins);
  const auto gpio = config.plugins.at(0).block;
  const auto inputs = gpio.tables("input");
  ASSERT_EQ(inputs.size(), 2u);
  EXPECT_EQ(inputs[1].text("line", ""), "C");
  EXPECT_EQ(gpio.tables("output").size(), 1u);
}

TEST(ANameThatStandsTwiceInOneFile, IsAMistakeAndNoReplacement) {
  const Folder folder;
  const auto file = folder.write("t.toml", upstream("one", "a"));
  folder.write("conf.d/a.toml", upstream("one", "b") + upstream("one", "c"));
  EXPECT_THAT(load_complaints(file),
              HasSubstr("conf.d/a.toml:5:1: [[upstream]] name: there is an upstream \"one\" at " +
                        (folder.path() / "conf.d/a.toml").string() + ":1:1 already"));
}

TEST(WhatIsWrittenAsATableInOneFileAndAsAListInAnother, IsAComplaint) {
  const Folder folder;
  const auto file = folder.write("t.toml", upstream("one", "a") + "[gpio]\nx = 1\n");
  const auto drop_in = folder.write("conf.d/a.toml", "[upstream]\nname = \"one\"\n[[gpio]]\nx = 1\n");
  const auto what = load_complaints(file);
  EXPECT_THAT(what, HasSubstr(drop_in.string() + ":1:1: upstream is a table here, but a list of tables at " +
                              file.string() + ":1:1; write it the same way in both files"));
  EXPECT_THAT(what, HasSubstr(drop_in.string() + ":3:1: gpio is a list of tables here"));
}

TEST(AComplaintAboutAMergedValue, NamesTheFileThatItCameFrom) {
  const Folder folder;
  const auto file =
      folder.write("t.toml", "[gateway]\nid = 1\nbase = \"x\"\nfoo = 1\n" + upstream("one", "a") + "qos = 9\n");
  const auto a = folder.write("conf.d/a.toml", "\n[gateway]\n\n  base = 2\nbar = 1\n[sysstt]\n");
  const auto b = folder.write("conf.d/b.toml",
                              "\n\n" + upstream("two", "b") + "window = 0\n" + upstream("one", "c") + "qos = 8\n");
  const auto f = file.string();
  EXPECT_EQ(load_complaints(file),
            f + ":2:1: [gateway] id: expected a topic in quotes, found the integer 1\n" +  //
                f +
                ":4:1: [gateway] \"foo\": unknown key; known here: base, id, log_level, payload_cap, runtime, state, "
                "stop_timeout\n" +
                a.string() + ":4:3: [gateway] base: expected a topic in quotes, found the integer 2\n" +  //
                a.string() +
                ":5:1: [gateway] \"bar\": unknown key; known here: base, id, log_level, payload_cap, runtime, state, "
                "stop_timeout\n" +  //
                a.string() +
                ":6:1: [sysstt]: unknown table; did you mean \"sysstat\"?\n" +                            //
                b.string() + ":6:1: [[upstream]] window: 0 is out of range; it goes from 1 to 65535\n" +  //
                b.string() + ":10:1: [[upstream]] qos: 8 is out of range; it goes from 0 to 2");
}

TEST(MalformedFiles, AreAllNamedAtOnce) {
  const Folder folder;
  const auto file = folder.write("t.toml", "[gateway\n");
  const auto a = folder.write("conf.d/a.toml", "x =\n");
  folder.write("conf.d/b.toml", "[gateway]\nid = 1\n");
  const auto what = load_complaints(file);
  EXPECT_THAT(what, HasSubstr(file.string() + ":1:9: not valid TOML"));
  EXPECT_THAT(what, HasSubstr("\n" + a.string() + ":1:4: not valid TOML"));
}

}  // namespace
}  // namespace tidegate::config::test
