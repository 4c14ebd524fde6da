// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/common/sysfs.hpp"
#include "plugins/onewire/sensor.hpp"
#include "support/fake_clock.hpp"
#include "support/fifo.hpp"
#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"
#include "support/scratch_folder.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using plugins::onewire::is_thermometer;
using plugins::onewire::parse_w1_slave;
using testing::AllOf;
using testing::HasSubstr;

TEST(AThermometersId, HasOneOfFiveFamiliesAndTwelveDigits) {
  for (const char* id :
       {"10-000802b44c4f", "22-000000123456", "28-0316a4f1c2ff", "3b-0000001921e8", "42-00000000a0b1"}) {
    EXPECT_TRUE(is_thermometer(id)) << id;
  }
  for (const char* id : {"", "01-000014a3f2c1", "28-0316a4f1c2f", "28-0316a4f1c2fff", "28-0316A4F1C2FF",
                         "28_0316a4f1c2ff", "28-0316a4f1c2fg", "w1_bus_master1"}) {
    EXPECT_FALSE(is_thermometer(id)) << id;
  }
}

TEST(AW1SlaveFile, GivesTheTemperatureAndTheVerdictOnItsChecksum) {
  const auto good = parse_w1_slave("a3 01 4b 46 7f ff 0c 10 d8 : crc=d8 YES\na3 01 4b 46 7f ff 0c 10 d8 t=26187");
  ASSERT_TRUE(good);
  EXPECT_TRUE(good->crc_good);
  EXPECT_FALSE(good->silent);
  EXPECT_EQ(good->celsius, 26.187);
  const auto bad = parse_w1_slave("ff ff ff ff ff ff ff ff ff : crc=c9 NO\nff ff ff ff ff ff ff ff ff t=-62");
  ASSERT_TRUE(bad);
  EXPECT_FALSE(bad->crc_good);
  EXPECT_EQ(bad->celsius, -0.062);
}

TEST(AW1SlaveFile, OfNothingButZerosIsSilenceAndNotZeroDegrees) {
  const auto silent = parse_w1_slave("00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0");
  ASSERT_TRUE(silent);
  EXPECT_TRUE(silent->silent);
  const auto freezing = parse_w1_slave("00 00 4b 46 7f ff 0c 10 1c : crc=1c YES\n00 00 4b 46 7f ff 0c 10 1c t=0");
  ASSERT_TRUE(freezing);
  EXPECT_FALSE(freezing->silent);
}

TEST(AW1SlaveFile, IsNothingElseThanWhatTheKernelWrites) {
  for (const char* text : {"", "YES t=1", "a3 01 4b 46 7f ff 0c 10 d8 : crc=d8 YES", " : crc=d8 YES\n t=26187",
                           "a3 01 4b 46 7f ff 0c 10 d8 : crc=d8 YES\na3 01 4b 46 7f ff 0c 10 d8 t=",
                           "a3 01 4b 46 7f ff 0c 10 d8 : crc=d8 MAYBE\na3 01 4b 46 7f ff 0c 10 d8 t=1",
                           "a3 01 4b 46 7f ff 0c 10 d8 t=1\na3 01 4b 46 7f ff 0c 10 d8 : crc=d8 YES"}) {
    EXPECT_FALSE(parse_w1_slave(text)) << text;
  }
}

TEST(AMeasurement, TriesAGarbledAnswerOnceMore) {
  const ScratchFolder folder;
  FakeClock clock;
  plugins::Doing doing(clock);
  Fifo first(folder.path() / "w1_slave");
  std::thread writer([&] {
    first.write("ff 01 4b 46 7f ff 0c 10 d8 : crc=aa NO\nff 01 4b 46 7f ff 0c 10 d8 t=26187\n");
    Fifo second(folder.path() / "w1_slave");  // in the place of the first, which its reader has open
    first.end();
    second.write("a3 01 4b 46 7f ff 0c 10 d8 : crc=d8 YES\na3 01 4b 46 7f ff 0c 10 d8 t=26187\n");
    second.end();
  });
  const auto measured = plugins::onewire::measure(folder.path(), 0, doing);
  writer.join();
  EXPECT_EQ(measured.celsius, 26.187);
  EXPECT_EQ(measured.crc_errors, 1);
  EXPECT_EQ(measured.why, "");
}

