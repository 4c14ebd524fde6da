// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/common/sysfs.hpp"

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "plugins/common/device.hpp"
#include "support/scratch_folder.hpp"

namespace tidegate::plugins {
namespace {

namespace fs = std::filesystem;
using test::ScratchFolder;
using testing::ElementsAre;
using testing::HasSubstr;

template <class Read>
int code_of(Read read) {
  try {
    read();
  } catch (const SystemError& error) {
    return error.code();
  }
  return 0;
}

TEST(ASysfsFile, IsReadWithoutTheBlanksAroundIt) {
  const ScratchFolder folder;
  folder.write("name", "  coretemp \n");
  folder.write("empty", "\n");
  EXPECT_EQ(sysfs::read(folder.path() / "name"), "coretemp");
  EXPECT_EQ(sysfs::read(folder.path() / "empty"), "");
  EXPECT_EQ(sysfs::read_if_there(folder.path() / "name"), "coretemp");
  EXPECT_EQ(sysfs::read_if_there(folder.path() / "missing"), std::nullopt);
}

TEST(ASysfsFile, SaysWhatTheKernelSaidWhenItCannotBeRead) {
  const ScratchFolder folder;
  EXPECT_EQ(code_of([&] { (void)sysfs::read(folder.path() / "missing"); }), ENOENT);
  EXPECT_EQ(code_of([&] { (void)sysfs::read("/proc/self/mem"); }), EIO);
  EXPECT_EQ(code_of([&] { (void)sysfs::read_if_there("/proc/self/mem"); }), EIO);
  EXPECT_EQ(code_of([&] { (void)sysfs::read(folder.path()); }), EISDIR);
  EXPECT_EQ(code_of([&] { sysfs::write(folder.path() / "missing", "1"); }), ENOENT);
}

TEST(ASysfsFile, IsANumberOrAnErrorThatQuotesIt) {
  const ScratchFolder folder;
  folder.write("good", "-12500\n");
  folder.write("bad", "12 apples\n");
  EXPECT_EQ(sysfs::number(folder.path() / "good"), -12500.0);
  try {
    (void)sysfs::number(folder.path() / "bad");
    FAIL() << "apples are a number";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("12 apples"));
  }
}

TEST(ASysfsNumber, IsTheWholeTextAndFinite) {
  EXPECT_EQ(sysfs::to_number("0.000598"), 0.000598);
  EXPECT_EQ(sysfs::to_number("+3"), 3.0);
  EXPECT_EQ(sysfs::to_number("-0"), 0.0);
  for (const char* text : {"", "nan", "NaN", "inf", "-inf", "1 2", "1.5 dB", "0x10", "1e999", "--1"}) {
    EXPECT_EQ(sysfs::to_number(text), std::nullopt) << text;
  }
}

TEST(ASysfsFolder, IsListedInNaturalOrder) {
  const ScratchFolder folder;
  for (const char* name : {"temp10_input", "temp2_input", "in0_input", "temp1_input", "temp01_input"}) {
    folder.write(name, "");
  }
  EXPECT_THAT(sysfs::list(folder.path()),
              ElementsAre("in0_input", "temp01_input", "temp1_input", "temp2_input", "temp10_input"));
  EXPECT_THAT(sysfs::list(folder.path() / "missing"), ElementsAre());
}

TEST(ATopicLevel, HasNothingInItThatATopicCannotHave) {
  EXPECT_EQ(sysfs::level("Package id 0"), "Package_id_0");
  EXPECT_EQ(sysfs::level("+3.3V/#1\x01\xc3\xa4"), "_3.3V__1___");
}

std::vector<std::string> named(DeviceNames& names, std::vector<std::pair<std::string, std::string>> devices) {
  std::vector<Device> there;
  for (auto& [path, name] : devices) there.push_back({{}, path, name, {}});
  names.assign(there);
  std::vector<std::string> result;
  for (const auto& device : there) result.push_back(device.name);
  return result;
}

TEST(DevicesOfOneName, AreNumberedInTheirOrderAndKeepTheirNumbers) {
  DeviceNames names;
  EXPECT_THAT(named(names, {{"a", "lm75"}, {"b", "lm75"}, {"c", "nvme"}, {"d", "lm75"}}),
              ElementsAre("lm75", "lm75-2", "nvme", "lm75-3"));
  EXPECT_THAT(named(names, {{"b", "lm75"}, {"d", "lm75"}}), ElementsAre("lm75-2", "lm75-3"))
      << "others took their names";
  EXPECT_THAT(named(names, {{"a", "lm75"}, {"b", "lm75"}, {"d", "lm75"}}), ElementsAre("lm75", "lm75-2", "lm75-3"))
      << "one that returned has another name";
}

TEST(ADeviceThatReturnsElsewhere, GetsTheNameThatIsFree) {
  DeviceNames names;
  EXPECT_THAT(named(names, {{"usb1.0003", "psu"}, {"usb2.0004", "psu"}}), ElementsAre("psu", "psu-2"));
  EXPECT_THAT(named(names, {{"usb1.0005", "psu"}, {"usb2.0004", "psu"}}), ElementsAre("psu", "psu-2"));
}

TEST(ADeviceThatIsCalledAsAnotherIsNumbered, DoesNotTakeItsName) {
  DeviceNames names;
  EXPECT_THAT(named(names, {{"a", "x-2"}, {"b", "x"}, {"c", "x"}}), ElementsAre("x-2", "x", "x-3"));
}

TEST(FoundDevices, AreOrderedByTheirPlaceAndNotByTheirNumber) {
  const ScratchFolder root;
  root.write("sys/devices/b/hwmon/hwmon0/name", "one\n");
  root.write("sys/devices/a10/hwmon/hwmon1/name", "two\n");
  root.write("sys/devices/a9/hwmon/hwmon2/name", "\n");
  root.write("sys/devices/a9/hwmon/hwmon2/device/name", "three\n");
  root.write("sys/devices/a1/hwmon/hwmon7/other", "\n");
  fs::create_directories(root.path() / "sys/class/hwmon");
  for (const auto& [link, target] : std::vector<std::pair<std::string, std::string>>{{"hwmon0", "b/hwmon/hwmon0"},
                                                                                     {"hwmon1", "a10/hwmon/hwmon1"},
                                                                                     {"hwmon2", "a9/hwmon/hwmon2"},
                                                                                     {"hwmon7", "a1/hwmon/hwmon7"}}) {
    fs::create_directory_symlink("../../devices/" + target, root.path() / "sys/class/hwmon" / link);
  }
  root.write("sys/class/hwmon/hwmonitor/name", "no chip\n");
  std::vector<std::string> names;
  for (const auto& device : find_devices(root.path(), "sys/class/hwmon", "hwmon", {"name", "device/name"})) {
    names.push_back(device.path);
  }
  EXPECT_THAT(names, ElementsAre("sys/devices/a1/hwmon hwmon7", "sys/devices/a9/hwmon three",
                                 "sys/devices/a10/hwmon two", "sys/devices/b/hwmon one"));
}

}  // namespace
}  // namespace tidegate::plugins
