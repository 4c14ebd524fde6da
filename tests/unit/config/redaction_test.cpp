// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/redaction.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "tests/support/scratch_folder.hpp"

namespace tidegate::config {
namespace {

class Redacted : public testing::Test {
 protected:
  Redaction of(const std::string& text) {
    folder_.write("tidegate.toml", text);
    return redact(folder_.path() / "tidegate.toml");
  }
  test::ScratchFolder folder_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Redacted, LeavesWhatIsNoSecret) {
  const auto made =
      of("[gateway]\nid = \"gw\"\n[[upstream]]\nname = \"cloud\"\nservers = [\"mqtt://h:1\"]\nwindow = 7\n");
  for (const auto* part : {"gw", "cloud", "mqtt://h:1", "window = 7"}) EXPECT_TRUE(has(made.text, part)) << made.text;
  EXPECT_TRUE(made.secrets.empty());
  EXPECT_FALSE(made.open);
}

TEST_F(Redacted, HidesPasswordsNamesAndKeysWhereverTheyStand) {
  const auto made =
      of("# the old one was s3cret-comment\n"
         "[broker]\nusername = \"s3cret-name\"\npassword = 's3cret-plain'\n"
         "[[upstream]]\nservers = [\"mqtt://bob:s3cret-url@h:1\"]\npasswort = \"x\"\nPassWord = \"s3cret-case\"\n"
         "[upstream.tls]\nkey_file = \"s3cret-key.pem\"\ncert_file = \"gw.pem\"\n"
         "[[upstream.forward]]\n[upstream.forward.tokens]\na = [\"s3cret-deep\"]\n");
  EXPECT_FALSE(has(made.text, "s3cret")) << made.text;
  EXPECT_TRUE(has(made.text, "gw.pem")) << made.text;
  EXPECT_TRUE(made.open);
  EXPECT_EQ(made.key_files, std::vector{folder_.path() / "s3cret-key.pem"});
}

TEST_F(Redacted, KnowsWhatFilesAndVariablesHold) {
  folder_.write("cloud.secret", "s3cret in a file\n");
  folder_.write("users", "bob:$7$101$s3cret-hash\n");
  ::setenv("REDACTED_TEST", "s3cret in a variable", 1);
  const auto made =
      of("[broker]\npassword = { file = \"cloud.secret\" }\n[broker.listener]\nusers = \"users\"\n"
         "[[upstream]]\npassword = { env = \"REDACTED_TEST\" }\n[[upstream]]\npassword = { credential = \"cloud\" }\n");
  for (const auto* part : {"cloud.secret", "REDACTED_TEST", "credential"})
    EXPECT_TRUE(has(made.text, part)) << made.text;
  EXPECT_EQ(scrub("a s3cret in a file, a s3cret in a variable, $7$101$s3cret-hash", made.secrets),
            "a (left out), a (left out), (left out)");
  EXPECT_EQ(made.secret_files, std::vector{folder_.path() / "cloud.secret"});
  EXPECT_FALSE(made.open);
}

TEST_F(Redacted, IsNothingOfWhatIsNoToml) {
  try {
    static_cast<void>(of("password = \"s3cret\n"));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_FALSE(has(error.what(), "s3cret"));
    EXPECT_TRUE(has(error.what(), "tidegate.toml:1:"));
  }
  EXPECT_THROW(static_cast<void>(redact(folder_.path() / "none.toml")), SystemError);
}

TEST(Scrub, TakesTheLongestSecretAndNamesOutOfAddresses) {
  EXPECT_EQ(scrub("abcd abcdef ab", {"abcd", "abcdef", "ab"}), "(left out) (left out) ab");
  EXPECT_EQ(scrub("to mqtt://u:p@h:1, \"mqtts://u@i\" and mqtt://j:1 a@b", {}),
            "to mqtt://(left out)@h:1, \"mqtts://(left out)@i\" and mqtt://j:1 a@b");
  EXPECT_EQ(scrub("mqtt://u:p@ss@h", {}), "mqtt://(left out)@h");
}

}  // namespace
}  // namespace tidegate::config
