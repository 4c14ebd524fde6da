// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/lane_verbs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "forward/key.hpp"
#include "support/fake_clock.hpp"
#include "support/simulated_disk.hpp"

namespace tidegate::gateway {
namespace {

using control::Json;
using testing::HasSubstr;

/// A spool and one that stands in for it.
class LaneVerbsOfTwo : public testing::Test {
 protected:
  static Message message(const std::string& payload) {
    Message message;
    message.topic = "a";
    message.payload = payload;
    return message;
  }
  /// As a pump writes it.
  static Message letter(const std::string& payload) {
    auto made = message(payload);
    forward::set_key(made.properties, "uuid/default/1/7/2026-11-20T18:38:58.123Z/ntp");
    return made;
  }
  static std::vector<std::string> waiting(spool::Lane& lane) {
    std::vector<std::string> payloads;
    lane.rewind();
    for (const auto& record : lane.read(100, 1U << 20)) payloads.push_back(record.message.payload);
    lane.rewind();
    return payloads;
  }
  template <class Call>
  static std::string error_of(Call call) {
    try {
      static_cast<void>(call());
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }

  test::SimulatedDisk disk_;
  test::FakeClock clock_;
  spool::Spool spool_{"/state/spool", disk_, clock_, "boot"};
  spool::Spool stand_in_{"/run/spool", disk_, clock_, "boot"};
  LaneVerbs verbs_{&spool_, &stand_in_};
};

TEST_F(LaneVerbsOfTwo, ChangeTheLaneThatStandsInOnlyWhenToldTo) {
  auto& lane = spool_.lane("cloud", "default", {});
  auto& other = stand_in_.lane("cloud", "default", {});
  for (const auto* payload : {"one", "two"}) ASSERT_TRUE(lane.append(message(payload)));
  for (const auto* payload : {"three", "four"}) ASSERT_TRUE(other.append(message(payload)));
  EXPECT_EQ(verbs_.drop({{"lane", "cloud/default"}, {"first", 1U}, {"last", 1U}})["dropped"], 1);
  EXPECT_EQ(waiting(lane), (std::vector<std::string>{"two"}));
  EXPECT_EQ(waiting(other), (std::vector<std::string>{"three", "four"}));
  EXPECT_EQ(verbs_.drop({{"lane", "cloud/default"}, {"stand_in", true}, {"first", 2U}, {"last", 2U}})["dropped"], 1);
  EXPECT_EQ(waiting(lane), (std::vector<std::string>{"two"}));
  EXPECT_EQ(waiting(other), (std::vector<std::string>{"three"}));
}

TEST_F(LaneVerbsOfTwo, TellTheFatesOfEachApart) {
  for (auto* spool : {&spool_, &stand_in_}) ASSERT_TRUE(spool->lane("cloud", "default", {}).append(message("x")));
  stand_in_.lane("cloud", "default", {}).discard(1, spool::Discard::expired);
  EXPECT_TRUE(verbs_.fates({{"lane", "cloud/default"}})["fates"].empty());
  const auto fates = verbs_.fates({{"lane", "cloud/default"}, {"stand_in", true}})["fates"];
  ASSERT_EQ(fates.size(), 1U);
  EXPECT_EQ(fates[0]["what"], "expired");
}

TEST_F(LaneVerbsOfTwo, ReplayIntoTheLaneOnDiskWhatIsDeadInMemory) {
  auto& lane = spool_.lane("cloud", "default", {});
  auto& other = stand_in_.lane("cloud", "default", {});
  ASSERT_TRUE(stand_in_.lane("cloud", "dead-letter", {}).append(letter("dead")));
  EXPECT_EQ(verbs_.replay({{"lane", "cloud/dead-letter"}, {"stand_in", true}})["replayed"], 1);
  EXPECT_EQ(waiting(lane), (std::vector<std::string>{"dead"}));
  EXPECT_TRUE(waiting(other).empty());
}

TEST_F(LaneVerbsOfTwo, OpenWhatNobodyHasOpened) {
  {
    spool::Spool before("/old/spool", disk_, clock_, "boot");
    ASSERT_TRUE(before.lane("gone", "default", {}).append(message("x")));
  }
  spool::Spool spool("/old/spool", disk_, clock_, "boot");
  LaneVerbs verbs(&spool, nullptr);
  EXPECT_EQ(verbs.drop({{"lane", "gone/default"}, {"first", 1U}, {"last", 1U}})["dropped"], 1);
}

TEST_F(LaneVerbsOfTwo, SayWhatIsNotThere) {
  spool_.lane("cloud", "default", {});
  const Json request{{"lane", "cloud/other"}, {"first", 1U}, {"last", 1U}};
  EXPECT_THAT(error_of([&] { return verbs_.drop(request); }), HasSubstr("the lanes are cloud/default"));
  LaneVerbs alone(&spool_, nullptr);
  Json other = request;
  other["stand_in"] = true;
  EXPECT_THAT(error_of([&] { return alone.drop(other); }), HasSubstr("nothing stands in"));
  LaneVerbs in_memory(nullptr, &stand_in_);
  EXPECT_THAT(error_of([&] { return in_memory.drop(request); }), HasSubstr("stand in for it"));
}

}  // namespace
}  // namespace tidegate::gateway
