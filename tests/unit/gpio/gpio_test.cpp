// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"

namespace tidegate::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string complaints(const std::string& text) {
  RecordingContext context;
  const PluginBlock block("gpio", text);
  static_cast<void>(plugin("gpio")->make(context, block.block()));
  return block.complaints();
}

TEST(TheGpioConfiguration, IsTakenWithEverythingInIt) {
  EXPECT_EQ(complaints(R"(
[[gpio.input]]
name = "door"
line = "GPIO17"
bias = "pull-up"
active_low = true
debounce = "10ms"
topic = "loft/door"
[[gpio.counter]]
name = "power"
line = "J8:15"
factor = 0.001
unit = "kWh"
per = "hour"
rate_unit = "kW"
[[gpio.output]]
name = "up"
line = "pinctrl-bcm2711:23"
interlock = "blind"
interlock_wait = "500ms"
max_on = "30s"
initial = "on"
[[gpio.output]]
name = "down"
line = "BOARD18"
interlock = "blind"
[[gpio.pwm]]
name = "fan"
line = "pwm:fe20c000.pwm:0"
frequency = 25000
[[gpio.rgb]]
name = "mood"
red = "GPIO5"
green = "GPIO6"
blue = "GPIO13"
command_topic = "IoT101/Message"
[[gpio.servo]]
name = "gate"
line = "GPIO12"
)"),
            "");
}

TEST(TheGpioConfiguration, SaysWhereTwoNamesHaveOneLineHoweverItIsSpelled) {
  EXPECT_THAT(
      complaints("[[gpio.input]]\nname = \"a\"\nline = \"GPIO17\"\n[[gpio.output]]\nname = \"b\"\nline = \"J8:11\"\n"),
      AllOf(HasSubstr("test.toml:6:"), HasSubstr("J8:11"), HasSubstr("a at test.toml:3:")));
}

TEST(TheGpioConfiguration, SaysWhereOneNameIsTwice) {
  EXPECT_THAT(
      complaints("[[gpio.input]]\nname = \"a\"\nline = \"GPIO17\"\n[[gpio.output]]\nname = \"a\"\nline = \"GPIO18\"\n"),
      AllOf(HasSubstr("test.toml:5:"), HasSubstr("test.toml:1:")));
}

TEST(TheGpioConfiguration, SaysThatADebounceNeedsAUnit) {
  EXPECT_THAT(complaints("[[gpio.input]]\nname = \"a\"\nline = \"GPIO17\"\ndebounce = 10\n"),
              AllOf(HasSubstr("test.toml:4:"), HasSubstr("\"10ms\"")));
}

TEST(TheGpioConfiguration, SaysHowALineIsNamed) {
  for (const auto* line : {"17", "gpiochip0:17", "J8:41", "J8:1", "BOARD0"}) {
    EXPECT_THAT(complaints(std::string("[[gpio.input]]\nname = \"a\"\nline = \"") + line + "\"\n"),
                HasSubstr("test.toml:3:"))
        << line;
  }
}

TEST(TheGpioConfiguration, SaysThatALineCannotBePulsedFast) {
  EXPECT_THAT(complaints("[[gpio.pwm]]\nname = \"a\"\nline = \"GPIO18\"\nfrequency = 25000\n"),
              AllOf(HasSubstr("test.toml:4:"), HasSubstr("pwm:")));
}

TEST(TheGpioConfiguration, SaysThatTwoOfAGroupCannotBeOn) {
  EXPECT_THAT(complaints("[[gpio.output]]\nname = \"a\"\nline = \"GPIO1\"\ninterlock = \"x\"\ninitial = \"on\"\n"
                         "[[gpio.output]]\nname = \"b\"\nline = \"GPIO2\"\ninterlock = \"x\"\ninitial = \"on\"\n"),
              AllOf(HasSubstr("test.toml:10:"), HasSubstr("a of the same interlock group")));
}

TEST(TheGpioConfiguration, SaysThatAnOutputCannotObeyItself) {
  EXPECT_THAT(complaints("[[gpio.output]]\nname = \"a\"\nline = \"GPIO1\"\ntopic = \"x\"\ncommand_topic = \"x\"\n"),
              HasSubstr("test.toml:5:"));
}

TEST(TheGpioConfiguration, SaysWhatIsWrongWithTheRest) {
  EXPECT_THAT(complaints("[[gpio.output]]\nname = \"a b\"\nline = \"GPIO1\"\nsafe = \"on\"\nmax_on = \"1m\"\ninitial = "
                         "\"high\"\ncolour = 1\n"),
              AllOf(HasSubstr("test.toml:2:"), HasSubstr("test.toml:5:"), HasSubstr("test.toml:6:"),
                    HasSubstr("test.toml:7:")));
  EXPECT_THAT(
      complaints(
          "[[gpio.rgb]]\nname = \"a\"\nred = \"GPIO1\"\ngreen = \"GPIO2\"\nblue = \"GPIO1\"\ninitial = \"reddish\"\n"),
      AllOf(HasSubstr("test.toml:5:"), HasSubstr("test.toml:6:")));
  EXPECT_THAT(complaints("[[gpio.servo]]\nname = \"a\"\nline = \"GPIO1\"\nmin_pulse = \"2ms\"\nmax_pulse = \"1ms\"\n"),
              HasSubstr("test.toml:5:"));
  EXPECT_THAT(complaints("[[gpio.pwm]]\nname = \"a\"\nline = \"pwm:0\"\n"), HasSubstr("test.toml:3:"));
}

TEST(TheGpioConfiguration, SaysWhereAnInterlockOrALinkOrATopicIsMisspelled) {
  EXPECT_THAT(complaints("[[gpio.output]]\nname = \"a\"\nline = \"GPIO1\"\ninterlock = \"motr\"\n"),
              AllOf(HasSubstr("test.toml:4:"), HasSubstr("alone")));
  EXPECT_THAT(
      complaints("[[gpio.output]]\nname = \"a\"\nline = \"GPIO1\"\nsafe_after = \"10s\"\nsafe_link = \"clod\"\n"),
      AllOf(HasSubstr("test.toml:5:"), HasSubstr("no upstream \"clod\"")));
  EXPECT_EQ(
      complaints("[[gpio.output]]\nname = \"a\"\nline = \"GPIO1\"\nsafe_after = \"10s\"\nsafe_link = \"cloud\"\n"), "");
  EXPECT_THAT(complaints("[[gpio.output]]\nname = \"a\"\nline = \"GPIO1\"\ntopic = \"x\"\n"
                         "[[gpio.input]]\nname = \"b\"\nline = \"GPIO2\"\ntopic = \"x\"\n"),
              AllOf(HasSubstr("is the topic of the one at"), HasSubstr("test.toml:")));
}

/// Nothing here has such a line: the part fails, and says so; the plugin runs.
TEST(AGpioPart, WhoseLineIsNotThereIsInHealthWithItsPlaceWhileThePluginRuns) {
  RecordingContext context;
  const PluginBlock block("gpio", "[[gpio.input]]\nname = \"a\"\nline = \"no-such-line-here\"\n");
  const auto gpio = plugin("gpio")->make(context, block.block());
  ASSERT_EQ(block.complaints(), "");
  gpio->start();
  ASSERT_TRUE(context.faults.contains("a"));
  EXPECT_THAT(context.faults["a"], AllOf(HasSubstr("test.toml:1:"), HasSubstr("no-such-line-here")));
  gpio->stop();
  EXPECT_TRUE(context.records.empty());
}

}  // namespace
}  // namespace tidegate::test
