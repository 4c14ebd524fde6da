// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/pump.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <set>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "forward/key.hpp"
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
    std::thread::id thread;
  };
  explicit ScriptedSession(mqtt::SessionListener& told) : listener(told) {}

  void start() override {}
  void stop(std::chrono::milliseconds) noexcept override { lose(); }
  bool publish(std::uint64_t slot, const Message& message) noexcept override {
    std::function<Outcome(const Message&)> answers;
    {
      const std::lock_guard lock(mutex);
      if (!up || blocked_) {
        ++not_taken;
        condition.notify_all();
        return false;
      }
      sent.push_back({slot, message, std::this_thread::get_id()});
      open.insert(slot);
      most_open = std::max(most_open, open.size());
      flushed = false;
      doomed = doomed || (poisonous_ && poisonous_(message));
      if (!doomed) answers = answer_;
    }
    condition.notify_all();
    if (answers) {
      listener.on_outcome(slot, answers(message));  // before publish() returned, as Paho may
      listener.on_outcomes_told();
      const std::lock_guard lock(mutex);
      open.erase(slot);
    }
    return true;
  }
  void flush() noexcept override {
    {
      const std::lock_guard lock(mutex);
      flushed = true;
      ++flushes;
    }
    condition.notify_all();
  }
  bool call_soon() noexcept override {
    ++calls_asked;
    return calls_soon;
  }
  void subscribe(std::vector<mqtt::Subscription>) override {}
  void reconnect(const std::string&) noexcept override {}
  mqtt::State state() const noexcept override { return up ? mqtt::State::connected : mqtt::State::waiting; }
  mqtt::Failure last_failure() const override { return {}; }

  void answer(std::function<Outcome(const Message&)> with) {
    const std::lock_guard lock(mutex);
    answer_ = std::move(with);
  }
  void poison(std::function<bool(const Message&)> which) {
    const std::lock_guard lock(mutex);
    poisonous_ = std::move(which);
  }
  /// Connected, and takes nothing.
  void block(bool blocked) {
    const std::lock_guard lock(mutex);
    blocked_ = blocked;
  }
  void connect(mqtt::Limits limits = {}) {
    {
      const std::lock_guard lock(mutex);
      up = true;
      doomed = false;
    }
    listener.on_connected(limits);
  }
  void lose(const mqtt::Failure& failure = {"lost", 0, false, true}) {
    std::set<std::uint64_t> unknown;
    {
      const std::lock_guard lock(mutex);
      if (!up) return;
      up = false;
      unknown.swap(open);
    }
    for (const auto slot : unknown) listener.on_outcome(slot, {Outcome::Kind::unknown, 0, ""});
    listener.on_outcomes_told();
    listener.on_disconnected(failure);
  }
  void settle(std::uint64_t slot, Outcome outcome = {Outcome::Kind::delivered, 0, ""}) {
    tell(slot, std::move(outcome));
    listener.on_outcomes_told();
  }
  void tell(std::uint64_t slot, Outcome outcome = {Outcome::Kind::delivered, 0, ""}) {
    {
      const std::lock_guard lock(mutex);
      open.erase(slot);
    }
    listener.on_outcome(slot, outcome);
  }
  /// Connects again and again; a poisonous message ends the connection once it has been flushed. Returns how many ended
  /// until the last one stayed up with this much settled.
  template <class Done>
  int live(int most_ends, Done done) {
    for (int ends = 0; ends < most_ends; ++ends) {
      connect();
      const auto until = std::chrono::steady_clock::now() + 5s;
      while (std::chrono::steady_clock::now() < until) {
        std::unique_lock lock(mutex);
        condition.wait_for(lock, 1ms, [&] { return doomed && flushed; });
        if (doomed && flushed) break;
        lock.unlock();
        if (done()) return ends;
      }
      lose({"cut off"});
    }
    return most_ends;
  }
  bool wait_sent(std::size_t count) {
    std::unique_lock lock(mutex);
    return condition.wait_for(lock, 5s, [&] { return sent.size() >= count; });
  }
  bool wait_not_taken(int count) {
    std::unique_lock lock(mutex);
    return condition.wait_for(lock, 5s, [&] { return not_taken >= count; });
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
  std::mutex mutex;
  std::condition_variable condition;
  std::vector<Sent> sent;
  std::set<std::uint64_t> open;
  std::size_t most_open = 0;
  bool doomed = false;  ///< it has been sent one, and answers nothing more
  bool flushed = true;  ///< nothing was published after the last flush()
  int flushes = 0;
  int not_taken = 0;
  std::atomic<bool> up{false};
  std::atomic<bool> calls_soon{false};  ///< as on one of Paho's threads: the test then calls on_outcomes_told()
  std::atomic<int> calls_asked{0};

 private:
  bool blocked_ = false;
  std::function<Outcome(const Message&)> answer_;
  std::function<bool(const Message&)> poisonous_;
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

Outcome refused(std::uint8_t reason_code) {
  return {Outcome::Kind::refused, reason_code, "as the test says"};
}

std::string variable_integer(std::size_t value) {
  std::string bytes;
  for (; value >= 128; value /= 128) bytes += static_cast<char>((value % 128) | 128);
  return bytes + static_cast<char>(value);
}

std::string field(const std::string& text) {
  return std::string{static_cast<char>(text.size() / 256), static_cast<char>(text.size() % 256)} + text;
}

/// As MQTT 5 has them on the wire, without their length.
std::string properties_on_the_wire(const Properties& properties) {
  std::string bytes;
  if (properties.expiry) bytes += std::string("\x02") + std::string(4, '?');
  if (properties.utf8) bytes += "\x01\x01";
  if (!properties.content_type.empty()) bytes += "\x03" + field(properties.content_type);
  if (!properties.response_topic.empty()) bytes += "\x08" + field(properties.response_topic);
  if (!properties.correlation_data.empty()) bytes += "\x09" + field(properties.correlation_data);
  for (const auto& [name, value] : properties.user) bytes += "\x26" + field(name) + field(value);
  return bytes;
}

/// The PUBLISH as it is on the wire.
std::string on_the_wire(const Message& sent, bool v5) {
  std::string rest = field(sent.topic);
  if (sent.qos != Qos::at_most_once) rest += "id";
  if (v5) {
    const auto properties = properties_on_the_wire(sent.properties);
    rest += variable_integer(properties.size()) + properties;
  }
  rest += sent.payload;
  return "\x30" + variable_integer(rest.size()) + rest;
}

class APump : public testing::Test {
 protected:
  void make(PumpOptions options = {}, std::vector<MemoryLane*> lanes = {}) {
    if (lanes.empty()) lanes = {&lane_};
    std::vector<PumpLane> given;
    for (auto* lane : lanes) {
      given.emplace_back();
      given.back().lane = lane;
      given.back().name = "default";
    }
    make_with(std::move(options), std::move(given));
  }
  void make_with(PumpOptions options, std::vector<PumpLane> given) {
    options.name = "test";
    options.gateway = "uuid";
    options.retry_first = 1ms;
    options.retry_most = 20ms;
    std::vector<spool::Lane*> lanes;
    for (const auto& lane : given) lanes.push_back(lane.lane);
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
  /// A clock that is past all waits whenever it is looked at.
  std::function<std::chrono::steady_clock::time_point()> hurried() {
    return [this] {
      clock_ = clock_.load() + 1s;
      return std::chrono::steady_clock::time_point{clock_.load()};
    };
  }
  std::size_t times(const std::string& payload) {
    const auto all = payloads();
    return static_cast<std::size_t>(std::ranges::count(all, payload));
  }
  /// This one, as it is sent, and one with a byte more, for a server that takes no more than this one.
  void send_at_the_maximum(const Message& appended, const Message& expected, bool v5) {
    ASSERT_TRUE(lane_.append(appended));
    auto larger = appended;
    larger.payload += 'x';
    ASSERT_TRUE(lane_.append(larger));
    session_->answer(delivered);
    pump_->start();
    mqtt::Limits limits;
    limits.maximum_packet_size = static_cast<std::uint32_t>(on_the_wire(expected, v5).size());
    session_->connect(limits);
    ASSERT_TRUE(lane_.wait_settled(2));
    EXPECT_EQ(lane_.discarded, (std::map<std::uint64_t, spool::Discard>{{2, spool::Discard::dead_lettered}}));
    ASSERT_EQ(session_->count(), 1U);
    EXPECT_EQ(session_->at(0).message, expected);
    EXPECT_EQ(dead_.appended(), 1U);
  }
  PumpLane lane(const std::string& name = "default") {
    PumpLane made;
    made.lane = &lane_;
    made.name = name;
    return made;
  }
  void append(int count, int from = 0) {
    for (int n = from; n < from + count; ++n) ASSERT_TRUE(lane_.append(message("t", std::to_string(n))));
  }
  /// Payloads from the one with this index on.
  std::vector<std::string> payloads(std::size_t from = 0) {
    std::vector<std::string> all;
    for (std::size_t n = from; n < session_->count(); ++n) all.push_back(session_->at(n).message.payload);
    return all;
  }
  std::string key(std::size_t index) {
    const auto sent = session_->at(index).message;
    const auto* text = sent.properties.find_user("tidegate");
    return text == nullptr ? "" : *text;
  }
  template <class Condition>
  bool wait_status(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (!condition(pump_->status())) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }

  MemoryLane lane_;
  MemoryLane other_;
  MemoryLane dead_;
  // What scripts use: it outlives the pump's thread, as the locals of a test would not.
  std::atomic<int> count_{0};
  std::atomic<bool> flag_{false};
  std::atomic<std::chrono::steady_clock::duration> clock_{1h};
  std::vector<std::uint64_t> told_;
  PumpEvents events_;
  ScriptedSession* session_ = nullptr;
  std::unique_ptr<Pump> pump_;
};

/// With one message under way, and the pump's thread at rest.
class APumpAtRest : public APump {
 protected:
  void SetUp() override {
    PumpOptions options;
    options.window = 1;
    // It asks for the time before it sends, and then no more until its round is over and it waits.
    options.now = [this] {
      if (session_->count() > 0) flag_ = true;
      return std::chrono::steady_clock::now();
    };
    make(options);
    append(4);
    session_->connect();  // not after its thread is there: it could be woken for that once more, at any time
    pump_->start();
    ASSERT_TRUE(session_->wait_sent(1));
    ASSERT_TRUE(wait_status([&](const PumpStatus& status) { return flag_ && status.in_flight == 1; }));
  }
};

TEST_F(APumpAtRest, GoesOnOnTheThreadThatBringsAnAcknowledgement) {
  for (std::size_t done = 0; done < 3; ++done) {
    session_->settle(session_->at(done).slot);
    ASSERT_EQ(session_->count(), done + 2) << "on_outcomes_told() returned without the next one";
    EXPECT_EQ(session_->at(done + 1).thread, std::this_thread::get_id());
  }
  EXPECT_EQ(payloads(), (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_EQ(lane_.settled(), 3U);
}

TEST_F(APumpAtRest, TakesWhatIsNewFromMemoryWhereItCame) {
  for (std::size_t done = 0; done < 4; ++done) session_->settle(session_->at(done).slot);
  session_->calls_soon = true;
  const int asked = session_->calls_asked;
  append(1, 4);
  EXPECT_EQ(session_->calls_asked, asked + 1);
  EXPECT_EQ(session_->count(), 4U) << "it is for the end of the batch";
  session_->listener.on_outcomes_told();
  ASSERT_EQ(session_->count(), 5U);
  EXPECT_EQ(session_->at(4).thread, std::this_thread::get_id());
}

TEST_F(APumpAtRest, SendsAVolatileMessageOnTheThreadThatBroughtIt) {
  for (std::size_t done = 0; done < 4; ++done) session_->settle(session_->at(done).slot);
  pump_->send_here(message("state", "online"));
  ASSERT_EQ(session_->count(), 5U);
  EXPECT_EQ(session_->at(4).message.topic, "state");
  EXPECT_EQ(session_->at(4).thread, std::this_thread::get_id());
}

TEST_F(APump, KeepsWhatWasSentHereUntilThereIsAConnection) {
  make();
  session_->answer(delivered);
  pump_->start();
  pump_->send_here(message("state", "online"));
  EXPECT_EQ(session_->count(), 0U);
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(1));
}

TEST_F(APumpAtRest, LeavesToItsOwnThreadWhatIsOnTheDisk) {
  for (std::size_t done = 0; done < 4; ++done) session_->settle(session_->at(done).slot);
  lane_.on_disk = true;
  session_->calls_soon = true;
  append(1, 4);
  session_->listener.on_outcomes_told();
  ASSERT_TRUE(session_->wait_sent(5));
  EXPECT_NE(session_->at(4).thread, std::this_thread::get_id());
}

TEST_F(APump, DeliversInOrderAndAcknowledgesEachOnce) {
  make();
  session_->answer(delivered);
  append(500);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(500));
  ASSERT_EQ(session_->count(), 500U);
  for (int n = 0; n < 500; ++n) EXPECT_EQ(session_->at(n).message.payload, std::to_string(n));
}

TEST_F(APump, WakesForWhatIsAppendedLater) {
  make();
  session_->answer(delivered);
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
  session_->answer(delivered);
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
  session_->answer([&](const Message&) {
    return count_-- > 0 ? Outcome{Outcome::Kind::refused, 0x97, "quota exceeded"} : delivered({});
  });
  append(5);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(5));
  EXPECT_EQ(lane_.acknowledged.size(), 5U);
}

TEST_F(APump, DeadLettersWhatWasRefusedTenTimesWhileAnotherWasAcknowledged) {
  PumpOptions options;
  options.dead_letters = &dead_;
  options.now = hurried();
  make(options);
  session_->answer([](const Message& sent) { return sent.payload == "0" ? refused(0x80) : delivered({}); });
  append(2);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  EXPECT_EQ(lane_.acknowledged, (std::set<std::uint64_t>{2}));
  EXPECT_EQ(lane_.reasons.at(1), "refused 10 times: as the test says (0x80)");
  EXPECT_EQ(dead_.appended(), 1U);
  EXPECT_EQ(times("0"), 10U);
}

TEST_F(APump, TakesWhatAnotherLaneWasAcknowledgedForEvidenceWithAWindowOfOne) {
  PumpOptions options;
  options.dead_letters = &dead_;
  options.window = 1;
  options.now = hurried();
  make(options, {&lane_, &other_});
  session_->answer([](const Message& sent) { return sent.payload == "0" ? refused(0x83) : delivered({}); });
  append(2);
  ASSERT_TRUE(other_.append(message("b", "good")));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  EXPECT_EQ(lane_.discarded.at(1), spool::Discard::dead_lettered);
  EXPECT_EQ(times("0"), 10U);
}

TEST_F(APump, TriesForEverWhatIsRefusedWhileNothingElseIsAcknowledged) {
  PumpOptions options;
  options.dead_letters = &dead_;
  options.window = 1;
  options.now = hurried();
  make(options);
  count_ = 40;
  session_->answer(
      [&](const Message& sent) { return sent.payload == "0" && count_-- > 0 ? refused(0x80) : delivered({}); });
  append(2);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  EXPECT_EQ(lane_.acknowledged.size(), 2U);
  EXPECT_EQ(times("0"), 41U);
  EXPECT_EQ(dead_.appended(), 0U);
}

TEST_F(APump, TakesForEvidenceOnlyWhatWasAcknowledgedAfterTheFirstRefusalAndByTheServer) {
  PumpOptions options;
  options.dead_letters = &dead_;
  options.now = hurried();
  make(options);
  count_ = 40;
  session_->answer(
      [&](const Message& sent) { return sent.payload == "1" && count_-- > 0 ? refused(0x80) : delivered({}); });
  append(2);  // the first of them is acknowledged before
  auto unanswered = message("t", "2");
  unanswered.qos = Qos::at_most_once;
  ASSERT_TRUE(lane_.append(unanswered));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(3));
  EXPECT_EQ(lane_.acknowledged.size(), 3U);
  EXPECT_EQ(times("1"), 41U);
}

