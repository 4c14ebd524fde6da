// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/broker.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/port.hpp"

namespace tidegate::broker {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
namespace fs = std::filesystem;

constexpr auto patience = 20s;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What a shell command prints on its standard output.
std::string output(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string all;
  std::array<char, 65536> part{};
  for (std::size_t got = 0; (got = fread(part.data(), 1, part.size(), pipe)) > 0;) all.append(part.data(), got);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return all;
}

/// Holds a port of the loopback while it lives.
struct Occupant {
  explicit Occupant(std::uint16_t port) : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd, 4), 0);
  }
  ~Occupant() { close(fd); }
  int fd;
};

/// Gives this process, and what it starts, a loopback of its own, where no other test has the usual port.
bool takes_its_own_network() {
  if (unshare(CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP;
  const bool is_up = ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
  close(fd);
  return is_up;
}

/// A private state and runtime folder, the Broker that uses them, and what it told.
class ALocalBroker : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidegate broker XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    gateway.state = folder / "state";
    gateway.runtime = folder / "run";
    settings.port = 0;
  }
  void TearDown() override {
    if (broker) broker->stop(5s);
    broker.reset();
    if (const auto left = recorded()) {
      left->signal(SIGKILL);
      static_cast<void>(left->wait(5s));
    }
    fs::remove_all(folder);
  }

  Broker& start() {
    broker = std::make_unique<Broker>(loop, settings, gateway);
    broker->on_up([this](const std::string& url) {
      EXPECT_FALSE(fs::exists(gateway.runtime / "broker.url")) << "before anybody is ready";
      ups.push_back(url);
      broker->announce();
    });
    broker->on_down([this](const std::string& reason) { downs.push_back(reason); });
    broker->start();
    return *broker;
  }
  template <class Condition>
  [[nodiscard]] bool comes(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop.run_once(20ms);
    }
    return true;
  }
  Broker& start_and_wait() {
    start();
    EXPECT_TRUE(comes([this] { return broker->state() == Broker::State::up; })) << broker->failure();
    return *broker;
  }
  /// As a gateway that is killed: another process starts the broker and dies without a word. Returns the broker's pid.
  pid_t start_and_die() {
    const pid_t child = fork();
    if (child == 0) {
      Loop own;
      Broker mortal(own, settings, gateway);
      mortal.on_up([](const std::string&) { kill(getpid(), SIGKILL); });
      mortal.start();
      own.run();
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    const auto left = recorded();
    EXPECT_TRUE(left.has_value());
    return left ? left->pid() : 0;
  }
  [[nodiscard]] nlohmann::json record() const { return nlohmann::json::parse(read(gateway.runtime / "broker.json")); }
  [[nodiscard]] std::optional<event::Process> recorded() const {
    const auto json = nlohmann::json::parse(read(gateway.runtime / "broker.json"), nullptr, false);
    if (!json.is_object()) return std::nullopt;
    return event::Process::find(json["pid"], json["started"], (gateway.runtime / "broker/mosquitto.conf").string());
  }
  /// "-h 127.0.0.1 -p <port>" for Mosquitto's own clients.
  [[nodiscard]] std::string at() const { return fmt::format(" -h 127.0.0.1 -p {} ", int(record()["port"])); }
  [[nodiscard]] std::string url_file() const { return read(gateway.runtime / "broker.url"); }
  [[nodiscard]] fs::path database() const { return gateway.state / "broker/mosquitto.db"; }

  fs::path folder;
  config::Gateway gateway;
  config::Broker settings;
  Loop loop;
  std::unique_ptr<Broker> broker;
  std::vector<std::string> ups, downs;
};

TEST_F(ALocalBroker, AcceptsConnectionsAtTheUrlThatItTellsAndWrites) {
  start_and_wait();
  ASSERT_THAT(ups, SizeIs(1));
  EXPECT_EQ(broker->url(), ups[0]);
  EXPECT_EQ(url_file(), ups[0] + '\n');
  EXPECT_EQ(ups[0], fmt::format("mqtt://127.0.0.1:{}", int(record()["port"])));
  EXPECT_FALSE(broker->adopted());
  EXPECT_EQ(output("mosquitto_pub" + at() + "-t a -m hello -r -q 1; mosquitto_sub" + at() + "-t a -C 1 -W 5"),
            "hello\n");
  EXPECT_THAT(downs, IsEmpty());
}

