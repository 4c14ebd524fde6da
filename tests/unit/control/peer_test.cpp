// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "control/peer.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "control/server.hpp"
#include "support/scratch_folder.hpp"

namespace tidegate::control {
namespace {

using namespace std::chrono_literals;

class APeer : public testing::Test {
 protected:
  Json ask(const Json& request) {
    std::optional<Json> heard;
    peer.ask(request, [&](const Json& answer) { heard = answer; });
    EXPECT_FALSE(heard) << "it is answered later";
    for (int turns = 0; turns < 100 && !heard; ++turns) loop.run_once(100ms);
    return heard.value_or(Json());
  }

  test::ScratchFolder folder;
  Loop loop;
  Peer peer{loop, folder.path() / "apps.sock", "tidegate-apps"};
};

TEST_F(APeer, TellsWhatTheOtherProgramAnswers) {
  Control control;
  control.add("big", [](const Json&) { return Json(std::string(300'000, 'x')); });
  const Server server(loop, folder.path() / "apps.sock", control);
  EXPECT_EQ(ask({{"verb", "big"}})["result"].get<std::string>().size(), 300'000U);
  EXPECT_EQ(ask({{"verb", "other"}})["kind"], "unknown");
}

TEST_F(APeer, SaysThatNobodyIsThere) {
  const auto answer = ask({{"verb", "app.list"}});
  EXPECT_EQ(answer["ok"], false);
  EXPECT_EQ(answer["kind"], "unavailable");
  EXPECT_NE(answer["error"].get<std::string>().find("tidegate-apps cannot be asked"), std::string::npos);
}

TEST_F(APeer, SaysSoWhenTheOtherProgramGoesAway) {
  Control control;
  std::optional<Server> server(std::in_place, loop, folder.path() / "apps.sock", control);
  std::optional<Json> heard;
  peer.ask({{"verb", "status"}}, [&](const Json& answer) { heard = answer; });
  server.reset();
  for (int turns = 0; turns < 100 && !heard; ++turns) loop.run_once(100ms);
  ASSERT_TRUE(heard);
  EXPECT_EQ((*heard)["kind"], "unavailable");
}

}  // namespace
}  // namespace tidegate::control