TEST_F(APump, NeverGivesUpWhatIsRefusedForAQuota) {
  PumpOptions options;
  options.dead_letters = &dead_;
  options.now = hurried();
  make(options);
  count_ = 40;
  session_->answer([&](const Message& sent) {
    if (sent.payload != "0" || count_ == 0) return delivered({});
    return refused(count_-- > 31 ? 0x80 : 0x97);
  });
  append(2);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  EXPECT_EQ(lane_.acknowledged.size(), 2U);
  EXPECT_EQ(times("0"), 41U);
}

TEST_F(APump, ParksALaneThatHasNoRightsAndSaysWhyAndGoesOnWhenTheyAreMended) {
  make();
  session_->answer(
      [&](const Message&) { return flag_ ? delivered({}) : Outcome{Outcome::Kind::refused, 0x87, "not authorised"}; });
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
  session_->answer([&](const Message& sent) {
    return sent.payload == "1" ? Outcome{Outcome::Kind::refused, 0x99, "payload format invalid"} : delivered({});
  });
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
  session_->answer([&](const Message&) { return Outcome{Outcome::Kind::refused, 0x90, "topic name invalid"}; });
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
  session_->answer(delivered);
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

class APumpAtTheMaximumPacketSize : public APump,
                                    public testing::WithParamInterface<std::tuple<bool, Qos, std::size_t>> {};

TEST_P(APumpAtTheMaximumPacketSize, SendsWhatFitsExactlyAndDeadLettersOneByteMore) {
  const auto [v5, qos, remaining] = GetParam();
  auto expected = message("t", "");
  expected.qos = qos;
  const auto appended = expected;
  if (v5) expected.properties.user = {{"tidegate", "uuid/default/1/1/1970-01-01T00:00:00.000Z/none"}};
  expected.payload.assign(remaining - (on_the_wire(expected, v5).size() - 2), 'x');
  PumpOptions options;
  options.properties = v5;
  options.dead_letters = &dead_;
  make(options);
  auto sent = appended;
  sent.payload = expected.payload;
  send_at_the_maximum(sent, expected, v5);
}

INSTANTIATE_TEST_SUITE_P(WhereItsLengthTakesOneByteMore, APumpAtTheMaximumPacketSize,
                         testing::Combine(testing::Bool(), testing::Values(Qos::at_most_once, Qos::at_least_once),
                                          testing::Values(127U, 128U, 16'383U, 16'384U)));

class APumpWithProperties : public APump, public testing::WithParamInterface<std::size_t> {};

TEST_P(APumpWithProperties, SendsWhatFitsExactlyAndDeadLettersOneByteMore) {
  auto rich = message("t", "rich");
  rich.properties.content_type = "text/plain";
  rich.properties.utf8 = true;
  rich.properties.expiry = 100s;
  rich.properties.response_topic = "r";
  rich.properties.correlation_data = "c";
  rich.properties.user = {{"a", ""}};
  auto expected = rich;
  expected.properties.user.emplace_back("tidegate", "uuid/default/1/1/1970-01-01T00:00:00.000Z/none");
  rich.properties.user[0].second.assign(GetParam() - properties_on_the_wire(expected.properties).size(), 'x');
  expected.properties.user[0] = rich.properties.user[0];
  ASSERT_EQ(properties_on_the_wire(expected.properties).size(), GetParam());
  PumpOptions options;
  options.keep_response = true;
  options.dead_letters = &dead_;
  make(options);
  send_at_the_maximum(rich, expected, true);
}

INSTANTIATE_TEST_SUITE_P(WhereTheirLengthTakesOneByteMore, APumpWithProperties,
                         testing::Values(127U, 128U, 16'383U, 16'384U));

TEST_F(APump, LowersTheQosToWhatTheServerTakesAndDropsRetainWhereItHasNone) {
  make();
  session_->answer(delivered);
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
  session_->answer(delivered);
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
  session_->answer(delivered);
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

// --- In batches -----------------------------------------------------------------------------------------------------

TEST_F(APump, WorksOnOutcomesAsABatchAndAcknowledgesOnce) {
  make();
  append(10);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(10));
  for (std::size_t n = 0; n < 10; ++n) session_->tell(session_->at(n).slot);
  session_->listener.on_outcomes_told();
  ASSERT_TRUE(lane_.wait_settled(10));
  EXPECT_EQ(lane_.acknowledge_calls, 1U);
  EXPECT_TRUE(wait_status([](const PumpStatus& status) { return status.delivered == 10; }));
}

TEST_F(APump, FlushesOnceAfterTheLastPublishOfABatch) {
  make();
  append(50);
  pump_->start();
  session_->connect();
  std::unique_lock lock(session_->mutex);
  ASSERT_TRUE(session_->condition.wait_for(lock, 5s, [&] { return session_->sent.size() == 50 && session_->flushed; }));
  EXPECT_EQ(session_->flushes, 1);
}

TEST_F(APump, NotesADeliveryLaterWhenTheDiskRefusesItNow) {
  lane_.unwritable = true;
  make();
  session_->answer(delivered);
  append(2);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.delivered == 2; }));
  EXPECT_TRUE(lane_.acknowledged.empty());
  lane_.unwritable = false;
  ASSERT_TRUE(lane_.wait_settled(2));
  EXPECT_EQ(session_->count(), 2U) << "sent once, whatever the disk does";
}

