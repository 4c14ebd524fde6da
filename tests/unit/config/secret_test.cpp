// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/secret.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loading.hpp"

namespace tidegate::config::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A file with one upstream whose password is written like this.
std::string upstream(const std::string& password) {
  return "[[upstream]]\nname = \"cloud\"\nservers = [\"mqtt://127.0.0.1\"]\nusername = \"anna\"\npassword = " +
         password + "\n";
}

std::optional<std::string> password(const std::filesystem::path& file) {
  return load(file, plugins).upstreams.at(0).password;
}

TEST(APasswordInTheFile, IsTakenWhenOnlyItsOwnerReadsTheFile) {
  const Folder folder;
  EXPECT_EQ(password(folder.write("t.toml", upstream("\"geheim\""), 0600)), "geheim");
  EXPECT_EQ(password(folder.write("t.toml", upstream("\"geheim\""), 0400)), "geheim");
}

TEST(APasswordInAFileThatOthersRead, IsRefusedWithTheCommandThatMendsIt) {
  const Folder folder;
  for (const mode_t mode : {0640, 0604, 0644, 0660, 0602}) {
    const auto file = folder.write("t.toml", upstream("\"geheim\""), mode);
    const auto what = load_complaints(file);
    EXPECT_THAT(what, HasSubstr(file.string() + ":5:1: [[upstream]] password: is a secret")) << std::oct << mode;
    EXPECT_THAT(what, HasSubstr("chmod 600 " + file.string()));
    EXPECT_THAT(what, Not(HasSubstr("geheim")));
  }
}

TEST(APasswordInADropIn, IsHeldToTheModeOfThatFileAlone) {
  const Folder folder;
  const auto file = folder.write("t.toml", "", 0644);
  const auto drop_in = folder.write("conf.d/cloud.toml", upstream("\"geheim\""), 0600);
  EXPECT_EQ(password(file), "geheim");
  folder.write("conf.d/cloud.toml", upstream("\"geheim\""), 0644);
  EXPECT_THAT(load_complaints(file), HasSubstr("chmod 600 " + drop_in.string()));
}

TEST(APasswordFile, IsLookedForBesideTheConfigurationAndLosesItsLastNewline) {
  const Folder folder;
  folder.write("secrets/cloud", "geheim\n", 0600);
  const auto file = folder.write("t.toml", upstream("{ file = \"secrets/cloud\" }"), 0644);
  EXPECT_EQ(password(file), "geheim");
  folder.write("secrets/cloud", " two\nlines\n\n", 0600);
  EXPECT_EQ(password(file), " two\nlines\n");
}

TEST(APasswordFileThatOthersRead, IsRefused) {
  const Folder folder;
  const auto secret = folder.write("cloud", "geheim\n", 0640);
  const auto what = load_complaints(folder.write("t.toml", upstream("{ file = \"cloud\" }"), 0644));
  EXPECT_THAT(what, HasSubstr("run: chmod 600 " + secret.string()));
  EXPECT_THAT(what, Not(HasSubstr("geheim")));
}

TEST(APasswordFileThatCannotBeRead, IsAComplaintThatNamesIt) {
  const Folder folder;
  EXPECT_THAT(load_complaints(folder.write("t.toml", upstream("{ file = \"gone\" }"))),
              HasSubstr("cannot read " + (folder.path() / "gone").string() + ": No such file or directory"));
  EXPECT_THAT(load_complaints(folder.write("t.toml", upstream("{ file = \".\" }"))), HasSubstr("Is a directory"));
  folder.write("empty", "\n");
  EXPECT_THAT(load_complaints(folder.write("t.toml", upstream("{ file = \"empty\" }"))), HasSubstr("is empty"));
  folder.write("big", std::string(70'000, 'x'));
  EXPECT_THAT(load_complaints(folder.write("t.toml", upstream("{ file = \"big\" }"))),
              HasSubstr("more than 65535 bytes"));
}

TEST(ACredential, ComesFromTheFolderThatSystemdMade) {
  const Folder folder;
  folder.write("cloud-password", "geheim\n", 0440);
  const Variable variable("CREDENTIALS_DIRECTORY", folder.path().c_str());
  EXPECT_EQ(read(upstream("{ credential = \"cloud-password\" }")).upstreams.at(0).password, "geheim");
  EXPECT_THAT(complaints(upstream("{ credential = \"other\" }")), HasSubstr("LoadCredential="));
  EXPECT_THAT(complaints(upstream("{ credential = \"../cloud-password\" }")), HasSubstr("no plain file name"));
}

TEST(ACredentialOutsideOfAUnit, IsToldHowToGiveIt) {
  const Variable variable("CREDENTIALS_DIRECTORY", nullptr);
  EXPECT_THAT(
      complaints(upstream("{ credential = \"cloud-password\" }")),
      HasSubstr(
          "t.toml:5:1: [[upstream]] password: credential \"cloud-password\" is not there: $CREDENTIALS_DIRECTORY is "
          "not set; put LoadCredential=cloud-password:/path/of/the/secret into the unit"));
}

TEST(ASecretOfTheGateway, IsLeftOutForAnotherProgramThatCannotReadIt) {
  const Variable variable("CREDENTIALS_DIRECTORY", nullptr);
  const Folder folder;
  const auto tls = "tls = { ca_file = \"gone.pem\" }\n";
  for (const auto* given : {"{ credential = \"cloud-password\" }", "{ file = \"gone\" }"}) {
    auto text = upstream(given) + tls;
    text.replace(text.find("mqtt:"), 5, "mqtts:");
    const auto file = folder.write("t.toml", text, 0644);
    EXPECT_THAT(load_complaints(file), AllOf(HasSubstr("password"), HasSubstr("gone.pem")));
    EXPECT_EQ(load(file, plugins, {}, Reader::other).upstreams.at(0).password, std::nullopt);
  }
  const auto readable = folder.write("t.toml", upstream("\"geheim\""), 0600);
  EXPECT_EQ(load(readable, plugins, {}, Reader::other).upstreams.at(0).password, "geheim");
}

TEST(APasswordInTheEnvironment, IsTakenFromThere) {
  const Variable variable("TIDEGATE_TEST_SECRET", "geheim");
  EXPECT_EQ(read(upstream("{ env = \"TIDEGATE_TEST_SECRET\" }")).upstreams.at(0).password, "geheim");
  EXPECT_THAT(complaints(upstream("{ env = \"TIDEGATE_TEST_UNSET\" }")), HasSubstr("TIDEGATE_TEST_UNSET is not set"));
}

TEST(APasswordOfAnotherShape, IsRefusedWithoutBeingShown) {
  for (const auto* given :
       {"12345678", "[\"12345678\"]", "{ text = \"12345678\" }", "{ file = \"a\", env = \"12345678\" }", "{}"}) {
    const auto what = complaints(upstream(given));
    EXPECT_THAT(what, HasSubstr("t.toml:5:1: [[upstream]] password: expected a string in quotes, { credential"))
        << given;
    EXPECT_THAT(what, Not(HasSubstr("12345678"))) << given;
  }
  EXPECT_THAT(complaints(upstream("{ flie = \"a\" }")), HasSubstr("did you mean \"file\"?"));
  EXPECT_THAT(complaints(upstream("\"\"")), HasSubstr("is empty"));
}

}  // namespace
}  // namespace tidegate::config::test