TEST_F(ALocalBroker, HasASocketForTheGatewayBeforeItsUrl) {
  gateway.runtime = fs::temp_directory_path() / fmt::format("tidegate-broker-{}", getpid());
  const auto file = gateway.runtime / "broker.sock";
  start_and_wait();
  EXPECT_EQ(broker->servers(), (std::vector<std::string>{"unix:" + file.string(), ups[0]}));
  EXPECT_EQ(output("mosquitto_sub --unix '" + file.string() + "' -E -t a -W 5"), "");
  EXPECT_TRUE(fs::is_socket(file));

  kill(broker->pid(), SIGKILL);
  EXPECT_TRUE(comes([this] { return ups.size() == 2; }));
  EXPECT_EQ(output("mosquitto_sub --unix '" + file.string() + "' -E -t a -W 5"), "");
  EXPECT_THAT(broker->servers(), SizeIs(2));
  broker->stop(5s);
  fs::remove_all(gateway.runtime);
}

TEST_F(ALocalBroker, HasNoSocketWhereItsPathWouldBeTooLongOrHasABlank) {
  start_and_wait();
  ASSERT_THAT(folder.string(), HasSubstr(" "));
  EXPECT_EQ(broker->servers(), ups);
  EXPECT_THAT(read(gateway.runtime / "broker/mosquitto.conf"), Not(HasSubstr("\nlistener 0 ")));
  broker->stop(5s);
  gateway.runtime = fs::temp_directory_path() / (fmt::format("tidegate-broker-{}-", getpid()) + std::string(100, 'r'));
  start_and_wait();
  EXPECT_THAT(broker->servers(), testing::ElementsAre(broker->url()));
  broker->stop(5s);
  fs::remove_all(gateway.runtime);
}

TEST_F(ALocalBroker, LeadsItsOwnSessionInPrivateFoldersAsThisUser) {
  const pid_t pid = start_and_wait().pid();
  EXPECT_EQ(getsid(pid), pid);
  for (const fs::path& private_folder : {gateway.runtime / "broker", gateway.state / "broker"}) {
    EXPECT_EQ(fs::status(private_folder).permissions(), fs::perms::owner_all) << private_folder;
  }
  struct stat owner{};
  ASSERT_EQ(stat(fmt::format("/proc/{}", pid).c_str(), &owner), 0);
  EXPECT_EQ(owner.st_uid, geteuid());
}

TEST_F(ALocalBroker, IsConfiguredWithoutAWordOfComplaintFromMosquitto) {
  start_and_wait();
  broker->stop(5s);
  std::ifstream log(gateway.state / "broker/mosquitto.log");
  for (std::string line; std::getline(log, line);) {
    if (line.find("should not be run as root") == std::string::npos) ADD_FAILURE() << line;
  }
}

TEST_F(ALocalBroker, IsGoneWithItsUrlAfterStopAndHasSavedItsDatabase) {
  const pid_t pid = start_and_wait().pid();
  output("mosquitto_pub" + at() + "-t a -m kept -r -q 1");
  broker->stop(5s);
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(broker->state(), Broker::State::stopped);
  EXPECT_EQ(broker->pid(), 0);
  EXPECT_FALSE(fs::exists(gateway.runtime / "broker.url"));
  EXPECT_EQ(record()["pid"], 0);
  start_and_wait();
  EXPECT_EQ(output("mosquitto_sub" + at() + "-t a -C 1 -W 5"), "kept\n");
}

TEST_F(ALocalBroker, KeepsItsPortOverAStopAndAStart) {
  start_and_wait();
  broker->stop(5s);
  start_and_wait();
  ASSERT_THAT(ups, SizeIs(2));
  EXPECT_EQ(ups[0], ups[1]);
}

TEST_F(ALocalBroker, TakesAnotherPortWhenItsLastOneIsTaken) {
  start_and_wait();
  broker->stop(5s);
  const Occupant other(record()["port"]);
  start_and_wait();
  ASSERT_THAT(ups, SizeIs(2));
  EXPECT_NE(ups[0], ups[1]);
  EXPECT_EQ(url_file(), ups[1] + '\n');
}