TEST_F(APump, LetsOtherLanesGoOnWhenOneCannotBeRead) {
  lane_.unreadable = true;
  make({}, {&lane_, &other_});
  session_->answer(delivered);
  append(1);
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(other_.append(message("b")));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(other_.wait_settled(3));
  lane_.unreadable = false;
  ASSERT_TRUE(lane_.wait_settled(1));
}

// --- Sharing --------------------------------------------------------------------------------------------------------

TEST_F(APump, SharesAWindowOfOneByWeight) {
  PumpOptions options;
  options.window = 1;
  auto first = lane("high");
  auto second = lane("low");
  first.weight = 3;
  second.lane = &other_;
  second.weight = 1;
  for (int n = 0; n < 30; ++n) {
    ASSERT_TRUE(lane_.append(message("a")));
    ASSERT_TRUE(other_.append(message("b")));
  }
  make_with(options, {first, second});
  session_->answer(delivered);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(30));
  ASSERT_TRUE(other_.wait_settled(30));
  int low = 0;
  for (std::size_t n = 0; n < 20; ++n) low += session_->at(n).message.topic == "b" ? 1 : 0;
  EXPECT_EQ(low, 5);
}

TEST_F(APump, SharesByKilobytesNotByMessages) {
  PumpOptions options;
  options.window = 1;
  make(options, {&lane_, &other_});
  ASSERT_TRUE(lane_.append(message("a", std::string(10'000, 'x'))));
  ASSERT_TRUE(lane_.append(message("a")));
  for (int n = 0; n < 30; ++n) ASSERT_TRUE(other_.append(message("b")));
  session_->answer(delivered);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  ASSERT_TRUE(other_.wait_settled(30));
  std::vector<std::size_t> places;
  for (std::size_t n = 0; n < session_->count(); ++n) {
    if (session_->at(n).message.topic == "a") places.push_back(n);
  }
  ASSERT_EQ(places.size(), 2U);
  EXPECT_GE(places[1] - places[0], 10U);
}

TEST_F(APump, InterleavesHistoryAndLiveEachInOrder) {
  PumpOptions options;
  options.window = 1;
  auto given = lane();
  given.interleave = true;
  make_with(options, {given});
  for (int n = 0; n < 4; ++n) ASSERT_TRUE(lane_.append(message("h", std::to_string(n))));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(1));
  EXPECT_EQ(lane_.cuts, 1);
  for (int n = 0; n < 6; ++n) ASSERT_TRUE(lane_.append(message("l", std::to_string(n))));
  for (std::size_t n = 0; n < 10; ++n) {
    ASSERT_TRUE(session_->wait_sent(n + 1));
    session_->settle(session_->at(n).slot);
  }
  std::string order;
  for (std::size_t n = 0; n < 10; ++n) order += session_->at(n).message.topic + session_->at(n).message.payload;
  EXPECT_EQ(order, "h0l0h1l1h2l2h3l3l4l5");
}

TEST_F(APump, CutsAgainAtEachConnectionAndSendsWhatWasUnderWayFirstInItsStream) {
  PumpOptions options;
  options.window = 4;
  auto given = lane();
  given.interleave = true;
  make_with(options, {given});
  for (int n = 0; n < 4; ++n) ASSERT_TRUE(lane_.append(message("h", std::to_string(n))));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(4));
  for (int n = 0; n < 4; ++n) ASSERT_TRUE(lane_.append(message("l", std::to_string(n))));
  session_->settle(session_->at(0).slot);
  session_->settle(session_->at(1).slot);
  ASSERT_TRUE(session_->wait_sent(6));  // h2 h3 l0 l1 are under way
  session_->lose();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(10));
  EXPECT_EQ(lane_.cuts, 2);
  for (int n = 4; n < 6; ++n) ASSERT_TRUE(lane_.append(message("l", std::to_string(n))));
  session_->answer(delivered);
  for (std::size_t n = 6; n < 10; ++n) session_->settle(session_->at(n).slot);
  ASSERT_TRUE(lane_.wait_settled(10));
  std::map<std::string, std::vector<std::string>> orders;
  for (std::size_t n = 6; n < session_->count(); ++n) {
    orders[session_->at(n).message.topic].push_back(session_->at(n).message.payload);
  }
  EXPECT_EQ(orders["h"], (std::vector<std::string>{"2", "3"}));
  const auto& live = orders["l"];
  ASSERT_EQ(live.size(), 6U);
  EXPECT_EQ((std::vector<std::string>{live[0], live[1]}), (std::vector<std::string>{"0", "1"}));
  const auto place = [&](const char* payload) { return std::ranges::find(live, payload) - live.begin(); };
  EXPECT_LT(place("2"), place("3"));
  EXPECT_LT(place("4"), place("5"));
}

TEST_F(APump, DoesNotCutALaneThatIsInOrder) {
  make();
  session_->answer(delivered);
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(1));
  EXPECT_EQ(lane_.cuts, 0);
}

