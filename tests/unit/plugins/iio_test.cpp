// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/common/sysfs.hpp"
#include "plugins/iio/channel.hpp"
#include "plugins/iio/scan.hpp"
#include "support/fifo.hpp"
#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"
#include "support/scratch_folder.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using plugins::iio::attribute_names;
using plugins::iio::Conversion;
using plugins::iio::parse_scan_element;
using plugins::iio::Scan;
using plugins::iio::ScanElement;
using plugins::iio::type_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::int64_t> decoded(const std::vector<const char*>& forms, const std::vector<unsigned>& bytes) {
  std::vector<ScanElement> elements;
  for (const char* form : forms) elements.push_back(parse_scan_element(form).value());
  std::vector<std::byte> raw;
  for (const unsigned byte : bytes) raw.push_back(static_cast<std::byte>(byte));
  const Scan scan(elements);
  EXPECT_EQ(scan.size(), raw.size());
  if (scan.size() != raw.size()) return {};
  return scan.decode(raw);
}

TEST(AScanElement, IsReadFromTheKernelsForm) {
  EXPECT_EQ(parse_scan_element("le:s12/16>>4"), (ScanElement{false, true, 12, 16, 4, 1}));
  EXPECT_EQ(parse_scan_element("be:u24/32>>8"), (ScanElement{true, false, 24, 32, 8, 1}));
  EXPECT_EQ(parse_scan_element("le:s64/64>>0"), (ScanElement{false, true, 64, 64, 0, 1}));
  EXPECT_EQ(parse_scan_element("le:s16/32X4>>0"), (ScanElement{false, true, 16, 32, 0, 4}));
  EXPECT_EQ(parse_scan_element("le:u8/8"), (ScanElement{false, false, 8, 8, 0, 1}));
}

TEST(AScanElement, IsNothingWhenItCannotBeDecoded) {
  for (const char* form :
       {"", "le:", "me:s12/16>>4", "le:f32/32>>0", "le:s12", "le:s0/16>>0", "le:s17/16>>0", "le:s12/16>>5",
        "le:s12/24>>0", "le:s12/16>>4 ", "le:s12/16X0>>0", "le:s12/128>>0", "le:s-1/16>>0", "le:s12/16>>4294967295"}) {
    EXPECT_FALSE(parse_scan_element(form)) << form;
  }
}

TEST(AScan, TakesTheBitsOfEachElementInItsOrderOfBytesWithItsSign) {
  EXPECT_THAT(decoded({"le:s12/16>>4"}, {0xf0, 0xff}), ElementsAre(-1));
  EXPECT_THAT(decoded({"le:u12/16>>4"}, {0xf0, 0xff}), ElementsAre(4095));
  EXPECT_THAT(decoded({"le:s12/16>>4"}, {0x0f, 0x80}), ElementsAre(-2048)) << "what is beside the value counts";
  EXPECT_THAT(decoded({"be:s16/16"}, {0x80, 0x01}), ElementsAre(-32767));
  EXPECT_THAT(decoded({"be:u24/32>>8"}, {0x12, 0x34, 0x56, 0xff}), ElementsAre(0x123456));
  EXPECT_THAT(decoded({"le:s8/8"}, {0x80}), ElementsAre(-128));
  EXPECT_THAT(decoded({"le:s64/64"}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), ElementsAre(-1));
  EXPECT_THAT(decoded({"be:u64/64"}, {0xff, 0, 0, 0, 0, 0, 0, 0}), ElementsAre(INT64_MAX));
}

TEST(AScan, AlignsEachElementToItsSizeAndTheWholeToTheLargest) {
  EXPECT_THAT(
      decoded({"le:s8/8", "le:s16/16", "le:s64/64"}, {1, 0xee, 2, 0, 0xee, 0xee, 0xee, 0xee, 3, 0, 0, 0, 0, 0, 0, 0}),
      ElementsAre(1, 2, 3));
  EXPECT_THAT(decoded({"le:s32/32", "le:s8/8"}, {1, 0, 0, 0, 2, 0xee, 0xee, 0xee}), ElementsAre(1, 2));
  // Four values of 16 bits are aligned to 8 bytes; the first of them counts.
  EXPECT_THAT(decoded({"le:s16/16", "le:s16/16X4"}, {1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0}),
              ElementsAre(1, 2));
  EXPECT_THAT(decoded({}, {}), IsEmpty());
}