TEST_F(ALocalBroker, HasAnotherPortThanTheDoorWhateverItsAddress) {
  start_and_wait();
  broker->stop(5s);
  settings.listener = config::Listener{};
  settings.listener->address = "127.0.0.2";
  settings.listener->port = record()["port"];
  settings.listener->anonymous = true;
  start_and_wait();
  ASSERT_THAT(ups, SizeIs(2));
  EXPECT_NE(ups[0], ups[1]) << "by the port the doorkeeper knows who comes from the network";
}

TEST_F(ALocalBroker, TakesTheUsualPortWhenItIsFree) {
  if (!takes_its_own_network()) GTEST_SKIP() << "a network of its own needs root or user namespaces";
  settings.port.reset();
  start_and_wait();
  EXPECT_THAT(ups, ElementsAre("mqtt://127.0.0.1:1883"));
}

TEST_F(ALocalBroker, TakesAFreePortWhenTheUsualOneIsTaken) {
  if (!takes_its_own_network()) GTEST_SKIP() << "a network of its own needs root or user namespaces";
  settings.port.reset();
  const Occupant other(1883);
  start_and_wait();
  ASSERT_THAT(ups, SizeIs(1));
  EXPECT_NE(ups[0], "mqtt://127.0.0.1:1883");
}

TEST_F(ALocalBroker, SurvivesItsGatewayAndIsAdoptedWithAllThatItHolds) {
  const pid_t pid = start_and_die();
  output("mosquitto_pub" + at() + "-t a -m 'in memory only' -r -q 1");
  start_and_wait();
  EXPECT_TRUE(broker->adopted());
  EXPECT_EQ(broker->pid(), pid);
  EXPECT_EQ(output("mosquitto_sub" + at() + "-t a -C 1 -W 5"), "in memory only\n");
  broker->stop(5s);
  EXPECT_FALSE(recorded());
}

TEST_F(ALocalBroker, IsStartedAgainWhenAdoptedAndKilled) {
  const pid_t pid = start_and_die();
  start_and_wait();
  kill(pid, SIGKILL);
  ASSERT_TRUE(comes([this] { return ups.size() == 2; }));
  EXPECT_NE(broker->pid(), pid);
  EXPECT_FALSE(broker->adopted());
  EXPECT_EQ(ups[0], ups[1]);
}

TEST_F(ALocalBroker, IsStartedAnewWhenItsConfigurationIsAnother) {
  const pid_t pid = start_and_die();
  output("mosquitto_pub" + at() + "-t a -m kept -r -q 1");
  gateway.payload_cap = 2U << 20;
  start_and_wait();
  EXPECT_FALSE(broker->adopted());
  EXPECT_NE(broker->pid(), pid);
  EXPECT_THAT(read(fmt::format("/proc/{}/cmdline", pid)), IsEmpty()) << "the old one is gone, or a zombie";
  EXPECT_EQ(output("mosquitto_sub" + at() + "-t a -C 1 -W 5"), "kept\n");
}

TEST_F(ALocalBroker, MovesToThePortThatTheConfigurationNowNames) {
  start_and_die();
  const HeldPort held(0);
  settings.port = held.number();
  start_and_wait();
  EXPECT_EQ(broker->url(), fmt::format("mqtt://127.0.0.1:{}", *settings.port));
}

TEST_F(ALocalBroker, IsNotMistakenForAProcessThatGotItsNumber) {
  fs::create_directories(gateway.runtime);
  std::ofstream(gateway.runtime / "broker.json")
      << nlohmann::json{{"pid", getpid()}, {"started", 1}, {"port", HeldPort(0).number()}, {"configuration", "x"}}
             .dump();
  start_and_wait();
  EXPECT_FALSE(broker->adopted());
  EXPECT_NE(broker->pid(), getpid());
}

TEST_F(ALocalBroker, StartsWhenItsRecordIsDamaged) {
  fs::create_directories(gateway.runtime);
  std::ofstream(gateway.runtime / "broker.json") << std::string(100, '\0');
  start_and_wait();
}

TEST_F(ALocalBroker, IsStartedAgainOnItsPortAfterEveryKill) {
  start_and_wait();
  for (std::size_t kills = 1; kills <= 4; ++kills) {
    kill(broker->pid(), SIGKILL);
    ASSERT_TRUE(comes([&] { return ups.size() == kills + 1; }));
    EXPECT_THAT(downs, SizeIs(kills));
    EXPECT_THAT(downs.back(), HasSubstr("killed by signal 9"));
    EXPECT_EQ(ups.back(), ups.front());
    EXPECT_THAT(broker->failure(), IsEmpty());
  }
}