TEST_F(APump, ReadsALaneOfLatestValuesNoSoonerThanItCanSend) {
  PumpOptions options;
  options.window = 1;
  lane_.keep_latest = true;
  auto given = lane();
  given.latest = true;
  make_with(options, {given});
  ASSERT_TRUE(lane_.append(message("t", "1")));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(1));
  for (const auto* payload : {"2", "3", "4"}) ASSERT_TRUE(lane_.append(message("t", payload)));
  ASSERT_TRUE(lane_.append(message("u", "5")));
  ASSERT_TRUE(lane_.append(message("t", "6")));
  session_->answer(delivered);
  session_->settle(session_->at(0).slot);
  ASSERT_TRUE(lane_.wait_settled(6));
  EXPECT_EQ(payloads(), (std::vector<std::string>{"1", "5", "6"}));
}

// --- Pacing ---------------------------------------------------------------------------------------------------------

TEST_F(APump, KeepsTheRateAndSaysThatItIsWhatItWaitsFor) {
  PumpOptions options;
  options.rate.messages = 1.0 / 15;
  options.now = [this] { return std::chrono::steady_clock::time_point{clock_.load()}; };
  lane_.keep_latest = true;
  auto given = lane();
  given.latest = true;
  make_with(options, {given});
  session_->answer(delivered);
  ASSERT_TRUE(lane_.append(message("t", "1")));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(1));
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.delivered == 1; }));
  EXPECT_FALSE(pump_->status().paced) << "nothing waits";
  ASSERT_TRUE(lane_.append(message("t", "2")));
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.paced; }));
  ASSERT_TRUE(lane_.append(message("t", "3")));
  clock_ = clock_.load() + 14s;
  pump_->wake();
  ASSERT_TRUE(lane_.append(message("t", "4")));
  EXPECT_EQ(session_->count(), 1U);
  clock_ = clock_.load() + 2s;
  pump_->wake();
  ASSERT_TRUE(session_->wait_sent(2));
  EXPECT_EQ(payloads(), (std::vector<std::string>{"1", "4"}));
  EXPECT_TRUE(wait_status([](const PumpStatus& status) { return !status.paced; }));
}

