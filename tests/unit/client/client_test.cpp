// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/client.hpp>
#include <tidegate/error.hpp>

#include "mqtt/session.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;
using Kind = Event::Kind;
using Result = mqtt::Outcome::Kind;
using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::Optional;

constexpr auto deadline = 20s;

/// A session that does what the test says. Stands where Paho's does, because this program defines make_paho_session.
class ScriptedSession final : public mqtt::Session {
 public:
  struct Sent {
    std::uint64_t slot;
    Message message;
  };

  ScriptedSession(mqtt::SessionOptions options, mqtt::SessionListener& listener)
      : options_(std::move(options)), listener_(listener) {
    const std::lock_guard lock(now_mutex);
    now = this;
    now_changed.notify_all();
  }
  ~ScriptedSession() override {
    const std::lock_guard lock(now_mutex);
    if (now == this) now = nullptr;
  }

  void start() override {
    const std::lock_guard lock(mutex_);
    started_ = true;
    changed_.notify_all();
  }
  void stop(std::chrono::milliseconds) noexcept override { lose({}); }
  bool publish(std::uint64_t slot, const Message& message) noexcept override {
    const std::lock_guard lock(mutex_);
    if (!connected_) return false;
    sent_.push_back({slot, message});
    open_.push_back(slot);
    return true;
  }
  void flush() noexcept override {
    const std::lock_guard lock(mutex_);
    flushed_ = sent_.size();
    changed_.notify_all();
  }
  void subscribe(std::vector<mqtt::Subscription> subscriptions) override {
    const std::lock_guard lock(mutex_);
    subscriptions_ = std::move(subscriptions);
    changed_.notify_all();
  }
  void reconnect(const std::string&) noexcept override {}
  mqtt::State state() const noexcept override { return mqtt::State::connected; }
  mqtt::Failure last_failure() const override { return {}; }

  // ---- the script ----

  void connect(const mqtt::Limits& limits = {}) {
    {
      std::unique_lock lock(mutex_);
      ASSERT_TRUE(changed_.wait_for(lock, deadline, [this] { return started_; }));
      connected_ = true;
    }
    listener_.on_connected(limits);
  }
  void fail(const std::string& why) {
    mqtt::Failure failure;
    failure.what = why;
    listener_.on_disconnected(failure);
  }
  void lose(const std::string& why) {
    std::vector<std::uint64_t> open;
    {
      const std::lock_guard lock(mutex_);
      connected_ = false;
      open = std::exchange(open_, {});
    }
    for (const auto slot : open) listener_.on_outcome(slot, {});
    listener_.on_outcomes_told();
    if (!why.empty()) fail(why);
  }
  void answer(std::uint64_t slot, Result kind, const std::string& reason = {}) {
    {
      const std::lock_guard lock(mutex_);
      std::erase(open_, slot);
    }
    listener_.on_outcome(slot, {.kind = kind, .reason_code = 0, .reason = reason});
    listener_.on_outcomes_told();
  }
  void arrive(const std::string& topic, const std::string& payload, std::vector<std::uint32_t> subscriptions = {}) {
    mqtt::Arrival arrival;
    arrival.message.topic = topic;
    arrival.message.payload = payload;
    arrival.subscriptions = std::move(subscriptions);
    listener_.on_message(std::move(arrival));
  }
  /// The slots of the first count publishes, once they are on their way.
  std::vector<Sent> sent(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, deadline, [&] { return flushed_ >= count; });
    return sent_;
  }
  std::vector<std::string> filters(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, deadline, [&] { return subscriptions_.size() == count; });
    std::vector<std::string> filters;
    for (const auto& subscription : subscriptions_) filters.push_back(subscription.filter);
    return filters;
  }
  std::vector<int> retain_handling() {
    const std::lock_guard lock(mutex_);
    std::vector<int> all;
    for (const auto& subscription : subscriptions_) all.push_back(subscription.retain_handling);
    return all;
  }
  [[nodiscard]] const mqtt::SessionOptions& options() const { return options_; }

  /// The client's session, once there is one (for this server).
  static ScriptedSession& current(const std::string& server = {}) {
    std::unique_lock lock(now_mutex);
    if (!now_changed.wait_for(lock, deadline, [&] {
          return now != nullptr && (server.empty() || now->options_.servers.front() == server);
        }))
      throw UnavailableError("no session was made for " + server);
    return *now;
  }

 private:
  static inline std::mutex now_mutex;
  static inline std::condition_variable now_changed;
  static inline ScriptedSession* now = nullptr;

  mqtt::SessionOptions options_;
  mqtt::SessionListener& listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  bool connected_ = false;
  std::vector<Sent> sent_;
  std::vector<std::uint64_t> open_;
  std::size_t flushed_ = 0;
  std::vector<mqtt::Subscription> subscriptions_;
};