TEST_F(ALocalBroker, KeepsItsPortFromOthersWhileItIsDown) {
  settings.port = 0;
  start_and_wait();
  int free = 0;
  broker->on_down([&](const std::string& reason) {
    downs.push_back(reason);
    for (int i = 0; i < 100'000; ++i) free += ups[0].ends_with(fmt::format(":{}", HeldPort(0).number())) ? 1 : 0;
  });
  kill(broker->pid(), SIGKILL);
  ASSERT_TRUE(comes([this] { return ups.size() == 2; }));
  EXPECT_EQ(free, 0);
  EXPECT_EQ(ups[1], ups[0]);
}

TEST_F(ALocalBroker, HasNoUrlWhileItIsDown) {
  const HeldPort held(0);
  settings.port = held.number();
  start_and_wait();
  std::unique_ptr<Occupant> occupant;
  broker->on_down([&](const std::string& reason) {
    downs.push_back(reason);
    if (!occupant) occupant = std::make_unique<Occupant>(*settings.port);
  });
  kill(broker->pid(), SIGKILL);
  ASSERT_TRUE(comes([this] { return downs.size() == 2; }));
  EXPECT_EQ(broker->state(), Broker::State::waiting);
  EXPECT_THAT(broker->url(), IsEmpty());
  EXPECT_FALSE(fs::exists(gateway.runtime / "broker.url"));
  occupant.reset();
  EXPECT_TRUE(comes([this] { return ups.size() == 2; })) << "it comes back when the port is free again";
}

TEST_F(ALocalBroker, SaysWhichPortIsTakenAndHowToMendIt) {
  const HeldPort held(0);
  settings.port = held.number();
  auto other = std::make_unique<Occupant>(*settings.port);
  start();
  ASSERT_TRUE(comes([this] { return !downs.empty(); }));
  EXPECT_THAT(downs[0], AllOf(HasSubstr(fmt::format("port {}", *settings.port)), HasSubstr("taken"),
                              HasSubstr("[broker] port = 0")));
  EXPECT_EQ(broker->failure(), downs[0]);
  other.reset();
  ASSERT_TRUE(comes([this] { return !ups.empty(); })) << "it tries again";
  EXPECT_THAT(downs, SizeIs(1)) << "and says the same thing once";
}

TEST_F(ALocalBroker, SaysHowToInstallAMissingMosquitto) {
  settings.program = "mosquitto-that-is-not-there";
  start();
  ASSERT_TRUE(comes([this] { return !downs.empty(); }));
  EXPECT_THAT(downs[0], AllOf(HasSubstr("mosquitto-that-is-not-there"), HasSubstr("apt-get install mosquitto")));
  EXPECT_EQ(broker->state(), Broker::State::waiting);
}

TEST_F(ALocalBroker, SaysWhyItEndedWhenItCannotStart) {
  settings.program = folder / "mosquitto";
  std::ofstream(settings.program) << "#!/bin/sh\necho '2026-01-01T00:00:00: Error: Out of memory.' >&2\nexit 3\n";
  chmod(settings.program.c_str(), 0755);
  start();
  ASSERT_TRUE(comes([this] { return !downs.empty(); }));
  EXPECT_THAT(downs[0],
              AllOf(HasSubstr("ended with status 3"), HasSubstr("it said: Out of memory"), HasSubstr("mosquitto.log")));
}

TEST_F(ALocalBroker, SaysWhichFolderItCannotUse) {
  std::ofstream(folder / "file") << "no folder";
  gateway.runtime = folder / "file";
  start();
  ASSERT_TRUE(comes([this] { return !downs.empty(); }));
  EXPECT_THAT(downs[0], HasSubstr((gateway.runtime / "broker").string()));
}

TEST_F(ALocalBroker, RunsWithoutADatabaseAndWarnsWhenItsFolderCannotBeMade) {
  std::ofstream(folder / "file") << "no folder";
  gateway.state = folder / "file";
  start_and_wait();
  EXPECT_EQ(output("mosquitto_pub" + at() + "-t a -m works -r -q 1; mosquitto_sub" + at() + "-t a -C 1 -W 5"),
            "works\n");
  EXPECT_THAT(broker->warnings(), Contains(AllOf(HasSubstr("without a database"), HasSubstr(gateway.state.string()))));
  EXPECT_THAT(downs, IsEmpty());
  EXPECT_TRUE(fs::exists(gateway.runtime / "broker/mosquitto.log"));
}

TEST_F(ALocalBroker, RunsWithoutADatabaseOnADiskThatIsReadOnly) {
  // In a name space of its own: this process and the broker see the mount, nobody else does.
  fs::create_directories(gateway.state);
  const std::string target = gateway.state.string();
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", target.c_str(), "tmpfs", MS_RDONLY, nullptr) != 0) {
    GTEST_SKIP() << "mounting a file system needs root";
  }
  start_and_wait();
  EXPECT_THAT(broker->warnings(), Contains(HasSubstr("without a database")));
  EXPECT_EQ(output("mosquitto_pub" + at() + "-t a -m works -r -q 1; mosquitto_sub" + at() + "-t a -C 1 -W 5"),
            "works\n");
  const pid_t pid = broker->pid();
  ASSERT_EQ(mount(nullptr, target.c_str(), nullptr, MS_REMOUNT, nullptr), 0);
  broker.reset();  // as a gateway that died
  fs::remove(gateway.runtime / "broker.url");
  start_and_wait();
  EXPECT_EQ(broker->pid(), pid) << "what it holds is better than a database from now on";
  EXPECT_THAT(broker->warnings(), Contains(HasSubstr("Stop the gateway and start it again")));
  broker->stop(5s);
  start_and_wait();
  EXPECT_THAT(broker->warnings(), Not(Contains(HasSubstr("database"))));
  broker->stop(5s);
  umount(target.c_str());
}