TEST_F(APump, SendsABurstAndWakesByItselfForTheRest) {
  PumpOptions options;
  options.rate.messages = 200;
  make(options);
  session_->answer(delivered);
  append(220);
  pump_->start();
  const auto before = std::chrono::steady_clock::now();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(220));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 95ms);
}

TEST_F(APump, DoesNotDelayVolatileMessagesButChargesThem) {
  PumpOptions options;
  options.rate.messages = 1;
  options.now = [this] { return std::chrono::steady_clock::time_point{clock_.load()}; };
  make(options);
  session_->answer(delivered);
  for (int n = 0; n < 5; ++n) pump_->send(message("v"));
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(5));
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.paced; }));
  EXPECT_EQ(session_->count(), 5U);
  clock_ = clock_.load() + 4s;
  pump_->wake();
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.paced; }));
  EXPECT_EQ(session_->count(), 5U);
  clock_ = clock_.load() + 1s;
  pump_->wake();
  ASSERT_TRUE(lane_.wait_settled(1));
}

// --- Marks ----------------------------------------------------------------------------------------------------------

TEST_F(APump, MarksAsResentOnlyWhatWasSentBefore) {
  PumpOptions options;
  options.window = 2;
  make(options);
  append(3);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(2));
  session_->lose();
  session_->answer(delivered);
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(3));
  for (std::size_t n = 0; n < 2; ++n) {
    EXPECT_FALSE(parse_key(key(n))->resent);
    EXPECT_EQ(key(n + 2), key(n) + "/resent");
  }
  EXPECT_FALSE(parse_key(key(4))->resent);
}

TEST_F(APump, MarksARefusedMessageAsResent) {
  make();
  count_ = 1;
  session_->answer([&](const Message&) {
    return count_-- > 0 ? Outcome{Outcome::Kind::refused, 0x97, "quota exceeded"} : delivered({});
  });
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(1));
  EXPECT_FALSE(parse_key(key(0))->resent);
  EXPECT_TRUE(parse_key(key(1))->resent);
}

TEST_F(APump, NamesTheTimeThatTheLaneNowBelieves) {
  lane_.wall = WallTime{10s};
  lane_.correction = 1'700'000'000s;
  make();
  session_->answer(delivered);
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(1));
  EXPECT_EQ(key(0), "uuid/default/1/1/2023-11-14T22:13:30.000Z/ntp");
}

TEST_F(APump, NamesTheGatewayOfTheLane) {
  auto given = lane("from-away");
  given.gateway = "another";
  make_with({}, {given});
  session_->answer(delivered);
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(1));
  EXPECT_TRUE(key(0).starts_with("another/from-away/1/1/")) << key(0);
}

