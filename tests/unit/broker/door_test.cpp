// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/door.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "support/certificates.hpp"

namespace tidegate::broker {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class ADoor : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) const {
    const fs::path file = made_.dir() / name;
    std::ofstream(file) << text;
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    return file;
  }
  config::Listener with(const test::Certificates::Pair& pair) const {
    config::Listener door;
    door.cert_file = pair.cert;
    door.key_file = pair.key;
    return door;
  }
  std::vector<std::string> oddities(const config::Listener& door) const {
    return door_oddities(door, std::chrono::system_clock::now(), "reload it");
  }

  test::Certificates made_;
};

TEST_F(ADoor, HasTheUsersOfItsFile) {
  config::Listener door;
  door.users = write("users", "esp32:$7$101$x$y\n");
  const auto read = read_door(door);
  EXPECT_THAT(read.users, ElementsAre(Pair("esp32", "$7$101$x$y")));
  EXPECT_EQ(read.problem, "");
  EXPECT_FALSE(read.nobody);
}

TEST_F(ADoor, IsForNobodyWithAFileOfUsersOrKeysThatIsEmptyUnlessNamelessClientsAreTaken) {
  config::Listener door;
  door.users = write("users", "");
  EXPECT_TRUE(read_door(door).nobody);
  EXPECT_THAT(read_door(door).problem, HasSubstr("names nobody; add one: tidegate broker adduser NAME"));
  door.anonymous = true;
  EXPECT_FALSE(read_door(door).nobody);
  EXPECT_EQ(read_door(door).problem, "");
  config::Listener keys;
  keys.psk_file = door.users;
  EXPECT_TRUE(read_door(keys).nobody);
  EXPECT_THAT(read_door(keys).problem, HasSubstr("openssl rand"));
}

TEST_F(ADoor, SaysWhichOfItsFilesIsWrongAndKnowsNobodyByIt) {
  config::Listener door;
  door.users = write("users", "esp32:$7$101$x$y\nesp32\n");
  EXPECT_THAT(read_door(door).problem, HasSubstr("line 2 of the file of users"));
  EXPECT_THAT(read_door(door).users, IsEmpty());
  EXPECT_FALSE(read_door(door).nobody);
  door = with({made_.localhost().cert, made_.expired().key});
  EXPECT_THAT(read_door(door).problem, HasSubstr("is no key in PEM, without a passphrase, of the certificate"));
  door = with({"/nowhere.pem", made_.localhost().key});
  EXPECT_THAT(read_door(door).problem, HasSubstr("cannot read /nowhere.pem: No such file or directory; name a PEM"));
}

TEST_F(ADoor, IsOddWithACertificateThatHasEndedOrWillInTwoWeeks) {
  EXPECT_EQ(read_door(with(made_.expired())).problem, "");
  EXPECT_THAT(oddities(with(made_.expired())), ElementsAre(HasSubstr("was good until 2020")));
  EXPECT_THAT(oddities(with(made_.expired())), ElementsAre(HasSubstr("do not come in; have it renewed, then: reload")));
  const auto door = with(made_.localhost());
  EXPECT_THAT(oddities(door), IsEmpty());
  const auto before = std::chrono::sys_days(std::chrono::year(2020) / 1 / 1) - std::chrono::days(12);
  EXPECT_THAT(door_oddities(with(made_.expired()), before, ""), ElementsAre(HasSubstr("is good until 2020")));
  EXPECT_THAT(door_oddities(with(made_.expired()), before - std::chrono::days(2), ""), IsEmpty());
  EXPECT_THAT(oddities(with({"/nowhere.pem", "/nowhere.key"})), IsEmpty());
}

TEST_F(ADoor, IsOddWithRightsOfSomebodyWhomNoFileKnows) {
  config::Listener door;
  door.users = write("users", "esp32:$7$101$x$y\n");
  door.accounts = {{"esp32", {"a"}, {}}, {"esp23", {"a"}, {}}};
  EXPECT_THAT(oddities(door),
              ElementsAre(AllOf(HasSubstr("gives rights to \"esp23\", whom"), HasSubstr("adduser esp23"))));
  door.users.clear();
  EXPECT_THAT(oddities(door), IsEmpty()) << "names come from certificates";
  door.psk_file = write("keys", "esp23:00112233445566778899aabbccddeeff\n");
  EXPECT_THAT(oddities(door), ElementsAre(HasSubstr("\"esp32\"")));
}

}  // namespace
}  // namespace tidegate::broker
