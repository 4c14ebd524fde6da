// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/line_verbs.hpp"

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"

namespace tidegate::gateway {
namespace {

using control::Json;

class LineVerbsOfAGateway : public testing::Test {
 protected:
  LineVerbsOfAGateway() {
    lamp = audience.add("tidegate/gw/gpio/lamp/set", [this](const Heard& heard) {
      if (heard.message.payload == "ON") {
        seen("tidegate/gw/gpio/lamp", "ON");
      } else {
        *heard.refusal = "it has to be ON";
      }
    });
  }
  void seen(const std::string& topic, const std::string& payload) {
    Message reading;
    reading.topic = topic;
    reading.payload = payload;
    verbs.seen(reading);
  }
  Json call(const char* verb, Json arguments) {
    arguments["verb"] = verb;
    return control.call(arguments);
  }

  config::Config config = config::parse(R"([gateway]
id = "gw"
[[gpio.input]]
name = "door"
line = "GPIO17"
[[gpio.output]]
name = "lamp"
line = "GPIO27"
[[gpio.rgb]]
name = "mood"
red = "GPIO5"
green = "GPIO6"
blue = "GPIO13"
)",
                                        "t.toml", {"gpio"});
  Loop loop;
  test::FakeClock clock;
  Audience audience{loop, clock};
  Listening lamp;
  control::Control control;
  LineVerbs verbs{config, audience, control};
};

TEST_F(LineVerbsOfAGateway, ListEachNamedLineOnce) {
  const auto lines = call("line.list", Json::object())["result"]["lines"];
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["name"], "door");
  EXPECT_EQ(lines[0]["output"], false);
  EXPECT_EQ(lines[1]["topic"], "tidegate/gw/gpio/lamp");
  EXPECT_EQ(lines[2]["lines"], Json({"GPIO5", "GPIO6", "GPIO13"}));
}

TEST_F(LineVerbsOfAGateway, ReadWhatWasPublishedLast) {
  EXPECT_EQ(call("line.read", {{"name", "door"}})["kind"], "unavailable");
  seen("tidegate/gw/gpio/door", "ON");
  seen("tidegate/gw/gpio/door", "OFF");
  seen("tidegate/gw/sysstat/load/1", "0.3");
  EXPECT_EQ(call("line.read", {{"name", "door"}})["result"]["value"], "OFF");
  EXPECT_EQ(call("line.read", {{"name", "dor"}})["error"], "there is no line 'dor'; the lines are door, lamp, mood");
  EXPECT_EQ(call("line.read", Json::object())["kind"], "argument");
}

TEST_F(LineVerbsOfAGateway, SetAnOutputAndSayWhyNot) {
  EXPECT_EQ(call("line.set", {{"name", "lamp"}, {"value", "ON"}})["result"]["value"], "ON");
  EXPECT_EQ(call("line.set", {{"name", "lamp"}, {"value", "blue"}})["error"], "lamp: it has to be ON");
  EXPECT_EQ(call("line.set", {{"name", "door"}, {"value", "ON"}})["kind"], "refused");
  EXPECT_EQ(call("line.set", {{"name", "mood"}, {"value", "red"}})["kind"], "unavailable") << "nobody listens";
  EXPECT_EQ(call("line.set", {{"name", "lamp"}, {"value", 1}})["kind"], "argument");
}

TEST_F(LineVerbsOfAGateway, TellWhatALineReadsAndWhatHappensThere) {
  std::vector<Json> told;
  const auto ear = control.listen([&](const Json& event) { told.push_back(event); });
  seen("tidegate/gw/gpio/door", "ON");
  seen("tidegate/gw/gpio/door/event", "press");
  seen("tidegate/gw/gpio/other/event", "press");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0], (Json{{"event", "line"}, {"name", "door"}, {"value", "ON"}}));
  EXPECT_EQ(told[1], (Json{{"event", "line"}, {"name", "door"}, {"happened", "press"}}));
  verbs.configured();
  EXPECT_EQ(call("line.read", {{"name", "door"}})["result"]["value"], "ON") << "what is known, stays";
}

}  // namespace
}  // namespace tidegate::gateway
