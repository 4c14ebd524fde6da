// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plugin_block.hpp"
#include "support/recording_context.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string reading(const std::string& lines) {
  return "[[calculate.reading]]\nname = \"r\"\ninterval = \"10ms\"\n" + lines;
}

/// A calculated reading, and a local broker that a test speaks for.
class Laboratory {
 public:
  explicit Laboratory(const std::string& lines) : block_("calculate", reading(lines)) {
    plugin_ = plugin("calculate")->make(context, block_.block());
    EXPECT_EQ(block_.complaints(), "");
    plugin_->start();
  }

  /// A message on in/<topic>.
  void say(const std::string& topic, const std::string& payload, bool retained = false) const {
    Heard heard;
    heard.message.topic = "in/" + topic;
    heard.message.payload = payload;
    heard.message.retain = retained;
    context.tell(heard);
  }
  /// The next reading that it publishes.
  Reading next() {
    context.records.clear();
    EXPECT_TRUE(context.turn_until([&] { return !context.records.empty(); })) << "nothing is published";
    return context.records.empty() ? Reading{} : context.records.front().reading;
  }
  /// Whether it publishes nothing over several of its intervals.
  bool is_silent() {
    context.records.clear();
    const Nanoseconds end = machine_clock().boot() + 60ms;
    while (machine_clock().boot() < end) context.loop().run_once(5ms);
    return context.records.empty();
  }
  /// What is wrong, after it had its turn.
  std::string fault() {
    is_silent();
    return context.faults.contains("r") ? context.faults.at("r") : "";
  }
  Plugin& operator*() { return *plugin_; }

  StillClock clock;
  RecordingContext context{clock};

 private:
  PluginBlock block_;
  std::unique_ptr<Plugin> plugin_;
};

std::string complaints(const std::string& text) {
  RecordingContext context;
  const PluginBlock block("calculate", text);
  (void)plugin("calculate")->make(context, block.block());
  return block.complaints();
}

TEST(ACalculatedReading, IsTheMeanOverAllGroups) {
  Laboratory lab("function = \"mean\"\ntopics = [\"in/lab/+/temperature\"]\nunit = \"°C\"\n");
  EXPECT_TRUE(lab.is_silent()) << "it publishes before it has heard anything";
  lab.say("lab/a/temperature", "20");
  lab.say("lab/b/temperature", "21.5");
  lab.say("lab/c/temperature", "23");
  lab.say("lab/c/humidity", "60");
  const auto mean = lab.next();
  EXPECT_EQ(mean.value, Value(21.5));
  EXPECT_EQ(mean.unit, "°C");
  EXPECT_EQ(mean.quality, Quality::good);
  EXPECT_EQ(mean.taken, lab.clock.wall());
  EXPECT_EQ(lab.next().value, Value(21.5)) << "it publishes on each interval";
}

TEST(ACalculatedReading, KnowsFiveFunctions) {
  for (const auto& [function, result] : std::vector<std::pair<std::string, Value>>{
           {"mean", 2.25}, {"min", -1.0}, {"max", 5.5}, {"sum", 9.0}, {"count", std::int64_t{4}}}) {
    Laboratory lab("function = \"" + function + "\"\ntopics = [\"in/+\"]\n");
    lab.say("a", "1.5");
    lab.say("b", "-1");
    lab.say("c", "5.5");
    lab.say("d", "3e0");
    EXPECT_EQ(lab.next().value, result) << function;
  }
}

TEST(ACalculatedReading, TakesTheLastOfEachTopicUnlessItIsOfAll) {
  Laboratory latest("function = \"mean\"\ntopics = [\"in/#\"]\n");
  Laboratory all("function = \"mean\"\ntopics = [\"in/#\"]\nof = \"all\"\n");
  for (auto* lab : {&latest, &all}) {
    lab->say("a", "10");
    lab->say("a", "20");
    lab->say("b", "0");
  }
  EXPECT_EQ(latest.next().value, Value(10.0));
  EXPECT_EQ(all.next().value, Value(10.0));
  for (auto* lab : {&latest, &all}) lab->say("a", "50");
  EXPECT_EQ(latest.next().value, Value(25.0));
  EXPECT_EQ(all.next().value, Value(20.0));
}