ClientOptions at_test_broker() {
  ClientOptions options;
  options.url = "mqtt://127.0.0.1:1";
  return options;
}

Message text(const std::string& payload, Qos qos = Qos::at_least_once) {
  Message message;
  message.topic = "a/b";
  message.payload = payload;
  message.qos = qos;
  return message;
}

/// Events of one kind, until there are count of them.
std::vector<Event> wait_for(Client& client, Kind kind, std::size_t count) {
  std::vector<Event> found;
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (found.size() < count && std::chrono::steady_clock::now() < end) {
    for (auto& event : client.wait(1000, 100ms)) {
      if (event.kind == kind) found.push_back(std::move(event));
    }
  }
  return found;
}

std::vector<std::string> payloads(const std::vector<ScriptedSession::Sent>& sent) {
  std::vector<std::string> payloads;
  for (const auto& one : sent) payloads.push_back(one.message.payload);
  return payloads;
}

TEST(AClient, SendsWhatWasPublishedBeforeItWasConnectedInOrder) {
  Client client(at_test_broker());
  client.start();
  for (const char* payload : {"1", "2", "3"}) client.publish(text(payload));
  auto& session = ScriptedSession::current();
  session.connect();
  EXPECT_THAT(payloads(session.sent(3)), ElementsAre("1", "2", "3"));
}

TEST(AClient, SendsUnacknowledgedMessagesAgainBeforeNewOnesAfterALostConnection) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  for (const char* payload : {"1", "2", "3"}) client.publish(text(payload));
  const auto first = session.sent(3);
  session.answer(first[1].slot, Result::delivered);
  session.lose("the cable is out");
  client.publish(text("4"));
  session.connect();
  EXPECT_THAT(payloads(session.sent(6)), ElementsAre("1", "2", "3", "1", "3", "4"));
}

TEST(AClient, DoesNotSendQos0Twice) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  const auto token = client.publish(text("1", Qos::at_most_once));
  session.sent(1);
  session.lose("gone");
  const auto dropped = wait_for(client, Kind::dropped, 1);
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].token, token);
  EXPECT_EQ(client.counters().dropped_outgoing, 1U);
}

TEST(AClient, KeepsAtMostAHundredUnderWayAndRefillsOnEachOutcome) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  for (int n = 0; n < 150; ++n) client.publish(text(std::to_string(n)));
  const auto sent = session.sent(100);
  EXPECT_EQ(sent.size(), 100U);
  session.answer(sent[50].slot, Result::delivered);
  EXPECT_EQ(session.sent(101).back().message.payload, "100");
  EXPECT_FALSE(client.flush(0ms));
}

TEST(AClient, StaysBelowTheBrokersReceiveMaximum) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  mqtt::Limits limits;
  limits.receive_maximum = 1;
  session.connect(limits);
  client.publish(text("1"));
  client.publish(text("2"));
  const auto sent = session.sent(1);
  EXPECT_EQ(sent.size(), 1U);
  session.answer(sent[0].slot, Result::delivered);
  EXPECT_THAT(payloads(session.sent(2)), ElementsAre("1", "2"));
}