TEST(AnAttributeOfAChannel, StandsAtTheChannelOrIsShared) {
  EXPECT_THAT(attribute_names("voltage0", "scale"),
              ElementsAre("in_voltage0_scale", "in_voltage_scale", "in_scale", "scale"));
  EXPECT_THAT(attribute_names("voltage0-voltage1", "scale"),
              ElementsAre("in_voltage0-voltage1_scale", "in_voltage-voltage_scale", "in_scale", "scale"));
  EXPECT_THAT(attribute_names("accel_x", "offset"),
              ElementsAre("in_accel_x_offset", "in_accel_offset", "in_offset", "offset"));
  EXPECT_THAT(attribute_names("voltage0_i", "scale"),
              ElementsAre("in_voltage0_i_scale", "in_voltage0_scale", "in_voltage_i_scale", "in_voltage_scale",
                          "in_scale", "scale"));
  EXPECT_THAT(attribute_names("accel_x_peak", "scale"),
              ElementsAre("in_accel_x_peak_scale", "in_accel_peak_scale", "in_accel_x_scale", "in_accel_scale",
                          "in_scale", "scale"));
}

TEST(ARawValue, IsOffsetThenScaledThenTakenToOurUnit) {
  EXPECT_EQ((Conversion{type_of("temp"), 12420, 2.941176})(-2000), 30.64705392);
  EXPECT_EQ((Conversion{type_of("voltage3"), 0, 1})(3300), 3.3);
  EXPECT_EQ((Conversion{type_of("pressure"), 0, 1})(101.325), 1013.25);
  EXPECT_EQ(type_of("voltage0-voltage1").unit, "V");
  EXPECT_EQ(type_of("anglvel_x").unit, "rad/s");
  EXPECT_EQ(type_of("angl0").unit, "rad");
  EXPECT_EQ(type_of("velocity_sqrt(x^2+y^2+z^2)").unit, "m/s");
  EXPECT_EQ(type_of("frobnication7").unit, "");
}

TEST(ARawValue, ThatCannotBeIsUncertain) {
  EXPECT_EQ((Conversion{type_of("temp")}).outcome("temp", -274000).quality, Quality::uncertain);
  EXPECT_EQ((Conversion{type_of("temp")}).outcome("temp", -273000).quality, Quality::good);
  EXPECT_EQ((Conversion{type_of("humidityrelative")}).outcome("humidityrelative", 100001).quality, Quality::uncertain);
}

/// A device with a buffer, whose node is a pipe.
struct IioBufferTest : testing::Test {
  static constexpr const char* device = "sys/bus/iio/devices/iio:device0/";

  IioBufferTest() {
    write("name", "adc");
    write("in_voltage0_raw", "1");
    write("in_voltage1_raw", "1");
    write("in_voltage_scale", "0.5");
    write("in_temp_raw", "1");
    write("in_temp_offset", "100");
    write("in_temp_scale", "10");
    write("current_timestamp_clock", "monotonic");
    write("buffer/enable", "0");
    write("buffer/length", "2");
    write("trigger/current_trigger", "");
    element("voltage1", "1", "le:u12/16>>0");
    element("voltage0", "0", "le:u12/16>>0");
    element("temp", "5", "be:s16/16>>0");
    element("timestamp", "9", "le:s64/64>>0");
    root.write("sys/bus/iio/devices/trigger0/name", "tick\n");
  }
  void write(const std::string& file, const std::string& text) const { root.write(device + file, text + '\n'); }
  void element(const std::string& name, const std::string& index, const std::string& form) const {
    write("scan_elements/in_" + name + "_en", "0");
    write("scan_elements/in_" + name + "_index", index);
    write("scan_elements/in_" + name + "_type", form);
  }
  [[nodiscard]] std::string read(const std::string& file) const {
    return plugins::sysfs::read(root.path() / (device + file));
  }
  std::unique_ptr<Plugin> make(const std::string& buffer) {
    block.emplace("iio", fmt::format("[iio]\ninterval = \"10ms\"\nroot = \"{}\"\n[[iio.buffer]]\n{}",
                                     root.path().string(), buffer));
    auto iio = plugin("iio")->make(context, block->block());
    EXPECT_EQ(block->complaints(), "");
    return iio;
  }

