// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/pump.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <set>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "support/memory_lane.hpp"

namespace tidegate::forward {
namespace {

using test::MemoryLane;

using namespace std::chrono_literals;
using mqtt::Outcome;

/// A session that a test drives: it remembers what was published and says what the test tells it to.
class ScriptedSession final : public mqtt::Session {
 public:
  struct Sent {
    std::uint64_t slot;
    Message message;
  };
  explicit ScriptedSession(mqtt::SessionListener& told) : listener(told) {}

  void start() override {}
  void stop(std::chrono::milliseconds) noexcept override { lose(); }
  bool publish(std::uint64_t slot, const Message& message) noexcept override {
    {
      const std::lock_guard lock(mutex);
      if (!up) return false;
      sent.push_back({slot, message});
      open.insert(slot);
      most_open = std::max(most_open, open.size());
    }
    condition.notify_all();
    if (answer) listener.on_outcome(slot, answer(message));  // before publish() returned, as Paho may
    if (answer) {
      const std::lock_guard lock(mutex);
      open.erase(slot);
    }
    return true;
  }
  void subscribe(std::vector<mqtt::Subscription>) override {}
  void reconnect(const std::string&) noexcept override {}
  mqtt::State state() const noexcept override { return up ? mqtt::State::connected : mqtt::State::waiting; }
  mqtt::Failure last_failure() const override { return {}; }

  void connect(mqtt::Limits limits = {}) {
    {
      const std::lock_guard lock(mutex);
      up = true;
    }
    listener.on_connected(limits);
  }
  void lose() {
    std::set<std::uint64_t> unknown;
    {
      const std::lock_guard lock(mutex);
      if (!up) return;
      up = false;
      unknown.swap(open);
    }
    for (const auto slot : unknown) listener.on_outcome(slot, {Outcome::Kind::unknown, 0, ""});
    listener.on_disconnected({"lost", 0, false});
  }
  void settle(std::uint64_t slot, Outcome outcome = {Outcome::Kind::delivered, 0, ""}) {
    {
      const std::lock_guard lock(mutex);
      open.erase(slot);
    }
    listener.on_outcome(slot, outcome);
  }
  bool wait_sent(std::size_t count) {
    std::unique_lock lock(mutex);
    return condition.wait_for(lock, 5s, [&] { return sent.size() >= count; });
  }
  Sent at(std::size_t index) {
    const std::lock_guard lock(mutex);
    return sent.at(index);
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return sent.size();
  }

  mqtt::SessionListener& listener;
  std::function<Outcome(const Message&)> answer;
  std::mutex mutex;
  std::condition_variable condition;
  std::vector<Sent> sent;
  std::set<std::uint64_t> open;
  std::size_t most_open = 0;
  std::atomic<bool> up{false};
};

Message message(const std::string& topic, const std::string& payload = "x") {
  Message made;
  made.topic = topic;
  made.payload = payload;
  return made;
}

Outcome delivered(const Message&) {
  return {Outcome::Kind::delivered, 0, ""};
}

class APump : public testing::Test {
 protected:
  void make(PumpOptions options = {}, std::vector<MemoryLane*> lanes = {}) {
    if (lanes.empty()) lanes = {&lane_};
    options.name = "test";
    options.gateway = "uuid";
    options.retry_first = 1ms;
    options.retry_most = 20ms;
    std::vector<PumpLane> given;
    for (auto* lane : lanes) given.push_back({lane, "default", std::nullopt});
    pump_ = std::make_unique<Pump>(
        options, given,
        [&](mqtt::SessionListener& listener) {
          auto session = std::make_unique<ScriptedSession>(listener);
          session_ = session.get();
          return session;
        },
        std::move(events_));
    for (auto* lane : lanes) lane->on_readable([this] { pump_->wake(); });
  }
  void append(int count) {
    for (int n = 0; n < count; ++n) ASSERT_TRUE(lane_.append(message("t", std::to_string(n))));
  }

  MemoryLane lane_;
  MemoryLane other_;
  MemoryLane dead_;
  // What scripts use: it outlives the pump's thread, as the locals of a test would not.
  std::atomic<int> count_{0};
  std::atomic<bool> flag_{false};
  std::vector<std::uint64_t> told_;
  PumpEvents events_;
  ScriptedSession* session_ = nullptr;
  std::unique_ptr<Pump> pump_;
};

TEST_F(APump, DeliversInOrderAndAcknowledgesEachOnce) {
  make();
  session_->answer = delivered;
  append(500);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(500));
  ASSERT_EQ(session_->count(), 500U);
  for (int n = 0; n < 500; ++n) EXPECT_EQ(session_->at(n).message.payload, std::to_string(n));
}

TEST_F(APump, WakesForWhatIsAppendedLater) {
  make();
  session_->answer = delivered;
  pump_->start();
  session_->connect();
  append(1);
  ASSERT_TRUE(lane_.wait_settled(1));
  append(1);
  ASSERT_TRUE(lane_.wait_settled(2));
}

TEST_F(APump, NeverHasMoreUnderWayThanItsWindowAndRefillsOnEachAcknowledgement) {
  PumpOptions options;
  options.window = 3;
  make(options);
  append(10);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(3));
  for (std::size_t n = 0; n < 7; ++n) {
    session_->settle(session_->at(n).slot);
    ASSERT_TRUE(session_->wait_sent(4 + n)) << "no refill after acknowledgement " << n;
  }
  EXPECT_EQ(session_->most_open, 3U);
}