TEST(AMeasurement, SetsTheResolutionWhereTheKernelCan) {
  const ScratchFolder folder;
  FakeClock clock;
  plugins::Doing doing(clock);
  folder.write("temperature", "21000\n");
  EXPECT_EQ(plugins::onewire::measure(folder.path(), 9, doing).why, "") << "a kernel that cannot is no fault";
  folder.write("resolution", "12\n");
  EXPECT_EQ(plugins::onewire::measure(folder.path(), 0, doing).celsius, 21.0);
  EXPECT_EQ(plugins::sysfs::read(folder.path() / "resolution"), "12");
  EXPECT_EQ(plugins::onewire::measure(folder.path(), 9, doing).celsius, 21.0);
  EXPECT_EQ(plugins::sysfs::read(folder.path() / "resolution"), "9");
  folder.write("resolution", "rubbish\n");
  const auto measured = plugins::onewire::measure(folder.path(), 9, doing);
  EXPECT_EQ(measured.celsius, 21.0);
  EXPECT_THAT(measured.why, HasSubstr("rubbish"));
}

TEST(TheOnewirePlugin, SaysWhichSensorHangsAndGoesOnWithTheOtherBuses) {
  const ScratchFolder root;
  FakeClock clock;
  const auto sensor = [&](const char* id, int bus, const char* text) {
    const auto folder = fmt::format("sys/devices/w1_bus_master{}/{}", bus, id);
    root.write(folder + "/temperature", text);
    std::filesystem::create_directories(root.path() / "sys/bus/w1/devices");
    std::filesystem::create_directory_symlink(root.path() / folder, root.path() / "sys/bus/w1/devices" / id);
  };
  sensor("28-000000000001", 1, "21000\n");
  sensor("28-000000000002", 1, "22000\n");
  sensor("28-000000000003", 2, "23000\n");
  RecordingContext context(clock);
  context.worker_threads = true;
  const PluginBlock block("onewire",
                          fmt::format("[onewire]\ninterval = \"10ms\"\nroot = \"{}\"\n", root.path().string()));
  const auto onewire = plugin("onewire")->make(context, block.block());
  ASSERT_EQ(block.complaints(), "");
  onewire->start();
  const auto all = [&] {
    return context.last("28-000000000001") && context.last("28-000000000002") && context.last("28-000000000003");
  };
  ASSERT_TRUE(context.turn_until(all));
  const Fifo hung(root.path() / "sys/devices/w1_bus_master1/28-000000000002/temperature");
  std::ptrdiff_t heard = 0;
  ASSERT_TRUE(context.turn_until([&] {
    // A second passes with each reading of the other bus, whose thread so is never late itself.
    const auto count = std::ranges::count(context.records, "28-000000000003", &RecordingContext::Record::name);
    if (std::exchange(heard, count) != count) clock.advance(1s);
    return context.last("28-000000000001")->quality == Quality::bad;
  })) << "a sensor behind one that hangs has no new values";
  EXPECT_THAT(context.faults["28-000000000002"], HasSubstr("28-000000000002/temperature does not come back"));
  EXPECT_THAT(context.faults["28-000000000001"], HasSubstr("28-000000000002/temperature does not come back"));
  EXPECT_EQ(context.last("28-000000000003")->quality, Quality::good);
  onewire->stop();
}

TEST(TheOnewirePlugin, ComplainsAboutIdsThatAreNoneAndNamesThatAreTaken) {
  RecordingContext context;
  const PluginBlock block("onewire",
                          "[onewire]\nresolution = 8\n"
                          "[[onewire.sensor]]\nid = \"28-0316A4F1C2FF\"\nname = \"tank\"\n"
                          "[[onewire.sensor]]\nid = \"28-0316a4f1c2ff\"\nname = \"tank\"\n"
                          "[[onewire.sensor]]\nid = \"28-0316a4f1c2ff\"\nname = \"a/+\"\n"
                          "[[onewire.sensor]]\nname = \"roof\"\ncolour = 1\n");
  (void)plugin("onewire")->make(context, block.block());
  EXPECT_THAT(block.complaints(),
              AllOf(HasSubstr("test.toml:2:"), HasSubstr("test.toml:4:"), HasSubstr("family 10, 22, 28"),
                    HasSubstr("test.toml:8:"), HasSubstr("\"tank\" is 28-0316A4F1C2FF already"),
                    HasSubstr("test.toml:10:"), HasSubstr("test.toml:11:"), HasSubstr("test.toml:14:")));
}

}  // namespace
}  // namespace tidegate::test
