// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <tidegate/error.hpp>
#include <tidegate/gpio.hpp>

namespace {

using namespace tidegate;

std::string complaint(std::string_view line) {
  try {
    gpio::check_line_name(line);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

gpio::ChipInfo chip(const std::string& label, const std::string& device, unsigned count, const std::string& prefix) {
  gpio::ChipInfo info;
  info.path = "/dev/" + device;
  info.label = label;
  info.device = device;
  for (unsigned offset = 0; offset < count; ++offset) {
    gpio::LineInfo line;
    line.chip = info.path;
    line.label = label;
    line.offset = offset;
    if (!prefix.empty()) line.name = prefix + std::to_string(offset);
    info.lines.push_back(line);
  }
  return info;
}

TEST(LineName, WhatSaysOneLineIsTaken) {
  for (const char* name :
       {"GPIO17", "pinctrl-bcm2711:17", "J8:11", "BOARD11", "1-0020:3", "SPI_MISO", "BOARD_ID", "a:b"}) {
    EXPECT_EQ(complaint(name), "") << name;
  }
}

TEST(LineName, WhatCouldBeTwoLinesIsRefusedWithWhatIsMeant) {
  const auto says = [](const char* name, const char* meant) {
    EXPECT_NE(complaint(name).find(meant), std::string::npos) << name << ": " << complaint(name);
  };
  says("", "no line is named");
  says("17", "write \"GPIO17\"");
  says("7", R"(write "GPIO7" or "J8:7" (which is GPIO4))");
  says("99", "pinctrl-bcm2711:17");
  says("gpiochip0:17", "another boot");
  says("gpiochip4", "another boot");
  says("/dev/gpiochip0:17", "another boot");
  says("J8:1", "is 3.3 V on the header");
  says("BOARD39", "is ground on the header");
  says("J8:", "J8:1 to J8:40");
  says("J8:0", "J8:1 to J8:40");
  says("BOARD41", "BOARD1 to BOARD40");
  says("j8:11", "is written \"J8:11\"");
  says("board11", "is written \"BOARD11\"");
  says("bcm17", "is written \"GPIO17\"");
}

TEST(FindLine, TwoChipsOfOneLabelAreToldApartByTheirDevice) {
  gpio::Chips all;
  all.chips = {chip("mcp23017", "1-0020", 16, ""), chip("mcp23017", "1-0021", 16, "")};
  EXPECT_EQ(gpio::find_line("1-0021:3", all).chip, "/dev/1-0021");
  try {
    static_cast<void>(gpio::find_line("mcp23017:3", all));
    FAIL() << "one of two was taken";
  } catch (const UnavailableError& error) {
    EXPECT_NE(std::string(error.what()).find(R"("1-0020:3" or "1-0021:3")"), std::string::npos) << error.what();
  }
}

TEST(FindLine, TheHeaderOfEveryModelIsThatOfItsOwnChip) {
  for (const char* label : {"pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"}) {
    gpio::Chips all;
    all.chips = {chip("raspberrypi-exp-gpio", "soc:firmware:gpio", 8, "EXP"), chip(label, "1f000d0000.gpio", 54, "")};
    for (const char* name : {"GPIO17", "J8:11", "BOARD11"}) {
      EXPECT_EQ(gpio::find_line(name, all).label, label) << name;
      EXPECT_EQ(gpio::find_line(name, all).offset, 17U) << name;
    }
    EXPECT_THROW(static_cast<void>(gpio::find_line("GPIO28", all)), UnavailableError);
  }
}

TEST(FindLine, AChipThatMayNotBeOpenedIsToldWithTheMend) {
  gpio::Chips all;
  all.refused = {"/dev/gpiochip0"};
  try {
    static_cast<void>(gpio::find_line("GPIO17", all));
    FAIL() << "found on no chip";
  } catch (const UnavailableError& error) {
    EXPECT_NE(std::string(error.what()).find("/dev/gpiochip0"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("usermod -aG gpio"), std::string::npos) << error.what();
  }
}

}  // namespace