TEST_F(APump, SendsEachMessageWithItsOwnPropertiesOnly) {
  PumpOptions options;
  options.window = 1;
  make(options);
  session_->answer(delivered);
  auto rich = message("t", "rich");
  rich.properties.content_type = "text/plain";
  rich.properties.utf8 = true;
  rich.properties.expiry = 100s;
  rich.properties.response_topic = "r";
  rich.properties.correlation_data = "c";
  rich.properties.user = {{"a", "1"}, {"b", "2"}};
  rich.retain = true;
  pump_->send(rich);
  ASSERT_TRUE(lane_.append(rich));
  ASSERT_TRUE(lane_.append(message("t", "plain")));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  ASSERT_EQ(session_->count(), 3U);
  EXPECT_EQ(session_->at(0).message.properties.response_topic, "r");
  auto second = session_->at(1).message;
  EXPECT_EQ(second.properties.user.size(), 3U);
  second.properties.user.pop_back();
  auto expected = rich;
  expected.properties.response_topic.clear();
  expected.properties.correlation_data.clear();
  EXPECT_EQ(second, expected);
  auto third = session_->at(2).message;
  EXPECT_EQ(third.properties.user.size(), 1U);
  third.properties.user.clear();
  EXPECT_EQ(third, message("t", "plain"));
}

TEST_F(APump, WrapsPayloadsInAnEnvelopeAndKeepsThemWholeForAResend) {
  PumpOptions options;
  options.properties = false;
  auto given = lane();
  given.envelope = true;
  make_with(options, {given});
  ASSERT_TRUE(lane_.append(message("t", "21.5")));
  auto removal = message("gone", "");
  removal.retain = true;
  ASSERT_TRUE(lane_.append(removal));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(2));
  session_->lose();
  session_->answer(delivered);
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(2));
  EXPECT_EQ(session_->at(0).message.payload,
            R"({"gateway":"uuid","lane":"default","epoch":1,"sequence":1,"time":"1970-01-01T00:00:00.000Z",)"
            R"("clock":"none","payload":21.5})");
  EXPECT_EQ(session_->at(1).message, removal);
  EXPECT_EQ(session_->at(2).message.payload,
            R"({"gateway":"uuid","lane":"default","epoch":1,"sequence":1,"time":"1970-01-01T00:00:00.000Z",)"
            R"("clock":"none","resent":true,"payload":21.5})");
}

// --- Poison ---------------------------------------------------------------------------------------------------------

TEST_F(APump, FindsTheMessageThatEndsTheConnectionAndDeliversAllOthersInOrder) {
  PumpOptions options;
  options.window = 10;
  options.dead_letters = &dead_;
  make(options);
  session_->answer(delivered);
  session_->poison([](const Message& sent) { return sent.payload == "25"; });
  append(50);
  pump_->start();
  EXPECT_LE(session_->live(10, [&] { return dead_.appended() == 1 && lane_.wait_settled(50); }), 7);
  EXPECT_EQ(lane_.acknowledged.size(), 49U);
  EXPECT_EQ(lane_.discarded.at(26), spool::Discard::dead_lettered);
  EXPECT_EQ(lane_.reasons.at(26), "the connection ended each time it was sent: cut off");
  std::vector<std::string> first;
  for (const auto& payload : payloads()) {
    if (payload != "25" && std::ranges::find(first, payload) == first.end()) first.push_back(payload);
  }
  std::vector<std::string> in_order;
  for (int n = 0; n < 50; ++n) {
    if (n != 25) in_order.push_back(std::to_string(n));
  }
  EXPECT_EQ(first, in_order);
  EXPECT_TRUE(wait_status([](const PumpStatus& status) { return status.window == 10 && status.suspect.empty(); }));
}

TEST_F(APump, FindsFourInARowThatEndTheConnectionAndDeliversAllOthers) {
  PumpOptions options;
  options.window = 10;
  options.dead_letters = &dead_;
  make(options);
  session_->answer(delivered);
  session_->poison([](const Message& sent) { return sent.payload.size() == 2 && sent.payload[0] == '4'; });
  append(44);  // 40 to 43
  append(20, 50);
  pump_->start();
  // The first connection, on which others are answered; a hunt that sets three aside; one that finds all four.
  EXPECT_LE(session_->live(40, [&] { return dead_.appended() == 4 && lane_.wait_settled(64); }), 1 + 8 + 18);
  EXPECT_EQ(lane_.acknowledged.size(), 60U);
  for (std::uint64_t sequence = 41; sequence <= 44; ++sequence) EXPECT_EQ(lane_.discarded.count(sequence), 1U);
}

TEST_F(APump, FindsItThoughAnotherLaneIsAcknowledgedOnEachConnection) {
  PumpOptions options;
  options.dead_letters = &dead_;
  options.window = 1;
  make(options, {&lane_, &other_});
  session_->answer(delivered);
  session_->poison([](const Message& sent) { return sent.payload == "0"; });
  append(2);
  for (int n = 0; n < 100; ++n) ASSERT_TRUE(other_.append(message("b", "good")));
  pump_->start();
  EXPECT_LE(
      session_->live(10, [&] { return dead_.appended() == 1 && lane_.wait_settled(2) && other_.wait_settled(100); }),
      6);
  EXPECT_EQ(lane_.acknowledged.size(), 1U);
  EXPECT_EQ(other_.acknowledged.size(), 100U);
}

TEST_F(APump, KeepsTheOnlyMessageThatWaitsAndSaysWhichItIs) {
  PumpOptions options;
  options.dead_letters = &dead_;
  make(options);
  session_->answer(delivered);
  session_->poison([](const Message& sent) { return sent.payload == "0"; });
  append(1);
  pump_->start();
  EXPECT_EQ(session_->live(8, [] { return false; }), 8);
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return !status.suspect.empty(); }));
  EXPECT_EQ(pump_->status().suspect, "lane default, message 1 on t: the connection ended when it was sent: cut off");
  EXPECT_EQ(session_->count(), 8U);
  EXPECT_EQ(dead_.appended(), 0U);
  session_->poison([](const Message&) { return false; });
  EXPECT_EQ(session_->live(1, [&] { return lane_.wait_settled(1); }), 0);
  EXPECT_TRUE(wait_status([](const PumpStatus& status) { return status.suspect.empty(); }));
}