TEST_F(ALocalBroker, StartsWithItsDatabaseOnADiskThatIsFullAndKeepsWhatItHad) {
  fs::create_directories(gateway.state);
  const std::string target = gateway.state.string();
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", target.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "mounting a file system needs root";
  }
  start_and_wait();
  output("mosquitto_pub" + at() + "-t a -m kept -r -q 1");
  broker->stop(5s);
  const std::string before = read(database());
  ASSERT_FALSE(before.empty());
  for (std::ofstream filler(gateway.state / "filler"); filler << std::string(512, 'x') << std::flush;) {
  }
  start_and_wait();
  EXPECT_THAT(broker->warnings(), Contains(HasSubstr("is full")));
  EXPECT_EQ(output("mosquitto_sub" + at() + "-t a -C 1 -W 5"), "kept\n");
  broker->stop(5s);
  EXPECT_EQ(read(database().string() + ".aside.1"), before);
  umount(target.c_str());
}

/// What power cuts and bad cards leave of a database.
class ADamagedDatabase : public ALocalBroker, public testing::WithParamInterface<std::string> {
 protected:
  /// A database of this Mosquitto's own, with retained messages and some that wait for a session.
  [[nodiscard]] std::string sound_database() {
    start_and_wait();
    output("seq 100 | mosquitto_pub" + at() + "-t r -q 1 -r -l");
    output("mosquitto_sub" + at() + "-V 5 -x 3600 -c -i away -q 1 -t 'load/#' -E");
    output("seq 300 | mosquitto_pub" + at() + "-t load/n -q 1 -l");
    broker->stop(5s);
    return read(database());
  }
  void put(const std::string& bytes) {
    fs::create_directories(database().parent_path());
    std::ofstream(database(), std::ios::binary) << bytes;
  }
  void expect_that_it_works() {
    start_and_wait();
    EXPECT_EQ(output("mosquitto_pub" + at() + "-t a -m works -r -q 1; mosquitto_sub" + at() + "-t a -C 1 -W 5"),
              "works\n");
    EXPECT_THAT(broker->warnings(), Contains(HasSubstr("mosquitto.db.aside.1")));
  }
  [[nodiscard]] std::string aside(int n = 1) const { return read(database().string() + ".aside." + std::to_string(n)); }
};