TEST(ACalculatedReading, ForgetsWhatIsOlderThanItsWindow) {
  for (const auto* of : {"latest", "all"}) {
    Laboratory lab(fmt::format("function = \"sum\"\ntopics = [\"in/#\"]\nwindow = \"60s\"\nof = \"{}\"\n", of));
    lab.say("a", "1");
    lab.clock.advance(30s);
    lab.say("b", "2");
    lab.clock.advance(30s);
    EXPECT_EQ(lab.next().value, Value(3.0)) << of;
    lab.clock.advance(1ns);
    EXPECT_EQ(lab.next().value, Value(2.0)) << of;
    lab.say("b", "4");  // the newest of its topic, or one more
    lab.clock.advance(30s);
    EXPECT_EQ(lab.next().value, Value(4.0)) << of;
  }
}

TEST(ACalculatedReading, SaysOnceThatItIsBadWhenNothingIsLeft) {
  Laboratory lab("function = \"max\"\ntopics = [\"in/#\"]\nwindow = \"60s\"\n");
  lab.say("a", "7");
  EXPECT_EQ(lab.next().quality, Quality::good);
  lab.clock.advance(61s);
  const auto bad = lab.next();
  EXPECT_EQ(bad.value, Value(7.0));
  EXPECT_EQ(bad.quality, Quality::bad);
  EXPECT_TRUE(lab.is_silent()) << "it is to say so once";
  lab.say("a", "8");
  EXPECT_EQ(lab.next().quality, Quality::good);
  lab.clock.advance(61s);
  EXPECT_EQ(lab.next().quality, Quality::bad);
}

TEST(ACount, IsNoughtWhenNothingIsInTheWindow) {
  Laboratory lab("function = \"count\"\ntopics = [\"in/#\"]\nwindow = \"60s\"\n");
  EXPECT_EQ(lab.next().value, Value(std::int64_t{0}));
  lab.say("a", "7");
  lab.say("b", "7");
  EXPECT_EQ(lab.next().value, Value(std::int64_t{2}));
  lab.clock.advance(61s);
  const auto none = lab.next();
  EXPECT_EQ(none.value, Value(std::int64_t{0}));
  EXPECT_EQ(none.quality, Quality::good);
}

TEST(ACalculatedReading, FindsTheNumberInJson) {
  Laboratory usual("function = \"sum\"\ntopics = [\"in/#\"]\nof = \"all\"\n");
  usual.say("a", "{\"value\":1.5,\"unit\":\"V\",\"quality\":\"good\"}");
  usual.say("a", " {\"value\": 2}\r\n");
  usual.say("a", " 4\n");
  usual.say("a", std::string("8\0", 2));
  usual.say("a", "+16");
  EXPECT_EQ(usual.next().value, Value(31.5));

  Laboratory nested("function = \"sum\"\ntopics = [\"in/#\"]\nof = \"all\"\nfield = \"sensor.temperature\"\n");
  nested.say("a", "{\"sensor\":{\"temperature\":21.5}}");
  nested.say("a", "{\"sensor\":5}");
  nested.say("a", "{\"value\":100}");
  EXPECT_EQ(nested.next().value, Value(21.5));
}

TEST(ACalculatedReading, DoesNotBelieveAReadingThatSaysItIsBad) {
  Laboratory lab("function = \"sum\"\ntopics = [\"in/#\"]\nof = \"all\"\n");
  lab.say("a", "{\"value\":85,\"quality\":\"bad\"}");
  lab.say("a", "{\"value\":20,\"quality\":\"uncertain\"}");
  EXPECT_EQ(lab.next().value, Value(20.0));
}