TEST_F(APump, SendsTheOnlyMessageThatWaitsOnceAConnectionAlsoAfterItsFirstTrial) {
  PumpOptions options;
  options.dead_letters = &dead_;
  make(options);
  session_->answer(delivered);
  session_->poison([](const Message& sent) { return sent.payload == "0"; });
  append(2);
  pump_->start();
  EXPECT_EQ(session_->live(5, [] { return false; }), 5);  // two strikes, two alone, a trial
  ASSERT_TRUE(lane_.wait_settled(1));
  const auto before = session_->count();
  EXPECT_EQ(session_->live(10, [] { return false; }), 10);
  EXPECT_EQ(session_->count(), before + 10);
  EXPECT_EQ(dead_.appended(), 0U);
  append(1, 2);
  EXPECT_EQ(session_->live(5, [&] { return dead_.appended() == 1 && lane_.wait_settled(3); }), 1);
  EXPECT_EQ(lane_.acknowledged, (std::set<std::uint64_t>{2, 3}));
}

TEST_F(APump, SaysOnceThatTheServerEndsEveryConnectionUntilSomethingIsAnswered) {
  const auto warnings = [&](int ends) {
    testing::internal::CaptureStderr();
    session_->live(ends, [] { return false; });
    const auto said = testing::internal::GetCapturedStderr();
    const auto count = [&](std::string_view words) {
      int found = 0;
      for (auto at = said.find(words); at != std::string::npos; at = said.find(words, at + 1)) ++found;
      return found;
    };
    return std::pair{count("one message at a time"), count("not one message that")};
  };
  make();
  session_->answer(delivered);
  session_->poison([&](const Message&) { return !flag_; });
  append(20);
  pump_->start();
  EXPECT_EQ(warnings(60), std::pair(1, 1));
  flag_ = true;
  EXPECT_EQ(session_->live(1, [&] { return lane_.wait_settled(20); }), 0);
  session_->lose();
  flag_ = false;
  append(20);
  EXPECT_EQ(warnings(60), std::pair(1, 1));
}

TEST_F(APump, ConvictsNobodyWhenTheServerEndsEveryConnection) {
  PumpOptions options;
  options.dead_letters = &dead_;
  make(options);
  session_->answer(delivered);
  session_->poison([&](const Message&) { return !flag_; });
  append(20);
  pump_->start();
  EXPECT_EQ(session_->live(20, [] { return false; }), 20);
  EXPECT_EQ(dead_.appended(), 0U);
  flag_ = true;
  EXPECT_EQ(session_->live(1, [&] { return lane_.wait_settled(20); }), 0);
  EXPECT_EQ(lane_.acknowledged.size(), 20U);
}

TEST_F(APump, ConvictsNobodyWhenTheLinkFails) {
  PumpOptions options;
  options.dead_letters = &dead_;
  make(options);
  append(3);
  pump_->start();
  for (int n = 0; n < 10; ++n) {
    session_->connect();
    ASSERT_TRUE(session_->wait_sent(3U * static_cast<std::size_t>(n + 1))) << "a window of one at connection " << n;
    session_->lose({"nothing came", 0, false, true});
  }
  session_->answer(delivered);
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(3));
  EXPECT_EQ(dead_.appended(), 0U);
}

TEST_F(APump, DeadLettersAtOnceWhatTheServersDisconnectNamesWhenItWasAlone) {
  PumpOptions options;
  options.dead_letters = &dead_;
  make(options);
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(1));
  session_->lose({"packet too large for the server (0x95)", 0x95});
  ASSERT_TRUE(lane_.wait_settled(1));
  EXPECT_EQ(dead_.appended(), 1U);
}

TEST_F(APump, DropsAVolatileMessageThatEndsTheConnections) {
  make();
  session_->answer(delivered);
  session_->poison([](const Message& sent) { return sent.topic == "state"; });
  append(3);
  pump_->start();
  pump_->send(message("state", "online"));
  EXPECT_LE(session_->live(10,
                           [&] {
                             return lane_.settled() == 3 &&
                                    wait_status([](const PumpStatus& status) { return status.dropped == 1; });
                           }),
            6);
}

TEST_F(APump, GoesOnHuntingWhenTheDeadLettersCannotTakeTheConvict) {
  PumpOptions options;
  options.dead_letters = &dead_;
  dead_.broken = true;
  make(options);
  session_->answer(delivered);
  session_->poison([](const Message& sent) { return sent.payload == "0"; });
  append(3);
  pump_->start();
  EXPECT_EQ(session_->live(12, [] { return false; }), 12);
  EXPECT_TRUE(lane_.discarded.empty());
  EXPECT_EQ(lane_.acknowledged.size(), 2U);
}

// --- Stalls ---------------------------------------------------------------------------------------------------------

TEST_F(APump, IsStalledWhenNothingIsAcknowledgedFor30Seconds) {
  PumpOptions options;
  options.now = [this] { return std::chrono::steady_clock::time_point{clock_.load()}; };
  make(options);
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(1));
  EXPECT_FALSE(pump_->status().stalled);
  clock_ = clock_.load() + 30s;
  pump_->wake();
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.stalled; }));
  session_->settle(session_->at(0).slot);
  EXPECT_TRUE(wait_status([](const PumpStatus& status) { return !status.stalled; }));
}

TEST_F(APump, IsStalledWhenItsSessionTakesNothingOfWhatWaitsFor30Seconds) {
  PumpOptions options;
  options.now = [this] { return std::chrono::steady_clock::time_point{clock_.load()}; };
  make(options);
  session_->answer(delivered);
  session_->block(true);
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_not_taken(1));
  clock_ = clock_.load() + 29s;
  for (int round = 2; round <= 4; ++round) {  // the status is that of the second at least
    pump_->wake();
    ASSERT_TRUE(session_->wait_not_taken(round));
  }
  EXPECT_FALSE(pump_->status().stalled);
  clock_ = clock_.load() + 1s;
  pump_->wake();
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.stalled; }));
  session_->block(false);
  pump_->wake();
  ASSERT_TRUE(lane_.wait_settled(1));
  EXPECT_TRUE(wait_status([](const PumpStatus& status) { return !status.stalled; }));
}

TEST_F(APump, IsNotStalledWhenNothingWaits) {
  PumpOptions options;
  options.now = [this] { return std::chrono::steady_clock::time_point{clock_.load()}; };
  make(options);
  session_->answer(delivered);
  session_->block(true);
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_not_taken(1));
  session_->block(false);
  pump_->wake();
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.delivered == 1 && status.in_flight == 0; }));
  clock_ = clock_.load() + 60s;
  pump_->stop(0ms);  // after a round at this time
  EXPECT_FALSE(pump_->status().stalled);
}

// --- Limits ---------------------------------------------------------------------------------------------------------