  const ScratchFolder root;
  const StillClock clock;
  RecordingContext context{clock};
  std::optional<PluginBlock> block;
};

TEST_F(IioBufferTest, EachScanIsPublishedAtTheTimeThatTheKernelGaveIt) {
  Fifo node(root.path() / "dev/iio:device0");
  const auto iio = make("device = \"adc\"\ntrigger = \"tick\"\nchannels = [\"temp\", \"voltage1\"]\nlength = 64\n");
  iio->start();
  EXPECT_THAT(context.faults, IsEmpty());
  EXPECT_THAT(context.records, IsEmpty()) << "a device whose buffer runs is read besides";
  EXPECT_EQ(read("buffer/enable"), "1");
  EXPECT_EQ(read("buffer/length"), "64");
  EXPECT_EQ(read("trigger/current_trigger"), "tick");
  EXPECT_EQ(read("current_timestamp_clock"), "realtime");
  EXPECT_EQ(read("scan_elements/in_voltage0_en"), "0");
  EXPECT_EQ(read("scan_elements/in_voltage1_en"), "1");
  EXPECT_EQ(read("scan_elements/in_timestamp_en"), "1");

  node.write("\xd0\x07\x00\x64\0\0\0\0\x00\xca\x9a\x3b\0\0\0\0"s + "\xff\x0f\xff\x38\0\0\0\0\x00\x94\x35\x77\0\0\0\0"s);
  ASSERT_TRUE(context.turn_until([&] { return context.records.size() >= 4; }));
  ASSERT_EQ(context.records.size(), 4U);
  const auto expect = [&](std::size_t n, const char* name, double value, const char* unit, std::chrono::seconds taken) {
    EXPECT_EQ(context.records[n].name, name);
    EXPECT_EQ(context.records[n].reading.value, Value(value));
    EXPECT_EQ(context.records[n].reading.unit, unit);
    EXPECT_EQ(context.records[n].reading.taken, WallTime(taken));
  };
  expect(0, "adc/voltage1", 1.0, "V", 1s);
  expect(1, "adc/temp", 2.0, "°C", 1s);
  expect(2, "adc/voltage1", 2.0475, "V", 2s);
  expect(3, "adc/temp", -1.0, "°C", 2s);

  iio->stop();
  EXPECT_EQ(read("buffer/enable"), "0");
  EXPECT_EQ(read("trigger/current_trigger"), "");
  for (const char* name : {"voltage0", "voltage1", "temp", "timestamp"}) {
    EXPECT_EQ(read(fmt::format("scan_elements/in_{}_en", name)), "0") << name;
  }
}

TEST_F(IioBufferTest, ABufferThatEndsIsSaidAndStartedAnew) {
  Fifo node(root.path() / "dev/iio:device0");
  const auto iio = make("device = \"adc\"\ntrigger = \"tick\"\nchannels = [\"voltage0\"]\n");
  iio->start();
  const std::string scan = "\x10\0\0\0\0\0\0\0\0\xca\x9a\x3b\0\0\0\0"s;
  node.write(scan);
  ASSERT_TRUE(context.turn_until([&] { return context.records.size() == 1; }));
  node.end();
  // It may be well again before we look.
  ASSERT_TRUE(context.turn_until([&] { return context.last("adc/voltage0")->quality == Quality::bad; }));
  EXPECT_GE(context.degraded_calls, 1);
  ASSERT_TRUE(context.turn_until([&] { return context.faults.empty() && read("buffer/enable") == "1"; }));
  node.write(scan);
  ASSERT_TRUE(context.turn_until([&] { return context.last("adc/voltage0")->quality == Quality::good; }));
  iio->stop();
}