TEST_P(ADamagedDatabase, IsSetAsideSoThatTheBrokerStarts) {
  put(GetParam());
  expect_that_it_works();
  EXPECT_EQ(aside(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(EveryKind, ADamagedDatabase,
                         testing::Values(std::string(), std::string(4096, '\0'), std::string("SQLite format 3"),
                                         std::string("\0\xb5\0mosquitto db", 15),
                                         std::string("\0\xb5\0mosquitto db\0\0\0\0", 19),
                                         std::string("\0\xb5\0mosquitto db\0\0\0\0\0\0\0\x63", 23)));

TEST_F(ADamagedDatabase, IsKeptWhereverItWasCutOrOverwritten) {
  const std::string sound = sound_database();
  const std::size_t size = sound.size();
  std::vector<std::string> kinds;
  for (const int percent : {10, 50, 75, 90, 99}) kinds.push_back(sound.substr(0, size * percent / 100 + 1));
  for (const int percent : {10, 50, 90}) {
    std::string nul = sound;
    nul.replace(size * percent / 100, 512, 512, '\0');
    kinds.push_back(nul);
  }
  kinds.push_back(sound + std::string(4096, '\0'));
  kinds.push_back(sound + "garbage after the end");
  for (const std::string& kind : kinds) {
    for (int n = 1; n <= 20; ++n) fs::remove(database().string() + ".aside." + std::to_string(n));
    put(kind);
    expect_that_it_works();
    EXPECT_EQ(aside(), kind);
    broker->stop(5s);
  }
}

TEST_F(ADamagedDatabase, IsSetAsideWhenMosquittoDiesOfItWithoutAWord) {
  // Mosquitto's own, but for one that crashes as long as there is a database.
  settings.program = folder / "mosquitto";
  std::ofstream(settings.program) << "#!/bin/sh\n[ -e '" << database().string() << "' ] && kill -SEGV $$\n"
                                  << "exec /usr/sbin/mosquitto \"$@\"\n";
  chmod(settings.program.c_str(), 0755);
  put(std::string("\0\xb5\0mosquitto db\0\0\0\0\0\0\0\6", 23));
  expect_that_it_works();
  EXPECT_EQ(aside().size(), 23U);
}

TEST_F(ADamagedDatabase, IsPutBackWhenItWasNotToBlame) {
  const std::string sound = sound_database();
  const std::string program = settings.program;
  settings.program = folder / "mosquitto";
  std::ofstream(settings.program) << "#!/bin/sh\nexit 5\n";
  chmod(settings.program.c_str(), 0755);
  start();
  ASSERT_TRUE(comes([&] { return !fs::exists(database()); })) << "it is suspected";
  ASSERT_TRUE(comes([&] { return fs::exists(database()); })) << "and put back";
  EXPECT_EQ(read(database()), sound);
  EXPECT_THAT(broker->warnings(), Not(Contains(HasSubstr("aside"))));
  broker.reset();
  settings.program = program;
  start_and_wait();
  EXPECT_EQ(output("mosquitto_sub" + at() + "-t r -C 1 -W 5"), "100\n");
}

TEST_F(ADamagedDatabase, IsPutBackWhenTheBrokerIsStoppedBeforeItIsKnownWhetherItWasToBlame) {
  const std::string sound = sound_database();
  settings.program = folder / "mosquitto";
  std::ofstream(settings.program) << "#!/bin/sh\n[ \"$1\" = -h ] && exit 3\n[ -e '" << database().string()
                                  << "' ] && exit 5\n"
                                  << "exec sleep 60\n";
  chmod(settings.program.c_str(), 0755);
  start();
  ASSERT_TRUE(comes([&] { return !fs::exists(database()) && broker->pid() > 0; })) << "it is suspected";
  broker->stop(5s);
  EXPECT_EQ(read(database()), sound);
}

TEST_F(ALocalBroker, WarnsOfAVersionWithKnownDefectsAndKnowsItAgainWhenItIsAdopted) {
  settings.program = folder / "mosquitto";
  std::ofstream(settings.program) << "#!/bin/sh\n[ \"$1\" = -h ] && echo 'mosquitto version 2.0.16' && exit 3\n"
                                  << "exec /usr/sbin/mosquitto \"$@\"\n";
  chmod(settings.program.c_str(), 0755);
  start_and_die();
  start_and_wait();
  EXPECT_TRUE(broker->adopted());
  EXPECT_THAT(broker->warnings(), Contains(HasSubstr("mosquitto#2876")));
}

TEST_F(ALocalBroker, StartsWhenItsProgramNeverSaysItsVersion) {
  settings.program = folder / "mosquitto";
  std::ofstream(settings.program) << "#!/bin/sh\n[ \"$1\" = -h ] && exec sleep 60\nexec /usr/sbin/mosquitto \"$@\"\n";
  chmod(settings.program.c_str(), 0755);
  start_and_wait();
  EXPECT_EQ(record()["version"], "");
  EXPECT_THAT(broker->warnings(), IsEmpty());
}

TEST_F(ALocalBroker, KeepsTheLogWithinItsCap) {
  const fs::path log = gateway.state / "broker/mosquitto.log";
  fs::create_directories(log.parent_path());
  std::ofstream(log) << std::string((1U << 20) + 1, 'x');
  start_and_wait();
  EXPECT_LT(fs::file_size(log), 4096U);
  EXPECT_EQ(fs::file_size(log.string() + ".1"), (1U << 20) + 1);
}

TEST_F(ALocalBroker, KeepsEveryMessageForASessionThatIsAway) {
  start_and_wait();
  const std::string subscriber = "mosquitto_sub" + at() + "-V 5 -x 3600 -c -i away -q 1 -t 'load/#' ";
  output(subscriber + "-E");
  output("seq 5000 | mosquitto_pub" + at() + "-t load/n -q 1 -l");
  broker->stop(10s);  // and over a restart
  start_and_wait();
  EXPECT_EQ(output(subscriber + "-C 5000 -W 30"), output("seq 5000"));
}

TEST_F(ALocalBroker, CarriesAPayloadOfTheCap) {
  start_and_wait();
  const std::string big = folder / "big";
  std::ofstream(big) << std::string(gateway.payload_cap, 'p');
  output("mosquitto_pub" + at() + "-V 5 -t a -q 1 -r -f '" + big + "'");
  EXPECT_EQ(output("mosquitto_sub" + at() + "-t a -C 1 -W 5 | wc -c"), fmt::format("{}\n", gateway.payload_cap + 1));
}

TEST_F(ALocalBroker, ThatIsThereAlreadyIsUsedAndLeftAlone) {
  settings.url = "mqtts://broker.example.com:8883";
  settings.program = "mosquitto-that-is-not-there";
  start_and_wait();
  EXPECT_THAT(ups, testing::ElementsAre("mqtts://broker.example.com:8883"));
  EXPECT_EQ(url_file(), "mqtts://broker.example.com:8883\n");
  EXPECT_EQ(broker->pid(), 0);
  EXPECT_FALSE(fs::exists(gateway.runtime / "broker.json"));
  broker->stop(1s);
  EXPECT_FALSE(fs::exists(gateway.runtime / "broker.url"));
}

TEST_F(ALocalBroker, ThatAnotherProcessKeepsIsFollowedAndLeftAlone) {
  const fs::path theirs = folder / "theirs";
  fs::create_directory(theirs);
  settings.folder = theirs;
  start();
  const auto keep = [&](const std::string& url) { std::ofstream(theirs / "broker.url") << url << '\n'; };
  keep("mqtt://127.0.0.1:7");
  EXPECT_TRUE(comes([&] { return broker->url() == "mqtt://127.0.0.1:7"; }));
  EXPECT_EQ(read(gateway.runtime / "broker.url"), "mqtt://127.0.0.1:7\n");
  EXPECT_EQ(broker->pid(), 0);
  EXPECT_EQ(broker->servers(), ups);

  keep("mqtt://127.0.0.1:8");  // it had to move
  EXPECT_TRUE(comes([&] { return ups.size() == 2 && ups.back() == "mqtt://127.0.0.1:8"; }));

  fs::remove(theirs / "broker.url");
  EXPECT_TRUE(comes([&] { return !fs::exists(gateway.runtime / "broker.url"); }));
  EXPECT_EQ(broker->state(), Broker::State::waiting);
  EXPECT_TRUE(comes([&] { return !downs.empty(); }));
  EXPECT_THAT(downs.front(),
              AllOf(HasSubstr((theirs / "broker.url").string()), HasSubstr("systemctl start tidegate-broker")));

  keep("mqtt://127.0.0.1:8");
  EXPECT_TRUE(comes([&] { return broker->state() == Broker::State::up; }));
  broker->stop(5s);
  EXPECT_TRUE(fs::exists(theirs / "broker.url"));
}

TEST_F(ALocalBroker, IsStoppedWhenAnotherTakesItsPlace) {
  const pid_t pid = start_and_die();
  settings.url = "mqtt://broker.example.com:1883";
  start_and_wait();
  EXPECT_TRUE(comes([&] { return read(fmt::format("/proc/{}/cmdline", pid)).empty(); }));
}

}  // namespace
}  // namespace tidegate::broker