TEST_F(APump, ObeysAReceiveMaximumOfOne) {
  make();
  append(3);
  pump_->start();
  mqtt::Limits limits;
  limits.receive_maximum = 1;
  session_->connect(limits);
  for (std::size_t n = 0; n < 3; ++n) {
    ASSERT_TRUE(session_->wait_sent(n + 1));
    session_->settle(session_->at(n).slot);
  }
  ASSERT_TRUE(lane_.wait_settled(3));
  EXPECT_EQ(session_->most_open, 1U);
}

TEST_F(APump, SendsWhatWasUnderWayAgainInOrderBeforeAnythingNew) {
  PumpOptions options;
  options.window = 4;
  make(options);
  append(6);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(4));
  session_->settle(session_->at(1).slot);  // out of order: 0, 2, 3 and the new 4 stay open
  ASSERT_TRUE(session_->wait_sent(5));
  session_->lose();
  session_->answer = delivered;
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(6));
  std::vector<std::string> again;
  for (std::size_t n = 5; n < session_->count(); ++n) again.push_back(session_->at(n).message.payload);
  EXPECT_EQ(again, (std::vector<std::string>{"0", "2", "3", "4", "5"}));
  EXPECT_EQ(pump_->status().retried, 4U);
}

TEST_F(APump, LeavesAMessageInItsLaneUntilItIsDelivered) {
  make();
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(1));
  pump_->stop(0ms);
  EXPECT_TRUE(lane_.acknowledged.empty());
  EXPECT_TRUE(lane_.discarded.empty());
}

TEST_F(APump, PublishesARefusedMessageAnewAndLosesNone) {
  make();
  count_ = 3;
  session_->answer = [&](const Message&) {
    return count_-- > 0 ? Outcome{Outcome::Kind::refused, 0x97, "quota exceeded"} : delivered({});
  };
  append(5);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(5));
  EXPECT_EQ(lane_.acknowledged.size(), 5U);
}

TEST_F(APump, ParksALaneThatHasNoRightsAndSaysWhyAndGoesOnWhenTheyAreMended) {
  make();
  session_->answer = [&](const Message&) {
    return flag_ ? delivered({}) : Outcome{Outcome::Kind::refused, 0x87, "not authorised"};
  };
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(2)) << "it looks again now and then";
  const auto parked = pump_->status().parked;
  ASSERT_EQ(parked.count("default"), 1U);
  EXPECT_NE(parked.at("default").find("not authorised"), std::string::npos);
  flag_ = true;
  ASSERT_TRUE(lane_.wait_settled(1));
}

TEST_F(APump, MovesWhatCanNeverPassToTheDeadLettersAndDeliversTheRest) {
  PumpOptions options;
  options.dead_letters = &dead_;
  make(options);
  session_->answer = [&](const Message& sent) {
    return sent.payload == "1" ? Outcome{Outcome::Kind::refused, 0x99, "payload format invalid"} : delivered({});
  };
  append(3);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(3));
  EXPECT_EQ(lane_.acknowledged, (std::set<std::uint64_t>{1, 3}));
  EXPECT_EQ(lane_.discarded.at(2), spool::Discard::dead_lettered);
  const auto letters = dead_.read(10, 1000);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].message.payload, "1");
  ASSERT_NE(letters[0].message.properties.find_user("tidegate-dead-letter"), nullptr);
  EXPECT_NE(letters[0].message.properties.find_user("tidegate-dead-letter")->find("0x99"), std::string::npos);
}

TEST_F(APump, KeepsAMessageWhileTheDeadLettersCannotTakeIt) {
  PumpOptions options;
  options.dead_letters = &dead_;
  dead_.broken = true;
  make(options);
  session_->answer = [&](const Message&) { return Outcome{Outcome::Kind::refused, 0x90, "topic name invalid"}; };
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(2));
  EXPECT_TRUE(lane_.discarded.empty());
}

TEST_F(APump, NeverSendsAPacketLargerThanTheServerTakes) {
  PumpOptions options;
  options.dead_letters = &dead_;
  make(options);
  session_->answer = delivered;
  ASSERT_TRUE(lane_.append(message("t", std::string(5000, 'x'))));
  ASSERT_TRUE(lane_.append(message("t", "small")));
  pump_->start();
  mqtt::Limits limits;
  limits.maximum_packet_size = 1000;
  session_->connect(limits);
  ASSERT_TRUE(lane_.wait_settled(2));
  ASSERT_EQ(session_->count(), 1U);
  EXPECT_EQ(session_->at(0).message.payload, "small");
  EXPECT_EQ(dead_.appended(), 1U);
}