TEST(AClient, DropsAndCountsTheOldestWhenTheOutgoingQueueIsFullOffline) {
  auto options = at_test_broker();
  options.outgoing = 2;
  Client client(options);
  client.start();
  const auto first = client.publish(text("1"));
  client.publish(text("2"));
  client.publish(text("3"));
  const auto dropped = wait_for(client, Kind::dropped, 1);
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].token, first);
  EXPECT_EQ(client.counters().dropped_outgoing, 1U);
  auto& session = ScriptedSession::current();
  session.connect();
  EXPECT_THAT(payloads(session.sent(2)), ElementsAre("2", "3"));
}

TEST(AClient, BoundsTheOutgoingQueueInBytesToo) {
  auto options = at_test_broker();
  options.outgoing_bytes = 100;
  Client client(options);
  client.publish(text(std::string(60, 'x')));
  client.publish(text(std::string(60, 'y')));
  EXPECT_EQ(client.counters().dropped_outgoing, 1U);
  client.publish(text(std::string(500, 'z')));  // larger than the bound: alone it goes
  EXPECT_EQ(client.counters().dropped_outgoing, 2U);
}

TEST(AClient, WaitsForRoomWhileConnectedInsteadOfDropping) {
  auto options = at_test_broker();
  options.outgoing = 1;
  options.patience = deadline;
  Client client(options);
  client.start();
  auto& session = ScriptedSession::current();
  mqtt::Limits limits;
  limits.receive_maximum = 1;
  session.connect(limits);
  client.publish(text("1"));
  const auto sent = session.sent(1);
  client.publish(text("2"));
  std::thread publisher([&] { client.publish(text("3")); });
  session.answer(sent[0].slot, Result::delivered);
  session.answer(session.sent(2)[1].slot, Result::delivered);
  publisher.join();
  EXPECT_THAT(payloads(session.sent(3)), ElementsAre("1", "2", "3"));
  EXPECT_EQ(client.counters().dropped_outgoing, 0U);
}

TEST(AClient, GivesAMessageBackInsteadOfWaitingForRoomWhenItIsOnlyTried) {
  auto options = at_test_broker();
  options.outgoing = 1;
  Client client(options);
  client.start();
  auto& session = ScriptedSession::current();
  mqtt::Limits limits;
  limits.receive_maximum = 1;
  session.connect(limits);
  client.publish(text("1"));
  session.sent(1);
  auto second = text("2");
  auto third = text("3");
  EXPECT_TRUE(client.try_publish(second));
  EXPECT_FALSE(client.try_publish(third));
  EXPECT_EQ(third, text("3"));
  EXPECT_EQ(client.counters().dropped_outgoing, 0U);
}

TEST(AClient, TellsDeliveryOnlyWhenAskedAndRefusalAlways) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  client.publish(text("quiet"));
  const auto told = client.publish(text("told"), true);
  const auto refused = client.publish(text("refused"));
  for (const auto& sent : session.sent(3))
    session.answer(sent.slot, sent.slot == refused ? Result::refused : Result::delivered, "not authorized");
  EXPECT_TRUE(client.flush(deadline));
  std::vector<std::pair<Kind, std::uint64_t>> seen;
  for (const auto& event : client.wait(100, 0ms)) {
    if (event.token != 0) seen.emplace_back(event.kind, event.token);
    if (event.kind == Kind::refused) {
      EXPECT_EQ(event.reason, "not authorized");
    }
  }
  EXPECT_THAT(seen, ElementsAre(std::pair(Kind::delivered, told), std::pair(Kind::refused, refused)));
  EXPECT_EQ(client.counters().delivered, 2U);
  EXPECT_EQ(client.counters().refused, 1U);
}

TEST(AClient, RefusesAMessageLargerThanTheBrokerTakes) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  mqtt::Limits limits;
  limits.maximum_packet_size = 200;
  session.connect(limits);
  client.publish(text(std::string(300, 'x')));
  const auto refused = wait_for(client, Kind::refused, 1);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0].reason, HasSubstr("200 bytes"));
  EXPECT_TRUE(client.flush(0ms));
}

TEST(AClient, LowersAQosThatTheBrokerDoesNotKnow) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  mqtt::Limits limits;
  limits.maximum_qos = Qos::at_least_once;
  session.connect(limits);
  client.publish(text("2", Qos::exactly_once));
  EXPECT_EQ(session.sent(1).at(0).message.qos, Qos::at_least_once);
}