TEST(ACalculatedReading, SaysInHealthWhenNothingButOtherPayloadsCome) {
  Laboratory lab("function = \"sum\"\ntopics = [\"in/#\"]\nwindow = \"60s\"\n");
  const std::vector<std::string> none{"ON",
                                      "nan",
                                      "inf",
                                      "21,5",
                                      "0x10",
                                      "1e999",
                                      "21.5 C",
                                      "+-1",
                                      "{\"value\":}",
                                      "{\"value\":\"1\"}",
                                      "[1]",
                                      "{\"temperature\":1}",
                                      "{}",
                                      "true",
                                      " ",
                                      "{\"value\":null}"};
  for (const auto& payload : none) lab.say("door", payload);
  lab.say("door", "");  // removes a retained message
  EXPECT_EQ(
      lab.fault(),
      fmt::format("of {} messages on its topics none was a number, the last on in/door; for JSON, field names the key",
                  none.size()));
  EXPECT_TRUE(lab.context.records.empty());
  lab.say("a", "1");
  lab.say("door", "ON");
  EXPECT_EQ(lab.fault(), "") << "others are none of its business while numbers come";
  lab.clock.advance(61s);
  lab.say("door", "OFF");
  EXPECT_THAT(lab.fault(), HasSubstr("of 2 messages"));
}