TEST_F(IioBufferTest, ABufferThatSomebodySwitchedOffIsStartedAnew) {
  const Fifo node(root.path() / "dev/iio:device0");
  const auto iio = make("device = \"adc\"\ntrigger = \"tick\"\n");
  iio->start();
  write("buffer/enable", "0");
  ASSERT_TRUE(context.turn_until([&] { return context.degraded_calls == 2; })) << "it was not said, or did not heal";
  EXPECT_THAT(context.faults, IsEmpty());
  EXPECT_EQ(read("buffer/enable"), "1");
  iio->stop();
}

TEST_F(IioBufferTest, WhatABufferCannotHaveIsSaidAndLeavesNothingOn) {
  const Fifo node(root.path() / "dev/iio:device0");
  const auto fault = [&](const std::string& name, const std::string& buffer) {
    const auto iio = make(buffer);
    iio->start();
    EXPECT_EQ(read("buffer/enable"), "0");
    EXPECT_EQ(read("trigger/current_trigger"), "");
    EXPECT_EQ(read("scan_elements/in_timestamp_en"), "0");
    iio->stop();
    return context.faults[name];
  };
  EXPECT_THAT(fault("adc", "device = \"adc\"\ntrigger = \"tock\"\n"), AllOf(HasSubstr("\"tock\""), HasSubstr("tick")));
  EXPECT_THAT(fault("adc", "device = \"adc\"\ntrigger = \"tick\"\nchannels = [\"current0\"]\n"),
              AllOf(HasSubstr("\"current0\""), HasSubstr("voltage0")));
  EXPECT_THAT(fault("dac", "device = \"dac\"\ntrigger = \"tick\"\n"), HasSubstr("no device \"dac\""));
  element("temp", "5", "le:f32/32>>0");
  EXPECT_THAT(fault("adc", "device = \"adc\"\ntrigger = \"tick\"\n"), HasSubstr("le:f32/32>>0"));
}

TEST_F(IioBufferTest, ADeviceThatHangsHoldsUpNoOther) {
  context.worker_threads = true;
  root.write("sys/bus/iio/devices/iio:device1/name", "quick\n");
  root.write("sys/bus/iio/devices/iio:device1/in_temp_input", "30000\n");
  const Fifo hung(root.path() / (std::string(device) + "in_voltage1_raw"));
  block.emplace("iio", fmt::format("[iio]\ninterval = \"10ms\"\nroot = \"{}\"\n", root.path().string()));
  const auto iio = plugin("iio")->make(context, block->block());
  iio->start();
  ASSERT_TRUE(context.turn_until([&] { return context.records.size() >= 3; }));
  for (const auto& record : context.records) EXPECT_EQ(record.name, "quick/temp");
  iio->stop();
}

TEST(TheIioPlugin, ComplainsAboutBuffersThatLackSomethingOrAreThereTwice) {
  RecordingContext context;
  const PluginBlock block("iio",
                          "[iio]\n[[iio.buffer]]\ntrigger = \"tick\"\nlength = 1\n"
                          "[[iio.buffer]]\ndevice = \"adc\"\n"
                          "[[iio.buffer]]\ndevice = \"adc\"\ntrigger = \"tick\"\nspeed = 3\n");
  (void)plugin("iio")->make(context, block.block());
  EXPECT_THAT(block.complaints(), AllOf(HasSubstr("device"), HasSubstr("test.toml:4:"), HasSubstr("trigger"),
                                        HasSubstr("test.toml:8:"), HasSubstr("test.toml:10:")));
}

}  // namespace
}  // namespace tidegate::test