TEST(AClient, DropsAndCountsTheOldestArrivalWhenTheInboxIsFull) {
  auto options = at_test_broker();
  options.inbox = 3;
  Client client(options);
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  for (const char* payload : {"1", "2", "3", "4", "5"}) session.arrive("t", payload);
  std::vector<std::string> kept;
  for (const auto& event : client.wait(100, deadline)) {
    if (event.kind == Kind::message) kept.push_back(event.message.payload);
  }
  EXPECT_THAT(kept, ElementsAre("3", "4", "5"));
  EXPECT_EQ(client.counters().dropped_inbox, 2U);
  EXPECT_EQ(client.counters().received, 5U);
}

TEST(AClient, HandsOverNoMoreEventsThanAskedFor) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  for (const char* payload : {"1", "2", "3"}) session.arrive("t", payload, {7});
  EXPECT_EQ(client.wait(2, deadline).size(), 2U);
  const auto rest = client.wait(2, deadline);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_THAT(rest[0].subscriptions, ElementsAre(7U));
}

TEST(AClient, ReturnsFromWaitWhenWoken) {
  Client client(at_test_broker());
  std::thread waking([&] { client.wake(); });
  EXPECT_TRUE(client.wait(1, deadline).empty());
  waking.join();
}

TEST(AClient, GivesItsWantedSubscriptionsToTheSession) {
  Client client(at_test_broker());
  client.subscribe({{.filter = "a/#", .identifier = 1}});
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  EXPECT_THAT(session.filters(1), ElementsAre("a/#"));
  client.subscribe({{.filter = "a/#", .identifier = 1}, {.filter = "b", .identifier = 2}});
  EXPECT_THAT(session.filters(2), ElementsAre("a/#", "b"));
}

TEST(AClient, AsksAgainForWhatTheBrokerKeepsWhereThatIsWanted) {
  Client client(at_test_broker());
  client.subscribe({{.filter = "a", .identifier = 1}, {.filter = "b", .identifier = 2, .again = true}});
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  EXPECT_THAT(session.filters(2), ElementsAre("a", "b"));
  EXPECT_THAT(session.retain_handling(), ElementsAre(1, 0));
}

TEST(AClient, CountsAnExpiryWhileAMessageWaitsAndDropsWhatHasExpired) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  auto brief = text("brief"), lasting = text("lasting");
  brief.properties.expiry = 1s;
  lasting.properties.expiry = 100s;
  const auto gone = client.publish(brief);
  client.publish(lasting);
  client.publish(text("forever"));
  std::this_thread::sleep_for(1100ms);  // the time that passes is what is tested
  session.connect();
  const auto sent = session.sent(2);
  ASSERT_THAT(payloads(sent), ElementsAre("lasting", "forever"));
  EXPECT_THAT(sent[0].message.properties.expiry, Optional(AllOf(Ge(90s), Le(99s))));
  EXPECT_EQ(sent[1].message.properties.expiry, std::nullopt);
  const auto dropped = wait_for(client, Kind::dropped, 1);
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].token, gone);
  EXPECT_THAT(dropped[0].reason, HasSubstr("expired"));
  EXPECT_EQ(client.counters().dropped_outgoing, 1U);
}

TEST(AClient, DropsWhatASimulatedClockHasLetExpire) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  auto early = text("early"), late = text("late");
  early.properties.expiry = late.properties.expiry = 1h;
  client.publish(early);
  client.age(30min);
  client.publish(late);
  client.age(30min);
  session.connect();
  const auto sent = session.sent(1);
  ASSERT_THAT(payloads(sent), ElementsAre("late"));
  EXPECT_THAT(sent[0].message.properties.expiry, Optional(AllOf(Ge(1790s), Le(1800s))));
  EXPECT_EQ(wait_for(client, Kind::dropped, 1).size(), 1U);
}