TEST_F(APump, LowersTheQosToWhatTheServerTakesAndDropsRetainWhereItHasNone) {
  make();
  session_->answer = delivered;
  auto made = message("t");
  made.qos = Qos::exactly_once;
  made.retain = true;
  ASSERT_TRUE(lane_.append(made));
  pump_->start();
  mqtt::Limits limits;
  limits.maximum_qos = Qos::at_least_once;
  limits.retain_available = false;
  session_->connect(limits);
  ASSERT_TRUE(lane_.wait_settled(1));
  EXPECT_EQ(session_->at(0).message.qos, Qos::at_least_once);
  EXPECT_FALSE(session_->at(0).message.retain);
}

TEST_F(APump, MarksEachMessageWithItsKeyAndKeepsResponseTopicAndCorrelationHere) {
  make();
  session_->answer = delivered;
  auto made = message("t");
  made.properties.response_topic = "answer/here";
  made.properties.correlation_data = "42";
  made.properties.user = {{"mine", "stays"}};
  ASSERT_TRUE(lane_.append(made));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(1));
  const auto sent = session_->at(0).message;
  EXPECT_TRUE(sent.properties.response_topic.empty());
  EXPECT_TRUE(sent.properties.correlation_data.empty());
  ASSERT_NE(sent.properties.find_user("tidegate"), nullptr);
  EXPECT_TRUE(sent.properties.find_user("tidegate")->starts_with("uuid/default/1/1/"));
  EXPECT_EQ(*sent.properties.find_user("mine"), "stays");
}

TEST_F(APump, SendsTheExpiryThatIsLeftAndDiscardsWhatRanOut) {
  events_.on_discarded = [&](const spool::Record&, spool::Discard reason, const std::string&) {
    EXPECT_EQ(reason, spool::Discard::expired);
    ++count_;
  };
  make();
  session_->answer = delivered;
  auto made = message("t");
  made.properties.expiry = 10s;
  made.properties.response_topic = "r";
  ASSERT_TRUE(lane_.append(made));
  made.properties.expiry = 60s;
  ASSERT_TRUE(lane_.append(made));
  lane_.now = 20s;
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  ASSERT_EQ(session_->count(), 1U);
  EXPECT_EQ(session_->at(0).message.properties.expiry, 40s);
  EXPECT_EQ(lane_.discarded.at(1), spool::Discard::expired);
  EXPECT_EQ(count_, 1);
}

TEST_F(APump, LetsLanesTakeTurns) {
  PumpOptions options;
  options.window = 1;
  make(options, {&lane_, &other_});
  for (int n = 0; n < 3; ++n) {
    ASSERT_TRUE(lane_.append(message("a")));
    ASSERT_TRUE(other_.append(message("b")));
  }
  session_->answer = delivered;
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(3));
  ASSERT_TRUE(other_.wait_settled(3));
  std::string order;
  for (std::size_t n = 0; n < 6; ++n) order += session_->at(n).message.topic;
  EXPECT_EQ(order, "ababab");
}

TEST_F(APump, KeepsVolatileMessagesOverALostConnectionAndDropsTheOldestWhenFull) {
  PumpOptions options;
  options.queue = 3;
  make(options);
  for (int n = 0; n < 5; ++n) pump_->send(message("v", std::to_string(n)));
  session_->answer = delivered;
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(3));
  EXPECT_EQ(session_->at(0).message.payload, "2");
  EXPECT_EQ(pump_->status().dropped, 2U);
}

TEST_F(APump, DrainsWhatWaitsWhenItIsStopped) {
  make();
  session_->answer = delivered;
  pump_->start();
  session_->connect();
  append(300);
  pump_->stop(5s);
  EXPECT_EQ(lane_.acknowledged.size(), 300U);
}

TEST_F(APump, StopsAtOnceWithoutAConnection) {
  make();
  append(3);
  pump_->start();
  const auto before = std::chrono::steady_clock::now();
  pump_->stop(30s);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  EXPECT_TRUE(lane_.acknowledged.empty());
}

TEST_F(APump, TellsOfDeliveryOnlyForThoseWhoAsked) {
  events_.on_delivered = [&](const spool::Record& record) { told_.push_back(record.sequence); };
  make();
  session_->answer = delivered;
  append(1);
  auto made = message("t");
  made.properties.response_topic = "r";
  ASSERT_TRUE(lane_.append(made));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  pump_->stop(0ms);
  EXPECT_EQ(told_, (std::vector<std::uint64_t>{2}));
}

}  // namespace
}  // namespace tidegate::forward