TEST(ACalculatedReading, IsNotHeldUpByEnormousPayloads) {
  Laboratory lab("function = \"sum\"\ntopics = [\"in/#\"]\n");
  lab.say("a", "{\"value\":1,\"x\":\"" + std::string(100'000, 'x') + "\"}");
  lab.say("b", "{\"x\":" + std::string(30'000, '[') + "}");
  EXPECT_THAT(lab.fault(), HasSubstr("of 2 messages"));
}

TEST(ARetainedMessage, CountsOnlyAsTheLatestOfItsTopic) {
  Laboratory latest("function = \"sum\"\ntopics = [\"in/#\"]\nwindow = \"60s\"\n");
  latest.say("a", "5", true);
  EXPECT_EQ(latest.next().value, Value(5.0));
  latest.clock.advance(61s);
  EXPECT_EQ(latest.next().quality, Quality::bad) << "its age counts from its arrival";

  Laboratory all("function = \"sum\"\ntopics = [\"in/#\"]\nof = \"all\"\n");
  all.say("a", "5", true);
  EXPECT_TRUE(all.is_silent());
  all.say("a", "6");
  EXPECT_EQ(all.next().value, Value(6.0));
}

TEST(ACalculatedReading, DoesNotCountWhatHasExpired) {
  Laboratory lab("function = \"sum\"\ntopics = [\"in/#\"]\n");
  Heard heard;
  heard.message.topic = "in/a";
  heard.message.payload = "5";
  heard.deadline = lab.clock.boot();
  lab.context.tell(heard);
  EXPECT_TRUE(lab.is_silent());
  heard.deadline = lab.clock.boot() + 1s;
  lab.context.tell(heard);
  EXPECT_EQ(lab.next().value, Value(5.0));
}

TEST(ACalculatedReading, CountsAMessageOnceThatSeveralOfItsFiltersMatch) {
  Laboratory lab(
      "function = \"count\"\nof = \"all\"\ntopics = [\"in/lab/#\", \"in/lab/+/t\", \"in/lab/a/t\", \"in/b/t\"]\n");
  lab.say("lab/a/t", "1");
  lab.say("b/t", "1");
  EXPECT_EQ(lab.next().value, Value(std::int64_t{2}));
}

TEST(ACalculatedReading, HoldsNoMoreThanTenThousandTopics) {
  Laboratory lab("function = \"min\"\ntopics = [\"in/#\"]\nwindow = \"60s\"\n");
  for (int n = 0; n < 10'000; ++n) lab.say(fmt::format("a/{}", n), std::to_string(n));
  lab.say("a/1", "1");  // now the newest
  EXPECT_EQ(lab.next().value, Value(0.0));
  EXPECT_EQ(lab.fault(), "");
  lab.say("one/more", "10000");
  EXPECT_EQ(lab.next().value, Value(1.0)) << "not the oldest made room";
  lab.say("and/one/more", "10000");
  EXPECT_EQ(lab.next().value, Value(1.0)) << "a/1 was dropped, though it is not the oldest";
  EXPECT_EQ(lab.fault(), "more than 10000 topics in its window; the oldest are left out");
  lab.clock.advance(61s);
  lab.say("a/5", "5");
  EXPECT_EQ(lab.fault(), "");
}

TEST(ACalculatedReading, HoldsNoMoreThanAHundredThousandValues) {
  Laboratory lab("function = \"count\"\ntopics = [\"in/#\"]\nof = \"all\"\n");
  for (int n = 0; n < 100'001; ++n) lab.say("a", "1");
  EXPECT_EQ(lab.next().value, Value(std::int64_t{100'000}));
  EXPECT_EQ(lab.fault(), "more than 100000 values in its window; the oldest are left out");
}

TEST(ACalculatedReading, IsPublishedAsItsKeysSay) {
  Laboratory lab(
      "function = \"mean\"\ntopics = [\"in/#\"]\ntopic = \"$SYS/own\"\njson = true\nfilters = [{ round = 1 }]\n");
  lab.say("a", "1.25");
  EXPECT_EQ(lab.next().value, Value(1.3));
  EXPECT_EQ(lab.context.records[0].options.topic, "$SYS/own");
  EXPECT_TRUE(lab.context.records[0].options.json);
}

TEST(ACalculatedReading, BeginsAnewWhenItIsStartedAgain) {
  Laboratory lab("function = \"sum\"\ntopics = [\"in/#\"]\n");
  lab.say("a", "5");
  EXPECT_EQ(lab.next().value, Value(5.0));
  (*lab).stop();
  EXPECT_TRUE(lab.is_silent());
  (*lab).start();
  EXPECT_TRUE(lab.is_silent()) << "it knows what it heard before it was stopped";
  lab.say("b", "6");
  EXPECT_EQ(lab.next().value, Value(6.0));
}

TEST(ACalculatedReading, NeverListensToItself) {
  EXPECT_EQ(complaints(reading("function = \"mean\"\ntopics = [\"a/b\", \"#\"]\n")),
            "test.toml:5:1: [[calculate.reading]] topics: \"#\" matches r, the topic of this reading itself; name the "
            "others more "
            "exactly, or give this one a topic of its own");
  EXPECT_THAT(complaints(reading("function = \"mean\"\ntopics = [\"lab/+\"]\ntopic = \"lab/mean\"\n")),
              HasSubstr("\"lab/+\" matches lab/mean"));
  EXPECT_EQ(complaints(reading("function = \"mean\"\ntopics = [\"r/+\"]\n")), "");
}

TEST(ACalculatedReading, ComplainsAboutWhatItCannotBe) {
  EXPECT_THAT(complaints("[[calculate.reading]]\n"),
              testing::AllOf(HasSubstr("test.toml:1:1: [[calculate.reading]]: has no name"),
                             HasSubstr("has no function; add function"),
                             HasSubstr("there is nothing to calculate from; add topics")));
  EXPECT_THAT(complaints(reading("function = \"maen\"\ntopics = [\"a\"]\n")), HasSubstr("did you mean \"mean\"?"));
  EXPECT_THAT(complaints(reading("function = \"mean\"\ntopics = []\n")),
              HasSubstr("test.toml:5:1: [[calculate.reading]] topics: there is nothing"));
  EXPECT_THAT(complaints(reading("function = \"mean\"\ntopics = [\"a/#/b\"]\n")),
              HasSubstr("test.toml:5:11: [[calculate.reading]] topics:"));
  EXPECT_THAT(complaints(reading("function = \"mean\"\ntopics = \"a\"\n")),
              HasSubstr("expected a list of topic filters"));
  EXPECT_THAT(complaints(reading("function = \"mean\"\ntopics = [\"a\"]\nfield = \"a..b\"\n")),
              HasSubstr("has an empty key"));
  EXPECT_THAT(complaints(reading("function = \"mean\"\ntopics = [\"a\"]\nof = \"last\"\n")),
              HasSubstr("of: the string \"last\" is not one of"));
  EXPECT_THAT(complaints(reading("function = \"mean\"\ntopics = [\"a\"]\nwindow = 5\n")),
              HasSubstr("did you mean \"5m\"?"));
  EXPECT_THAT(complaints(reading("function = \"mean\"\ntopics = [\"a\"]\n") +
                         reading("function = \"mean\"\ntopics = [\"a\"]\n")),
              HasSubstr("there is another reading \"r\""));
  EXPECT_THAT(complaints("[[calculate.reading]]\nname = \"a/#\"\nfunction = \"mean\"\ntopics = [\"a\"]\n"),
              HasSubstr("name: cannot be the end of a topic"));
}

}  // namespace
}  // namespace tidegate::test
