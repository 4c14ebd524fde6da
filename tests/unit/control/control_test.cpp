// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "control/control.hpp"

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate::control {
namespace {

Control with_verbs() {
  Control control;
  control.add("status", [](const Json&) { return Json{{"up", true}}; });
  control.add("echo", [](const Json& request) { return request.at("text"); });
  control.add("fail", [](const Json&) -> Json { throw UnavailableError("the broker is away"); });
  return control;
}

TEST(AControl, AnswersAVerbWithItsResult) {
  EXPECT_EQ(with_verbs().call_line(R"({"verb":"status"})"), R"({"ok":true,"result":{"up":true}})");
  EXPECT_EQ(with_verbs().call_line(R"({"verb":"echo","text":"hi"})"), R"({"ok":true,"result":"hi"})");
}

TEST(AControl, TellsWhatAVerbThrew) {
  EXPECT_EQ(with_verbs().call_line(R"({"verb":"fail"})"),
            R"({"ok":false,"error":"the broker is away","kind":"unavailable"})");
}

TEST(AControl, NamesTheVerbsWhenOneIsUnknown) {
  EXPECT_EQ(with_verbs().call_line(R"({"verb":"statsu"})"),
            R"({"ok":false,"error":"there is no verb 'statsu'; the verbs are echo, fail, status","kind":"unknown"})");
}

TEST(AControl, SaysHowToAskWhenALineIsNoRequest) {
  for (const auto* line : {"", "status", "[1]", "{}", R"({"verb":1})", "{\"verb\":\"sta", "\xff\xfe"}) {
    const auto answer = Json::parse(with_verbs().call_line(line));
    EXPECT_FALSE(answer["ok"].get<bool>()) << line;
    EXPECT_NE(answer["error"].get<std::string>().find("verb"), std::string::npos) << line;
  }
}

TEST(AControl, RefusesARequestThatIsNestedDeep) {
  Control control;
  control.add("show", [](const Json& request) { return Json(request.at("what").dump()); });
  const auto nested = [](int levels) {
    return "{\"verb\":\"show\",\"what\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_NE(control.call_line(nested(31)).find("\"ok\":true"), std::string::npos);
  EXPECT_NE(control.call_line(nested(32)).find("at most 32 levels"), std::string::npos);
  EXPECT_NE(control.call_line(nested(30'000)).find("at most 32 levels"), std::string::npos);
  EXPECT_NE(control.call_line(R"({"verb":"show","what":"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})").find("\"ok\":true"),
            std::string::npos);
}

TEST(AControl, TellsTheKindOfARefusal) {
  Control control;
  control.add("no", [](const Json&) -> Json { throw Refusal(Refusal::Kind::refused, "it is an input"); });
  control.add("topic", [](const Json&) -> Json { throw TopicError("empty"); });
  control.add("number", [](const Json& request) { return Json(request.at("number").get<int>()); });
  EXPECT_EQ(control.call({{"verb", "no"}})["kind"], "refused");
  EXPECT_EQ(control.call({{"verb", "topic"}})["kind"], "topic");
  EXPECT_EQ(control.call({{"verb", "number"}, {"number", "four"}})["kind"], "argument");
}

TEST(AControl, TellsEventsToWhoListensAndOnlyAsLongAsHeDoes) {
  Control control;
  std::vector<Json> first;
  std::vector<Json> second;
  EXPECT_FALSE(control.heard());
  auto ear = control.listen([&](const Json& event) {
    first.push_back(event);
    throw UnavailableError("the bus is away");
  });
  const auto other = control.listen([&](const Json& event) { second.push_back(event); });
  control.tell({{"event", "health"}});
  ear.reset();
  control.tell({{"event", "clock"}});
  EXPECT_EQ(first, std::vector<Json>({{{"event", "health"}}}));
  EXPECT_EQ(second, std::vector<Json>({{{"event", "health"}}, {{"event", "clock"}}}));
}

TEST(AControl, NeverSendsInvalidUtf8) {
  Control control;
  control.add("bytes", [](const Json&) { return Json("\xff"); });
  EXPECT_TRUE(Json::accept(control.call_line(R"({"verb":"bytes"})")));
}

}  // namespace
}  // namespace tidegate::control