TEST(AClient, RejectsBadTopicsFiltersAndPayloads) {
  auto options = at_test_broker();
  options.payload_cap = 10;
  Client client(options);
  auto bad = text("x");
  bad.topic = "a/#";
  EXPECT_THROW(client.publish(bad), TopicError);
  EXPECT_THROW(client.publish(text(std::string(11, 'x'))), PayloadError);
  EXPECT_THROW(client.subscribe({{.filter = "a#"}}), TopicError);
}

TEST(AClientThatStops, SendsWhatWaitsFirst) {
  Client client(at_test_broker());
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  client.publish(text("1"));
  std::thread stopping([&] { client.stop(deadline); });
  session.answer(session.sent(1)[0].slot, Result::delivered);
  stopping.join();
  EXPECT_EQ(client.counters().delivered, 1U);
  EXPECT_EQ(client.counters().dropped_outgoing, 0U);
  EXPECT_THROW(client.publish(text("2")), UnavailableError);
}

TEST(AClientThatStops, DoesNotWaitForABrokerThatIsNotThereAndTellsWhatWasNotSent) {
  Client client(at_test_broker());
  client.start();
  const auto token = client.publish(text("1"));
  ScriptedSession::current().fail("connection refused");
  const auto begun = std::chrono::steady_clock::now();
  client.stop(1min);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, deadline);
  const auto dropped = wait_for(client, Kind::dropped, 1);
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(dropped[0].token, token);
}

TEST(AClientThatStops, EndsAWaitAndMayBeStoppedTwice) {
  Client client(at_test_broker());
  client.start();
  std::thread waiting([&] { EXPECT_TRUE(client.wait(1, 1min).empty()); });
  client.stop(0ms);
  waiting.join();
  client.stop(0ms);
}

/// A runtime folder whose broker.url the test writes; the environment stays as it is while the client's thread reads
/// it.
class AClientWithoutAUrl : public testing::Test {
 protected:
  AClientWithoutAUrl() : folder_(testing::TempDir() + "tidegate-client-XXXXXX") {
    if (::mkdtemp(folder_.data()) == nullptr) throw SystemError(errno, folder_);
    ::unsetenv("TIDEGATE_BROKER");
    ::setenv("RUNTIME_DIRECTORY", folder_.c_str(), 1);
  }
  ~AClientWithoutAUrl() override {
    ::unsetenv("RUNTIME_DIRECTORY");
    std::filesystem::remove_all(folder_);
  }
  void broker_is_at(const std::string& url) const {
    std::ofstream(folder_ + "/new") << url << '\n';
    std::filesystem::rename(folder_ + "/new", folder_ + "/broker.url");
  }
  std::string folder_;
};

TEST_F(AClientWithoutAUrl, TellsWhereItLookedOnceAndConnectsWhenABrokerAppears) {
  if (std::filesystem::exists("/run/tidegate/broker.url")) GTEST_SKIP() << "a gateway of the system's is running";
  Client client({});
  client.start();
  const auto told = wait_for(client, Kind::disconnected, 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0].reason, HasSubstr(folder_ + "/broker.url"));
  client.publish(text("1"));
  broker_is_at("mqtt://127.0.0.1:2");
  auto& session = ScriptedSession::current();
  session.connect();
  EXPECT_THAT(session.options().servers, ElementsAre("mqtt://127.0.0.1:2"));
  EXPECT_THAT(payloads(session.sent(1)), ElementsAre("1"));
}

TEST_F(AClientWithoutAUrl, FollowsALocalBrokerThatMoved) {
  broker_is_at("mqtt://127.0.0.1:2");
  Client client({});
  client.start();
  auto& session = ScriptedSession::current();
  session.connect();
  client.publish(text("1"));
  session.sent(1);
  broker_is_at("mqtt://127.0.0.1:3");
  session.lose("gone");
  auto& moved = ScriptedSession::current("mqtt://127.0.0.1:3");
  moved.connect();
  EXPECT_THAT(payloads(moved.sent(1)), ElementsAre("1"));
}

}  // namespace

std::unique_ptr<mqtt::Session> mqtt::make_paho_session(SessionOptions options, SessionListener& listener) {
  return std::make_unique<ScriptedSession>(std::move(options), listener);
}

}  // namespace tidegate