TEST_F(APump, HonoursLimitsThatShrinkOnReconnect) {
  PumpOptions options;
  options.window = 10;
  options.dead_letters = &dead_;
  make(options);
  for (int n = 0; n < 5; ++n) ASSERT_TRUE(lane_.append(message("t", std::string(n == 2 ? 500 : 1, 'x'))));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(5));
  session_->lose();
  {
    const std::lock_guard lock(session_->mutex);
    session_->most_open = 0;
  }
  mqtt::Limits limits;
  limits.receive_maximum = 2;
  limits.maximum_packet_size = 300;
  limits.maximum_qos = Qos::at_least_once;
  session_->connect(limits);
  ASSERT_TRUE(session_->wait_sent(7));
  for (std::size_t n = 5; n < 9; ++n) {
    ASSERT_TRUE(session_->wait_sent(n + 1));
    session_->settle(session_->at(n).slot);
  }
  ASSERT_TRUE(lane_.wait_settled(5));
  EXPECT_EQ(session_->most_open, 2U);
  EXPECT_EQ(dead_.appended(), 1U);
  EXPECT_EQ(lane_.discarded.count(3), 1U);
}

TEST_F(APump, CountsWhatGoesAtQos0AsSentAndNeverAsDelivered) {
  events_.on_delivered = [&](const spool::Record&) { ++count_; };
  make();
  session_->answer(delivered);
  auto made = message("t");
  made.properties.response_topic = "r";
  ASSERT_TRUE(lane_.append(made));
  pump_->start();
  mqtt::Limits limits;
  limits.maximum_qos = Qos::at_most_once;
  session_->connect(limits);
  ASSERT_TRUE(lane_.wait_settled(1));
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return status.sent == 1; }));
  EXPECT_EQ(pump_->status().delivered, 0U);
  EXPECT_EQ(session_->at(0).message.qos, Qos::at_most_once);
  EXPECT_EQ(count_, 0);
}

TEST_F(APump, ForgetsThatALaneWasParkedWhenItIsDeliveredAgain) {
  make();
  session_->answer(
      [&](const Message&) { return flag_ ? delivered({}) : Outcome{Outcome::Kind::refused, 0x87, "not authorised"}; });
  append(1);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(wait_status([](const PumpStatus& status) { return !status.parked.empty(); }));
  flag_ = true;
  EXPECT_TRUE(wait_status([](const PumpStatus& status) { return status.parked.empty() && status.delivered == 1; }));
}

TEST_F(APump, LetsOtherLanesFlowWhileOneIsParked) {
  make({}, {&lane_, &other_});
  session_->answer([&](const Message& sent) {
    return sent.topic == "b" ? delivered({}) : Outcome{Outcome::Kind::refused, 0x87, "not authorised"};
  });
  append(5);
  for (int n = 0; n < 100; ++n) ASSERT_TRUE(other_.append(message("b")));
  pump_->start();
  session_->connect();
  ASSERT_TRUE(other_.wait_settled(100));
  EXPECT_TRUE(lane_.acknowledged.empty());
  EXPECT_TRUE(lane_.discarded.empty());
}

TEST_F(APump, LetsLanesTakeTurns) {
  PumpOptions options;
  options.window = 1;
  make(options, {&lane_, &other_});
  for (int n = 0; n < 3; ++n) {
    ASSERT_TRUE(lane_.append(message("a")));
    ASSERT_TRUE(other_.append(message("b")));
  }
  session_->answer(delivered);
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
  session_->answer(delivered);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(3));
  EXPECT_EQ(session_->at(0).message.payload, "2");
  EXPECT_EQ(pump_->status().dropped, 2U);
}

TEST_F(APump, DrainsWhatWaitsWhenItIsStopped) {
  make();
  session_->answer(delivered);
  pump_->start();
  session_->connect();
  append(300);
  pump_->stop(5s);
  EXPECT_EQ(lane_.acknowledged.size(), 300U);
}

TEST_F(APump, LeavesTheRestWhenToldToAndWaitsForWhatIsUnderWay) {
  PumpOptions options;
  options.window = 2;
  make(options);
  append(5);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(2));
  std::thread stopping([&] { pump_->stop(5s, Pump::Rest::leave); });
  session_->settle(session_->at(0).slot);
  session_->settle(session_->at(1).slot);
  stopping.join();
  EXPECT_LE(session_->count(), 4U);
  EXPECT_EQ(lane_.acknowledged, (std::set<std::uint64_t>{1, 2}));
}

TEST_F(APump, TakesAnotherLaneAndOtherOptionsWhileMessagesAreUnderWay) {
  make();
  append(3);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(3));
  auto first = lane();
  first.qos = Qos::at_most_once;
  auto second = lane("other");
  second.lane = &other_;
  ASSERT_TRUE(other_.append(message("o", "x")));
  other_.on_readable([this] { pump_->wake(); });
  pump_->change({first, second}, {});
  ASSERT_TRUE(session_->wait_sent(4));
  EXPECT_EQ(session_->at(3).message.payload, "x");
  append(1, 3);
  ASSERT_TRUE(session_->wait_sent(5));
  EXPECT_EQ(session_->at(4).message.qos, Qos::at_most_once);
  session_->answer(delivered);
  for (std::size_t n = 0; n < 5; ++n) session_->settle(session_->at(n).slot);
  ASSERT_TRUE(lane_.wait_settled(4));
  ASSERT_TRUE(other_.wait_settled(1));
  pump_->stop(0ms);
  EXPECT_EQ(session_->count(), 5U) << "something was sent twice";
}

TEST_F(APump, ReadsALaneThatIsNoMoreToInterleaveInOrderAgainFromTheNextConnectionOn) {
  auto both = lane();
  both.interleave = true;
  make_with({}, {both});
  append(2);
  pump_->start();
  session_->connect();
  ASSERT_TRUE(session_->wait_sent(2));
  append(2, 2);
  ASSERT_TRUE(session_->wait_sent(4));
  pump_->change({lane()}, {});
  append(1, 4);
  ASSERT_TRUE(session_->wait_sent(5)) << "the live part is not read any more";
  session_->lose();
  session_->answer(delivered);
  session_->connect();
  ASSERT_TRUE(lane_.wait_settled(5));
  pump_->stop(0ms);
  EXPECT_EQ(payloads(5), (std::vector<std::string>{"0", "1", "2", "3", "4"}));
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
  session_->answer(delivered);
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
