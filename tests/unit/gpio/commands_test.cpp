// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/commands.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/recording_context.hpp"

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class TheCommands : public testing::Test {
 protected:
  test::StillClock clock;
  test::RecordingContext context{clock};
  std::vector<std::string> obeyed;
  std::vector<std::int64_t> refused;

  void make(bool retained_allowed) {
    commands.emplace(context, "lamp", "lamp", retained_allowed);
    commands->on("set", [this](const std::string& payload) {
      if (payload == "bad") throw Refused("it is bad");
      obeyed.push_back(payload);
    });
    commands->on_refused([this](std::int64_t count) { refused.push_back(count); });
  }
  static Heard heard(const std::string& payload) {
    Heard heard;
    heard.message.topic = "lamp/set";
    heard.message.payload = payload;
    return heard;
  }

  std::optional<Commands> commands;
};

TEST_F(TheCommands, AreObeyedWithoutTheBlanksAroundThem) {
  make(false);
  context.tell(heard(" ON\r\n"));
  context.tell("lamp/other", "OFF");
  EXPECT_THAT(obeyed, ElementsAre("ON"));
  EXPECT_THAT(refused, IsEmpty());
}

TEST_F(TheCommands, AreRefusedWhenRetainedUnlessThatIsAllowed) {
  auto kept = heard("ON");
  kept.message.retain = true;
  make(false);
  context.tell(kept);
  EXPECT_THAT(obeyed, IsEmpty());
  EXPECT_THAT(refused, ElementsAre(1));
}

TEST_F(TheCommands, AreObeyedWhenRetainedAndThatIsAllowed) {
  auto kept = heard("ON");
  kept.message.retain = true;
  make(true);
  context.tell(kept);
  EXPECT_THAT(obeyed, ElementsAre("ON"));
}

TEST_F(TheCommands, AreRefusedFromTheirExpiryOn) {
  make(true);
  auto command = heard("ON");
  command.deadline = clock.boot() + 5s;
  context.tell(command);
  clock.advance(5s);
  context.tell(command);
  EXPECT_THAT(obeyed, ElementsAre("ON"));
  EXPECT_THAT(refused, ElementsAre(1));
}

TEST_F(TheCommands, AreCountedOneByOneWhenTheyMakeNoSense) {
  make(false);
  context.tell(heard("bad"));
  context.tell(heard("ON"));
  context.tell(heard("bad"));
  EXPECT_THAT(refused, ElementsAre(1, 2));
  EXPECT_EQ(commands->refused(), 2);
}

TEST(ASwitchPayload, IsOneOfSixWords) {
  for (const auto* on : {"ON", "on", "1", "true", "TRUE"}) EXPECT_EQ(parse_switch(on), true) << on;
  for (const auto* off : {"OFF", "Off", "0", "false"}) EXPECT_EQ(parse_switch(off), false) << off;
  for (const auto* other : {"", "2", "yes", "ONN", "TOGGLE"}) EXPECT_EQ(parse_switch(other), std::nullopt) << other;
}

TEST(ANumberPayload, IsWithinItsRange) {
  EXPECT_EQ(parse_number("12.5", 0, 100, "%"), 12.5);
  for (const auto* bad : {"", "x", "1x", "-1", "100.1", "nan", "inf"})
    EXPECT_THROW(static_cast<void>(parse_number(bad, 0, 100, "%")), Refused) << bad;
}

}  // namespace
}  // namespace tidegate::plugins::gpio
