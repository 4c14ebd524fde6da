// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/session.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/log.hpp>

#include "support/certificates.hpp"
#include "support/mosquitto.hpp"

extern "C" pthread_mutex_t* mqttasync_mutex;  // of Paho's inside

namespace tidegate::mqtt {

/// For the names of the tests.
static void PrintTo(Version version, std::ostream* out) {
  *out << (version == Version::v5 ? "5" : "3.1.1");
}

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Certificates;
using test::RealMosquitto;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Clock = std::chrono::steady_clock;

constexpr auto patience = seconds(20);

/// Writes down what it is told.
class Recorder : public SessionListener {
 public:
  void on_connected(const Limits& limits) override {
    const std::lock_guard lock(mutex_);
    connected_.push_back(limits);
    changed_.notify_all();
  }
  void on_disconnected(const Failure& failure) override {
    const std::lock_guard lock(mutex_);
    failures_.push_back(failure);
    changed_.notify_all();
  }
  void on_message(Arrival&& arrival) override {
    const std::lock_guard lock(mutex_);
    arrivals_.push_back(std::move(arrival));
    changed_.notify_all();
  }
  void on_outcome(std::uint64_t slot, const Outcome& outcome) override {
    const std::lock_guard lock(mutex_);
    outcomes_[slot].push_back(outcome);
    if (telling_ != std::thread::id{} && telling_ != std::this_thread::get_id()) ++mixed_;
    telling_ = std::this_thread::get_id();
    changed_.notify_all();
  }
  void on_outcomes_told() override {
    const std::lock_guard lock(mutex_);
    if (telling_ != std::this_thread::get_id()) ++mixed_;
    telling_ = {};
    ++batches_;
    changed_.notify_all();
  }

  template <class Predicate>
  bool wait(Predicate predicate, Clock::duration limit = patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, predicate);
  }
  bool wait_connected(std::size_t times = 1) {
    return wait([&] { return connected_.size() >= times; });
  }
  bool wait_failure(std::size_t times = 1) {
    return wait([&] { return failures_.size() >= times; });
  }
  bool wait_arrivals(std::size_t count) {
    return wait([&] { return arrivals_.size() >= count; });
  }
  bool wait_outcomes(std::size_t count) {
    return wait([&] { return outcomes_.size() >= count; });
  }

  bool wait_outcome(std::uint64_t slot) {
    return wait([&] { return outcomes_.contains(slot); });
  }

  /// Whether the end of the batch was told after the last outcome.
  bool wait_told(std::size_t outcomes) {
    return wait([&] { return outcomes_.size() >= outcomes && telling_ == std::thread::id{}; });
  }
  std::size_t outcome_count() const {
    const std::lock_guard lock(mutex_);
    return outcomes_.size();
  }
  unsigned batches() const { return copy(batches_); }
  unsigned mixed() const { return copy(mixed_); }

  std::vector<Limits> connected() const { return copy(connected_); }
  std::vector<Failure> failures() const { return copy(failures_); }
  std::vector<Arrival> arrivals() const { return copy(arrivals_); }
  std::map<std::uint64_t, std::vector<Outcome>> outcomes() const { return copy(outcomes_); }
  std::vector<std::string> payloads() const {
    std::vector<std::string> all;
    for (const auto& arrival : arrivals()) all.push_back(arrival.message.payload);
    return all;
  }
  std::size_t count(Outcome::Kind kind) const {
    std::size_t found = 0;
    for (const auto& [slot, told] : outcomes()) found += told.size() == 1 && told[0].kind == kind ? 1 : 0;
    return found;
  }

 private:
  template <class T>
  T copy(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Limits> connected_;
  std::vector<Failure> failures_;
  std::vector<Arrival> arrivals_;
  std::map<std::uint64_t, std::vector<Outcome>> outcomes_;
  std::thread::id telling_;  ///< who told an outcome since the end of the last batch
  unsigned batches_ = 0;
  unsigned mixed_ = 0;  ///< the end of a batch came on another thread than its outcomes
};

SessionOptions options(const std::string& url, const std::string& client_id, Version version = Version::v5) {
  SessionOptions made;
  made.name = client_id;
  made.servers = {url};
  made.client_id = client_id;
  made.version = version;
  made.clean_start = true;
  made.connect_timeout = seconds(15);
  made.backoff_first = milliseconds(10);
  made.backoff_most = milliseconds(50);
  return made;
}

/// A session and what it told.
struct Client {
  explicit Client(SessionOptions wanted, std::vector<Subscription> subscriptions = {}) {
    session = make_paho_session(std::move(wanted), heard);
    if (!subscriptions.empty()) session->subscribe(std::move(subscriptions));
    session->start();
  }
  ~Client() { session->stop(milliseconds(2'000)); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Publishes and waits for the outcome.
  Outcome publish(const Message& message) {
    const std::uint64_t slot = ++slots;
    if (!session->publish(slot, message)) return {Outcome::Kind::unknown, 0, "not handed over"};
    if (!heard.wait_outcome(slot)) return {Outcome::Kind::unknown, 0, "no outcome came"};
    return heard.outcomes().at(slot).at(0);
  }

  Recorder heard;
  std::unique_ptr<Session> session;
  std::uint64_t slots = 0;
};

Message message(const std::string& topic, const std::string& payload, Qos qos = Qos::at_least_once,
                bool retain = false) {
  return {topic, payload, qos, retain, {}};
}

Subscription to(const std::string& filter, Qos qos = Qos::at_least_once, std::uint32_t identifier = 0) {
  Subscription one;
  one.filter = filter;
  one.qos = qos;
  one.identifier = identifier;
  return one;
}

// --- A server that says what the test wants -----------------------------------------------------------------------

/// One listener on 127.0.0.1; takes one connection at a time, reads and writes raw MQTT packets.
class ScriptedServer {
 public:
  struct Packet {
    int type = 0;  ///< 1 CONNECT, 3 PUBLISH, 8 SUBSCRIBE, 12 PINGREQ, 14 DISCONNECT; 0: the client has gone
    int flags = 0;
    std::string body;
  };

  ScriptedServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
  }
  ~ScriptedServer() {
    hang_up();
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const { return fmt::format("mqtt://127.0.0.1:{}", port_); }

  /// Connections from now on have a small receive window. Small segments too: one that is larger than the window would
  /// wait for TCP's persist timer each time.
  void narrow() const {
    const int window = 16'384;
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    const int segment = 1'000;
    ::setsockopt(listener_, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
  }

  /// Whether a client connected within the time.
  bool accept(Clock::duration limit = patience) {
    hang_up();
    if (!ready(listener_, limit)) return false;
    connection_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    return connection_ >= 0;
  }
  /// Accepts, reads CONNECT and answers with a CONNACK of MQTT 5 that has these properties.
  bool welcome(bool session_present = false, const std::string& properties = "", char reason = 0) {
    if (!accept() || read().type != 1) return false;
    std::string body{session_present ? '\1' : '\0', reason, static_cast<char>(properties.size())};
    send(0x20, body + properties);
    return true;
  }
  /// The same for the version.
  bool welcome(Version version) {
    if (version == Version::v5) return welcome();
    if (!accept() || read().type != 1) return false;
    send(0x20, std::string(2, '\0'));
    return true;
  }
  Packet read() {
    Packet packet;
    std::string head;
    if (!take(head, 1)) return {};
    packet.type = static_cast<unsigned char>(head[0]) >> 4;
    packet.flags = head[0] & 0x0F;
    std::size_t length = 0;
    for (int shift = 0;; shift += 7) {
      std::string byte;
      if (!take(byte, 1)) return {};
      length |= static_cast<std::size_t>(byte[0] & 0x7F) << shift;
      if ((byte[0] & 0x80) == 0) break;
    }
    if (!take(packet.body, length)) return {};
    return packet;
  }
  static std::string packet(int head, const std::string& body) {
    return std::string{static_cast<char>(head), static_cast<char>(body.size())} + body;
  }
  void send(int head, const std::string& body) const { send(packet(head, body)); }
  void send(const std::string& bytes) const {
    [[maybe_unused]] const auto sent = ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// Each byte in a segment of its own.
  void send_bytewise(const std::string& bytes) const {
    const int on = 1;
    ::setsockopt(connection_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (const char byte : bytes) {
      send(std::string(1, byte));
      std::this_thread::yield();
    }
  }
  int connection() const { return connection_; }
  void hang_up() {
    if (connection_ >= 0) ::close(connection_);
    connection_ = -1;
  }

  /// The packet identifier of a QoS 1 PUBLISH, as two bytes.
  static std::string identifier(const Packet& publish) {
    const std::size_t topic = static_cast<std::size_t>(static_cast<unsigned char>(publish.body[0])) * 256 +
                              static_cast<unsigned char>(publish.body[1]);
    return publish.body.substr(2 + topic, 2);
  }

 private:
  static bool ready(int fd, Clock::duration limit) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, static_cast<int>(std::chrono::duration_cast<milliseconds>(limit).count())) > 0;
  }
  bool take(std::string& into, std::size_t count) const {
    into.resize(count);
    for (std::size_t got = 0; got < count;) {
      if (!ready(connection_, patience)) return false;
      const auto more = ::recv(connection_, into.data() + got, count - got, 0);
      if (more <= 0) return false;
      got += static_cast<std::size_t>(more);
    }
    return true;
  }

  int listener_ = -1;
  int connection_ = -1;
  std::uint16_t port_ = 0;
};

std::string bytes(std::initializer_list<int> values) {
  std::string made;
  for (const int value : values) made.push_back(static_cast<char>(value));
  return made;
}

// --- Messages ------------------------------------------------------------------------------------------------------

class ASessionOfEitherVersion : public ::testing::TestWithParam<Version> {};

INSTANTIATE_TEST_SUITE_P(Mqtt, ASessionOfEitherVersion, ::testing::Values(Version::v3_1_1, Version::v5),
                         [](const auto& one) { return one.param == Version::v5 ? "5" : "311"; });

TEST_P(ASessionOfEitherVersion, CarriesEveryQosBothWays) {
  RealMosquitto broker;
  Client receiver(options(broker.url(), "receiver", GetParam()), {to("q/#", Qos::exactly_once)});
  Client sender(options(broker.url(), "sender", GetParam()));
  ASSERT_TRUE(receiver.heard.wait_connected());
  ASSERT_TRUE(sender.heard.wait_connected());

  for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
    const auto text = std::to_string(static_cast<int>(qos));
    EXPECT_EQ(sender.publish(message("q/" + text, text, qos)).kind, Outcome::Kind::delivered) << text;
  }
  ASSERT_TRUE(receiver.heard.wait_arrivals(3));
  std::map<std::string, Qos> got;
  for (const auto& arrival : receiver.heard.arrivals()) got[arrival.message.payload] = arrival.message.qos;
  EXPECT_EQ(
      got, (std::map<std::string, Qos>{{"0", Qos::at_most_once}, {"1", Qos::at_least_once}, {"2", Qos::exactly_once}}));
}

TEST_P(ASessionOfEitherVersion, CarriesPayloadsOfAnySizeUnchanged) {
  RealMosquitto broker;
  Client client(options(broker.url(), "client", GetParam()), {to("big")});
  ASSERT_TRUE(client.heard.wait_connected());
  std::string all(256, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i);
  const std::vector<std::string> payloads = {"", std::string(1, '\0'), all, std::string(std::size_t{1} << 20, 'x')};
  const auto begin = Clock::now();
  for (const auto& payload : payloads)
    EXPECT_EQ(client.publish(message("big", payload)).kind, Outcome::Kind::delivered) << payload.size();
  ASSERT_TRUE(client.heard.wait_arrivals(payloads.size()));
  EXPECT_EQ(client.heard.payloads(), payloads);
  EXPECT_LT(Clock::now() - begin, seconds(8)) << "a blocked socket is written on as soon as it can be";
}

TEST_P(ASessionOfEitherVersion, RemovesARetainedMessageByAnEmptyPayload) {
  RealMosquitto broker;
  Client sender(options(broker.url(), "sender", GetParam()));
  ASSERT_TRUE(sender.heard.wait_connected());
  ASSERT_EQ(sender.publish(message("r/state", "online", Qos::at_least_once, true)).kind, Outcome::Kind::delivered);
  {
    Client late(options(broker.url(), "late", GetParam()), {to("r/#")});
    ASSERT_TRUE(late.heard.wait_arrivals(1));
    EXPECT_EQ(late.heard.arrivals()[0].message.payload, "online");
    EXPECT_TRUE(late.heard.arrivals()[0].message.retain);
  }
  ASSERT_EQ(sender.publish(message("r/state", "", Qos::at_least_once, true)).kind, Outcome::Kind::delivered);
  Client later(options(broker.url(), "later", GetParam()), {to("r/#")});
  ASSERT_TRUE(later.heard.wait_connected());
  ASSERT_EQ(sender.publish(message("r/end", "end")).kind, Outcome::Kind::delivered);
  ASSERT_TRUE(later.heard.wait_arrivals(1));
  EXPECT_THAT(later.heard.payloads(), ElementsAre("end"));
}

TEST_P(ASessionOfEitherVersion, IsServedWhatCameWhileItWasAway) {
  RealMosquitto broker({.config = "max_queued_messages 0\n"});
  auto kept = options(broker.url(), "kept", GetParam());
  kept.clean_start = false;
  {
    Client before(kept, {to("k/#")});
    ASSERT_TRUE(before.heard.wait_connected());
    EXPECT_FALSE(before.heard.connected()[0].session_present);
  }
  Client sender(options(broker.url(), "sender", GetParam()));
  ASSERT_TRUE(sender.heard.wait_connected());
  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(sender.publish(message("k/" + std::to_string(i), std::to_string(i))).kind, Outcome::Kind::delivered);
  Client after(kept, {to("k/#")});
  ASSERT_TRUE(after.heard.wait_connected());
  EXPECT_TRUE(after.heard.connected()[0].session_present);
  ASSERT_TRUE(after.heard.wait_arrivals(50));
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(after.heard.payloads(), expected);
}

TEST_P(ASessionOfEitherVersion, ConnectsAndSubscribesAtOnceWhenOthersOfTheProcessAreConnected) {
  RealMosquitto broker;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<double> took;
  for (int i = 0; i < 5; ++i) {
    const auto begin = Clock::now();
    clients.push_back(std::make_unique<Client>(options(broker.url(), "c" + std::to_string(i), GetParam()),
                                               std::vector<Subscription>{to("t/#")}));
    ASSERT_TRUE(clients.back()->heard.wait_connected());
    took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  std::ranges::sort(took);
  EXPECT_LT(took[2], 300) << "median, ms";
}

TEST_P(ASessionOfEitherVersion, ChangesItsSubscriptionsWhileConnected) {
  RealMosquitto broker;
  Client client(options(broker.url(), "client", GetParam()), {to("s/old")});
  ASSERT_TRUE(client.heard.wait_connected());
  client.session->subscribe({to("s/new"), to("s/end")});
  // The change has reached the server once a message for the new filter comes.
  std::uint64_t slot = 1'000;
  const auto deadline = Clock::now() + patience;
  while (client.heard.arrivals().empty() && Clock::now() < deadline) {
    (void)client.session->publish(++slot, message("s/new", "new"));
    client.heard.wait_outcome(slot);
  }
  ASSERT_EQ(client.publish(message("s/old", "old")).kind, Outcome::Kind::delivered);
  ASSERT_EQ(client.publish(message("s/end", "end")).kind, Outcome::Kind::delivered);
  const auto ended = [&] {
    const auto got = client.heard.payloads();
    return std::ranges::find(got, "end") != got.end();
  };
  while (!ended() && Clock::now() < deadline) client.heard.wait([] { return false; }, milliseconds(5));
  EXPECT_THAT(client.heard.payloads(), Each(AnyOf("new", "end")));
  EXPECT_THAT(client.session->refused(), IsEmpty());
}

TEST(ASession, CarriesThePropertiesOfMqtt5) {
  RealMosquitto broker;
  Client client(options(broker.url(), "client"), {to("p")});
  ASSERT_TRUE(client.heard.wait_connected());
  Message sent = message("p", "{\"on\":true}", Qos::at_least_once);
  sent.properties.expiry = seconds(3'600);
  sent.properties.content_type = "application/json";
  sent.properties.utf8 = true;
  sent.properties.response_topic = "p/answer";
  sent.properties.correlation_data = std::string("\0\1\2", 3);
  sent.properties.user = {{"tidegate", "g/l/1/7"}, {"again", "first"}, {"again", "second"}, {"empty", ""}};
  ASSERT_EQ(client.publish(sent).kind, Outcome::Kind::delivered);
  ASSERT_TRUE(client.heard.wait_arrivals(1));
  Message got = client.heard.arrivals()[0].message;
  ASSERT_TRUE(got.properties.expiry);
  EXPECT_GE(got.properties.expiry->count(), 3'590);
  EXPECT_LE(got.properties.expiry->count(), 3'600);
  got.properties.expiry = sent.properties.expiry;
  EXPECT_EQ(got, sent);
}

TEST(ASession, TellsOverlappingSubscriptionsApartByTheirIdentifiers) {
  RealMosquitto broker;
  Client client(options(broker.url(), "client"),
                {to("o/#", Qos::at_least_once, 7), to("o/x", Qos::at_least_once, 268'435'455)});
  ASSERT_TRUE(client.heard.wait_connected());
  ASSERT_EQ(client.publish(message("o/x", "both")).kind, Outcome::Kind::delivered);
  const auto identifiers = [&] {
    std::set<std::uint32_t> all;
    for (const auto& arrival : client.heard.arrivals())
      all.insert(arrival.subscriptions.begin(), arrival.subscriptions.end());
    return all;
  };
  const auto deadline = Clock::now() + patience;
  while (identifiers().size() < 2 && Clock::now() < deadline) client.heard.wait([] { return false; }, milliseconds(5));
  EXPECT_EQ(identifiers(), (std::set<std::uint32_t>{7, 268'435'455}));
}

TEST(ASession, DoesNotGetItsOwnMessagesWithNoLocal) {
  RealMosquitto broker;
  Subscription quiet = to("n/#");
  quiet.no_local = true;
  Client client(options(broker.url(), "client"), {quiet});
  Client other(options(broker.url(), "other"));
  ASSERT_TRUE(client.heard.wait_connected());
  ASSERT_TRUE(other.heard.wait_connected());
  ASSERT_EQ(client.publish(message("n/1", "own")).kind, Outcome::Kind::delivered);
  ASSERT_EQ(other.publish(message("n/2", "other")).kind, Outcome::Kind::delivered);
  ASSERT_TRUE(client.heard.wait_arrivals(1));
  EXPECT_THAT(client.heard.payloads(), ElementsAre("other"));
}

TEST(ASession, LeavesItsWillWhenItsConnectionBreaksAndNotWhenItStops) {
  RealMosquitto broker;
  Client watcher(options(broker.url(), "watcher"), {to("w/#")});
  ASSERT_TRUE(watcher.heard.wait_connected());
  auto mortal = options(broker.url(), "mortal");
  mortal.will = message("w/state", "offline", Qos::at_least_once, true);
  {
    Client client(mortal);
    ASSERT_TRUE(client.heard.wait_connected());
    client.session->reconnect("the test breaks the connection");
    ASSERT_TRUE(watcher.heard.wait_arrivals(1));
    EXPECT_EQ(watcher.heard.arrivals()[0].message.topic, "w/state");
    EXPECT_EQ(watcher.heard.arrivals()[0].message.payload, "offline");
    ASSERT_TRUE(client.heard.wait_connected(2));
    ASSERT_EQ(client.heard.failures().size(), 1U);
    EXPECT_THAT(client.heard.failures()[0].what, HasSubstr("the test breaks the connection"));
    EXPECT_TRUE(client.heard.failures()[0].ours);
    EXPECT_EQ(client.session->last_failure().what, client.heard.failures()[0].what);
  }
  ASSERT_EQ(watcher.publish(message("w/end", "end")).kind, Outcome::Kind::delivered);
  ASSERT_TRUE(watcher.heard.wait_arrivals(2));
  EXPECT_THAT(watcher.heard.payloads(), ElementsAre("offline", "end"));
}

TEST(ASession, LeavesItsWillWhenItsProcessIsKilled) {
  RealMosquitto broker;
  Client watcher(options(broker.url(), "watcher"), {to("w/#")});
  ASSERT_TRUE(watcher.heard.wait_connected());
  const std::string url = broker.url();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::execl(TIDEGATE_MORTAL, "mortal", url.c_str(), static_cast<char*>(nullptr));
    ::_exit(1);
  }
  ASSERT_TRUE(watcher.heard.wait_arrivals(1)) << "the child does not connect";
  EXPECT_THAT(watcher.heard.payloads(), ElementsAre("here"));
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(watcher.heard.wait_arrivals(2));
  EXPECT_THAT(watcher.heard.payloads(), ElementsAre("here", "gone"));
}

// --- Credentials and TLS -------------------------------------------------------------------------------------------

TEST_P(ASessionOfEitherVersion, IsTurnedAwayForAWrongPasswordAndKeepsTrying) {
  RealMosquitto broker({.config = "allow_anonymous false\npassword_file {dir}/passwords\n", .start = false});
  broker.add_user("gate", "right");
  broker.start();
  auto wrong = options(broker.url(), "client", GetParam());
  wrong.username = "gate";
  wrong.password = "wrong";
  Client client(wrong);
  ASSERT_TRUE(client.heard.wait_failure(3));
  for (const auto& failure : client.heard.failures()) {
    EXPECT_TRUE(failure.authentication);
    EXPECT_THAT(failure.what, HasSubstr("password"));
    EXPECT_EQ(failure.reason_code, GetParam() == Version::v5 ? 0x87 : 5);
  }
  EXPECT_THAT(client.heard.connected(), IsEmpty());
  EXPECT_FALSE(client.session->publish(1, message("a", "b")));
}

TEST_P(ASessionOfEitherVersion, ConnectsWithTheRightPassword) {
  RealMosquitto broker({.config = "allow_anonymous false\npassword_file {dir}/passwords\n", .start = false});
  broker.add_user("gate", "right");
  broker.start();
  auto right = options(broker.url(), "client", GetParam());
  right.username = "gate";
  right.password = "right";
  Client client(right, {to("a")});
  ASSERT_TRUE(client.heard.wait_connected());
  EXPECT_EQ(client.publish(message("a", "b")).kind, Outcome::Kind::delivered);
  EXPECT_TRUE(client.heard.wait_arrivals(1));
  EXPECT_THAT(client.heard.failures(), IsEmpty());
}

class ASessionOverTls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { certificates = std::make_unique<Certificates>(); }
  static void TearDownTestSuite() { certificates.reset(); }

  static RealMosquitto::Options served_by(const Certificates::Pair& pair, const std::string& more = "") {
    return {
        .config = fmt::format("certfile {}\nkeyfile {}\ncafile {}\n{}", pair.cert, pair.key, certificates->ca(), more),
        .tls = true};
  }
  static SessionOptions secure(const RealMosquitto& broker) {
    auto made = options(broker.url("localhost"), "client");
    made.tls.ca_file = certificates->ca();
    return made;
  }
  /// The first failure of a session with these options; it must not connect.
  static Failure failure(const SessionOptions& wanted) {
    Client client(wanted);
    EXPECT_TRUE(client.heard.wait_failure());
    EXPECT_THAT(client.heard.connected(), IsEmpty());
    return client.heard.failures().empty() ? Failure{} : client.heard.failures()[0];
  }

  static std::unique_ptr<Certificates> certificates;
};

std::unique_ptr<Certificates> ASessionOverTls::certificates;

TEST_F(ASessionOverTls, CarriesMessagesWhenTheCertificateIsRight) {
  RealMosquitto broker(served_by(certificates->localhost()));
  for (const Version version : {Version::v5, Version::v3_1_1}) {
    auto wanted = secure(broker);
    wanted.version = version;
    Client client(wanted, {to("t")});
    ASSERT_TRUE(client.heard.wait_connected());
    const std::string large(300'000, 'x');
    EXPECT_EQ(client.publish(message("t", large)).kind, Outcome::Kind::delivered);
    ASSERT_TRUE(client.heard.wait_arrivals(1));
    EXPECT_EQ(client.heard.arrivals()[0].message.payload, large);
    EXPECT_THAT(client.heard.failures(), IsEmpty());
  }
}

TEST_F(ASessionOverTls, AcceptsACertificateForAnAddress) {
  RealMosquitto broker(served_by(certificates->localhost()));
  auto wanted = secure(broker);
  wanted.servers = {broker.url("127.0.0.1")};
  Client client(wanted);
  EXPECT_TRUE(client.heard.wait_connected());
}

TEST_F(ASessionOverTls, RefusesACertificateWithTheWrongName) {
  RealMosquitto broker(served_by(certificates->wrong_name()));
  const auto refused = failure(secure(broker));
  EXPECT_THAT(refused.what, AllOf(HasSubstr("wrong name"), HasSubstr("localhost")));
  EXPECT_FALSE(refused.authentication);
}

TEST_F(ASessionOverTls, RefusesACertificateOfAnUnknownCa) {
  RealMosquitto broker(served_by(certificates->localhost()));
  auto wanted = secure(broker);
  wanted.tls.ca_file = certificates->other_ca();
  EXPECT_THAT(failure(wanted).what, AllOf(HasSubstr("unknown CA"), HasSubstr("ca_file")));
  wanted.tls.ca_file.clear();  // the system's store does not know it either
  EXPECT_THAT(failure(wanted).what, HasSubstr("unknown CA"));
}

TEST_F(ASessionOverTls, RefusesAnExpiredCertificate) {
  RealMosquitto broker(served_by(certificates->expired()));
  EXPECT_THAT(failure(secure(broker)).what, AllOf(HasSubstr("expired"), HasSubstr("clock")));
}

TEST_F(ASessionOverTls, AcceptsAnyCertificateOnlyWhenVerificationIsSwitchedOff) {
  RealMosquitto broker(served_by(certificates->wrong_name()));
  auto wanted = secure(broker);
  wanted.tls.ca_file.clear();
  wanted.tls.verify = false;
  Client client(wanted);
  EXPECT_TRUE(client.heard.wait_connected());
}

TEST_F(ASessionOverTls, ShowsItsOwnCertificateWhenTheServerAsksForOne) {
  RealMosquitto broker(served_by(certificates->localhost(), "require_certificate true\n"));
  auto wanted = secure(broker);
  wanted.tls.cert_file = certificates->client().cert;
  wanted.tls.key_file = certificates->client().key;
  Client client(wanted);
  EXPECT_TRUE(client.heard.wait_connected());
  EXPECT_NE(failure(secure(broker)).what, "") << "without a certificate it is turned away";
}

TEST_F(ASessionOverTls, NamesTheFileThatItCannotRead) {
  RealMosquitto broker(served_by(certificates->localhost()));
  auto wanted = secure(broker);
  wanted.tls.ca_file = "/nonexistent/ca.pem";
  EXPECT_THAT(failure(wanted).what, AllOf(HasSubstr("ca_file"), HasSubstr("/nonexistent/ca.pem")));
}

TEST_F(ASessionOverTls, SaysThatAPortSpeaksNoTls) {
  RealMosquitto broker;
  auto wanted = options(fmt::format("mqtts://localhost:{}", broker.port()), "client");
  wanted.tls.ca_file = certificates->ca();
  EXPECT_NE(failure(wanted).what, "");
}

TEST_F(ASessionOverTls, RefusesTls11) {
  const auto port = test::free_port();
  const auto pair = certificates->localhost();
  const std::string address = fmt::format("127.0.0.1:{}", port);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    ::execlp("openssl", "openssl", "s_server", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-accept", address.c_str(),
             "-cert", pair.cert.c_str(), "-key", pair.key.c_str(), "-quiet", static_cast<char*>(nullptr));
    ::_exit(1);
  }
  auto wanted = options("mqtts://localhost:" + std::to_string(port), "client");
  wanted.tls.ca_file = certificates->ca();
  Client client(wanted);
  const auto told = [&] {
    const auto all = client.heard.failures();
    return std::ranges::any_of(all, [](const Failure& one) { return one.what.find("TLS 1.2") != std::string::npos; });
  };
  const auto deadline = Clock::now() + patience;
  while (!told() && Clock::now() < deadline) client.heard.wait([] { return false; }, milliseconds(5));
  EXPECT_TRUE(told()) << client.session->last_failure().what;
  EXPECT_THAT(client.heard.connected(), IsEmpty());
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
}

// --- Losing and finding the broker ---------------------------------------------------------------------------------

TEST(ASession, ConnectsWhenTheBrokerComesUpLater) {
  RealMosquitto broker({.start = false});
  Client client(options(broker.url(), "client"));
  ASSERT_TRUE(client.heard.wait_failure(2));
  EXPECT_THAT(client.heard.failures()[0].what, AllOf(HasSubstr("refused"), HasSubstr("is the server running")));
  EXPECT_EQ(client.heard.failures()[0].reason_code, 0);
  EXPECT_FALSE(client.session->publish(1, message("a", "b")));
  broker.start();
  ASSERT_TRUE(client.heard.wait_connected());
  EXPECT_EQ(client.session->state(), State::connected);
  EXPECT_EQ(client.publish(message("a", "b")).kind, Outcome::Kind::delivered);
}

TEST(ASession, ConnectsAtOnceWhenItIsToldToHurryOrThatTheNetworkIsBack) {
  RealMosquitto broker({.start = false});
  auto wanted = options(broker.url(), "client");
  wanted.backoff_first = wanted.backoff_most = seconds(3'600);
  Client hurried(wanted);
  wanted.client_id = wanted.name = "other";
  Client other(wanted);
  ASSERT_TRUE(hurried.heard.wait_failure());
  ASSERT_TRUE(other.heard.wait_failure());
  other.session->network(false);
  broker.start();
  hurried.session->hurry();
  EXPECT_TRUE(hurried.heard.wait_connected());
  other.session->network(true);
  EXPECT_TRUE(other.heard.wait_connected());
  hurried.session->hurry();
  EXPECT_EQ(hurried.publish(message("a", "b")).kind, Outcome::Kind::delivered);
  EXPECT_EQ(hurried.heard.failures().size(), 1U) << "a connection that stands, stays";
}

TEST(ASession, TriesNoMoreOftenThanItsLongestPauseWhileThereIsNoNetwork) {
  auto wanted = options(fmt::format("mqtt://127.0.0.1:{}", test::free_port()), "client");
  wanted.backoff_most = seconds(3'600);
  Client client(wanted);
  client.session->network(false);
  ASSERT_TRUE(client.heard.wait_failure());
  const auto before = client.heard.failures().size();
  EXPECT_FALSE(client.heard.wait([&] { return false; }, milliseconds(300)));
  EXPECT_LE(client.heard.failures().size(), before + 1);
}

TEST_P(ASessionOfEitherVersion, IsHeldBackWithAGoodbyeAndGoesOnAtOnceWhenItIsLetGo) {
  RealMosquitto broker;
  Client watcher(options(broker.url(), "watcher"), {to("w/#")});
  ASSERT_TRUE(watcher.heard.wait_connected());
  auto wanted = options(broker.url(), "client", GetParam());
  wanted.will = message("w/state", "offline", Qos::at_least_once, true);
  wanted.backoff_first = wanted.backoff_most = seconds(3'600);
  Client client(wanted);
  ASSERT_TRUE(client.heard.wait_connected());
  client.session->hold(true);
  EXPECT_FALSE(client.session->publish(0, message("a", "b"))) << "while the connection still stands, too";
  ASSERT_TRUE(client.heard.wait_failure());
  EXPECT_TRUE(client.heard.failures()[0].ours);
  EXPECT_FALSE(client.session->publish(1, message("a", "b")));
  client.session->hurry();  // does not let it go
  client.session->hold(false);
  ASSERT_TRUE(client.heard.wait_connected(2));
  EXPECT_EQ(client.publish(message("w/end", "end")).kind, Outcome::Kind::delivered);
  ASSERT_TRUE(watcher.heard.wait_arrivals(1));
  EXPECT_THAT(watcher.heard.payloads(), ElementsAre("end")) << "a goodbye leaves no will";
}

/// Lets its session go as soon as it is told that the connection has ended.
class Releaser final : public Recorder {
 public:
  void on_disconnected(const Failure& failure) override {
    Recorder::on_disconnected(failure);
    session->hold(false);
  }

  Session* session = nullptr;
};

TEST(ASession, GoesOnAtOnceWhenItIsLetGoBeforeItHasComeToRest) {
  const RealMosquitto broker;
  auto wanted = options(broker.url(), "client");
  wanted.backoff_first = wanted.backoff_most = seconds(3'600);
  Releaser heard;
  const auto session = make_paho_session(wanted, heard);
  heard.session = session.get();
  session->start();
  ASSERT_TRUE(heard.wait_connected(1));
  session->hold(true);
  EXPECT_TRUE(heard.wait_connected(2));
  session->stop(milliseconds(2'000));
}

TEST(ASession, TriesTheServersOfItsListInOrder) {
  RealMosquitto broker;
  auto wanted = options(fmt::format("mqtt://127.0.0.1:{}", test::free_port()), "client");
  wanted.servers.push_back(broker.url());
  wanted.backoff_first = wanted.backoff_most = seconds(3'600);  // the next of the list comes without a pause
  Client client(wanted);
  EXPECT_TRUE(client.heard.wait_connected());
}

TEST_P(ASessionOfEitherVersion, TellsEachOutcomeExactlyOnceWhenTheBrokerIsKilledMidStream) {
  RealMosquitto broker({.config = "max_inflight_messages 100\n"});
  Client client(options(broker.url(), "client", GetParam()), {to("m/#")});
  ASSERT_TRUE(client.heard.wait_connected());
  std::set<std::uint64_t> handed;
  std::uint64_t slot = 0;
  for (; slot < 40; ++slot) {
    if (client.session->publish(slot, message("m", "before"))) handed.insert(slot);
  }
  ASSERT_TRUE(client.heard.wait_outcomes(40));
  broker.pause();
  for (; slot < 90; ++slot) {
    if (client.session->publish(slot, message("m", "lost"))) handed.insert(slot);
  }
  broker.kill();
  ASSERT_TRUE(client.heard.wait_failure());
  ASSERT_TRUE(client.heard.wait_outcomes(handed.size()));
  EXPECT_EQ(handed.size(), 90U);
  EXPECT_EQ(client.heard.count(Outcome::Kind::unknown), 50U);

  broker.start();
  ASSERT_TRUE(client.heard.wait_connected(2));
  for (; slot < 100; ++slot) {
    if (client.session->publish(slot, message("m", "after"))) handed.insert(slot);
  }
  ASSERT_TRUE(client.heard.wait_outcomes(100));
  const auto deadline = Clock::now() + patience;
  while (client.heard.payloads().size() < 50 && Clock::now() < deadline)
    client.heard.wait([] { return false; }, milliseconds(5));
  const auto outcomes = client.heard.outcomes();
  EXPECT_EQ(outcomes.size(), handed.size());
  for (const auto& [which, told] : outcomes) EXPECT_THAT(told, SizeIs(1)) << which;
  EXPECT_EQ(client.heard.count(Outcome::Kind::delivered), 50U);
}

TEST_P(ASessionOfEitherVersion, OutlivesABrokerThatStopsReadingAndIsThenKilled) {
  RealMosquitto broker({.config = "max_inflight_messages 100\n"});
  Client client(options(broker.url(), "client", GetParam()));
  ASSERT_TRUE(client.heard.wait_connected());
  for (int round = 1; round <= 2; ++round) {
    broker.pause();
    const std::string large(200'000, 'x');
    std::set<std::uint64_t> handed;
    for (std::uint64_t slot = 0; slot < 60; ++slot) {
      const auto which = static_cast<std::uint64_t>(round) * 1'000 + slot;
      if (client.session->publish(which, message("m", large, static_cast<Qos>(slot % 3)))) handed.insert(which);
    }
    EXPECT_THAT(handed, SizeIs(60));
    broker.kill();
    ASSERT_TRUE(client.heard.wait_failure(1));
    for (const auto which : handed) ASSERT_TRUE(client.heard.wait_outcome(which)) << which;
    broker.start();
    ASSERT_TRUE(client.heard.wait_connected(static_cast<std::size_t>(round) + 1));
    EXPECT_EQ(client.publish(message("m", "small")).kind, Outcome::Kind::delivered);
  }
  for (const auto& [which, told] : client.heard.outcomes()) EXPECT_THAT(told, SizeIs(1)) << which;
}

TEST(ASession, TellsEveryOutcomeAndThenNothingWhenItIsStopped) {
  RealMosquitto broker;
  Recorder heard;
  const auto session = make_paho_session(options(broker.url(), "client"), heard);
  session->start();
  ASSERT_TRUE(heard.wait_connected());
  broker.pause();
  for (std::uint64_t slot = 0; slot < 10; ++slot) ASSERT_TRUE(session->publish(slot, message("a", "b")));
  const auto begin = Clock::now();
  session->stop(milliseconds(50));
  EXPECT_LT(Clock::now() - begin, seconds(8));
  EXPECT_EQ(session->state(), State::stopped);
  EXPECT_EQ(heard.outcomes().size(), 10U);
  EXPECT_EQ(heard.count(Outcome::Kind::unknown), 10U);
  broker.resume();
  EXPECT_FALSE(session->publish(11, message("a", "b")));
  EXPECT_EQ(heard.outcomes().size(), 10U);
  session->stop(milliseconds(50));  // again: does nothing
}

TEST(ASession, WaitsForTheOutcomesUnderWayWhenItIsStopped) {
  RealMosquitto broker;
  Recorder heard;
  const auto session = make_paho_session(options(broker.url(), "client"), heard);
  session->start();
  ASSERT_TRUE(heard.wait_connected());
  for (std::uint64_t slot = 0; slot < 20; ++slot) ASSERT_TRUE(session->publish(slot, message("a", "b")));
  session->stop(seconds(20));
  EXPECT_EQ(heard.count(Outcome::Kind::delivered), 20U);
}

TEST(ASession, StopsAtOnceWhileItIsStillConnecting) {
  ScriptedServer silent;  // takes the connection and says nothing
  Recorder heard;
  const auto session = make_paho_session(options(silent.url(), "client"), heard);
  session->start();
  ASSERT_TRUE(silent.accept());
  const auto begin = Clock::now();
  session->stop(seconds(10));
  EXPECT_LT(Clock::now() - begin, seconds(5));
}

TEST(ASession, GivesUpOnAServerThatDoesNotAnswer) {
  ScriptedServer silent;
  auto wanted = options(silent.url(), "client");
  wanted.connect_timeout = milliseconds(200);
  Client client(wanted);
  ASSERT_TRUE(client.heard.wait_failure(2));
  EXPECT_THAT(client.heard.failures()[0].what, HasSubstr("did not answer within 200 ms"));
}

/// The longest time that a QoS 1 publish took while the body ran.
template <class Body>
milliseconds slowest_publish_during(Client& client, Body until) {
  Clock::duration slowest{};
  while (!until()) {
    const auto begin = Clock::now();
    EXPECT_EQ(client.publish(message("a", "b")).kind, Outcome::Kind::delivered);
    slowest = std::max(slowest, Clock::now() - begin);
  }
  return std::chrono::duration_cast<milliseconds>(slowest);
}

TEST(ASession, IsNotDelayedByAnotherOneWhoseServerSaysNothing) {
  RealMosquitto broker;
  Client good(options(broker.url(), "good"));
  ASSERT_TRUE(good.heard.wait_connected());
  ScriptedServer silent;
  auto wanted = options(silent.url(), "bad");
  wanted.connect_timeout = milliseconds(300);
  Client bad(wanted);
  EXPECT_LT(slowest_publish_during(good, [&] { return bad.heard.failures().size() >= 3; }), seconds(1));
}

TEST(ASession, IsNotDelayedByAnotherOneWhoseServerHasNoAddress) {
  RealMosquitto broker;
  Client good(options(broker.url(), "good"));
  ASSERT_TRUE(good.heard.wait_connected());
  auto wanted = options("mqtt://no-such-host.invalid:1883", "bad");
  wanted.connect_timeout = milliseconds(1'000);
  Client bad(wanted);
  EXPECT_LT(slowest_publish_during(good, [&] { return bad.heard.failures().size() >= 1; }), seconds(1));
  EXPECT_THAT(bad.heard.failures()[0].what, HasSubstr("no-such-host.invalid"));
}

TEST(ASession, KeepsToAReceiveMaximumOfOneWithoutStalling) {
  RealMosquitto broker({.config = "max_inflight_messages 1\n"});
  Client client(options(broker.url(), "client"), {to("one/#")});
  ASSERT_TRUE(client.heard.wait_connected());
  EXPECT_EQ(client.heard.connected()[0].receive_maximum, 1);
  const auto begin = Clock::now();
  for (int i = 0; i < 30; ++i) ASSERT_EQ(client.publish(message("one", "x")).kind, Outcome::Kind::delivered);
  EXPECT_LT(Clock::now() - begin, seconds(5));
  EXPECT_TRUE(client.heard.wait_arrivals(30));
}

// --- What only a scripted server does ------------------------------------------------------------------------------

TEST(ASession, ReadsTheLimitsOfEachConnack) {
  ScriptedServer server;
  Client client(options(server.url(), "client"));
  // Receive Maximum 3, Maximum QoS 1, Retain Available 0, Maximum Packet Size 4096, Subscription Identifier Available
  // 0.
  ASSERT_TRUE(server.welcome(true, bytes({33, 0, 3, 36, 1, 37, 0, 39, 0, 0, 16, 0, 41, 0})));
  ASSERT_TRUE(client.heard.wait_connected());
  server.hang_up();
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected(2));
  const auto limits = client.heard.connected();
  EXPECT_TRUE(limits[0].session_present);
  EXPECT_EQ(limits[0].receive_maximum, 3);
  EXPECT_EQ(limits[0].maximum_qos, Qos::at_least_once);
  EXPECT_FALSE(limits[0].retain_available);
  EXPECT_EQ(limits[0].maximum_packet_size, 4'096U);
  EXPECT_FALSE(limits[0].subscription_identifiers);
  EXPECT_FALSE(limits[1].session_present);
  EXPECT_EQ(limits[1].receive_maximum, 65'535);
  EXPECT_EQ(limits[1].maximum_qos, Qos::exactly_once);
  EXPECT_TRUE(limits[1].retain_available);
  EXPECT_EQ(limits[1].maximum_packet_size, 268'435'455U);
  EXPECT_TRUE(limits[1].subscription_identifiers);
}

TEST(ASession, TellsARefusedPublishWithItsReason) {
  ScriptedServer server;
  Client client(options(server.url(), "client"));
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  ASSERT_TRUE(client.session->publish(5, message("a", "b")));
  const auto publish = server.read();
  ASSERT_EQ(publish.type, 3);
  // PUBACK 0x97 with the reason string "full".
  server.send(0x40, ScriptedServer::identifier(publish) + bytes({0x97, 7, 31, 0, 4}) + "full");
  ASSERT_TRUE(client.heard.wait_outcome(5));
  const auto outcome = client.heard.outcomes().at(5).at(0);
  EXPECT_EQ(outcome.kind, Outcome::Kind::refused);
  EXPECT_EQ(outcome.reason_code, 0x97);
  EXPECT_THAT(outcome.reason, AllOf(HasSubstr("quota"), HasSubstr("full")));
}

TEST(ASession, TakesAPubackWithoutSubscribersForDelivered) {
  ScriptedServer server;
  Client client(options(server.url(), "client"));
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  ASSERT_TRUE(client.session->publish(6, message("a", "b")));
  server.send(0x40, ScriptedServer::identifier(server.read()) + bytes({0x10}));
  ASSERT_TRUE(client.heard.wait_outcome(6));
  EXPECT_EQ(client.heard.outcomes().at(6).at(0).kind, Outcome::Kind::delivered);
}

TEST(ASession, ShowsTheSubscriptionsThatTheServerRefused) {
  ScriptedServer server;
  Client client(options(server.url(), "client"), {to("allowed"), to("secret")});
  ASSERT_TRUE(server.welcome());
  const auto subscribe = server.read();
  ASSERT_EQ(subscribe.type, 8);
  server.send(0x90, subscribe.body.substr(0, 2) + bytes({0, 1, 0x87}));
  ASSERT_TRUE(client.heard.wait_connected());
  const auto refused = client.session->refused();
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_THAT(refused[0], AllOf(HasSubstr("secret"), HasSubstr("not authorised")));
}

TEST(ASession, DoesNotResendByItselfWhatItToldToBeUnknown) {
  ScriptedServer server;
  auto kept = options(server.url(), "client");
  kept.clean_start = false;
  Client client(kept);
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  ASSERT_TRUE(client.session->publish(1, message("a", "poison")));
  ASSERT_EQ(server.read().type, 3);
  server.hang_up();  // as a server does that cannot stand the message
  ASSERT_TRUE(client.heard.wait_outcome(1));
  EXPECT_EQ(client.heard.outcomes().at(1).at(0).kind, Outcome::Kind::unknown);

  ASSERT_TRUE(server.welcome(true));
  ASSERT_TRUE(client.heard.wait_connected(2));
  ASSERT_TRUE(client.session->publish(2, message("a", "wholesome")));
  const auto next = server.read();
  ASSERT_EQ(next.type, 3);
  EXPECT_THAT(next.body, HasSubstr("wholesome")) << "the first PUBLISH after the reconnect";
  EXPECT_EQ(next.flags & 0x08, 0) << "not a duplicate";
  server.send(0x40, ScriptedServer::identifier(next));
  ASSERT_TRUE(client.heard.wait_outcome(2));
  EXPECT_EQ(client.heard.outcomes().at(1).size(), 1U);
}

TEST(ASession, GoesToItsLongestPauseWhenAnotherClientTookItsName) {
  ScriptedServer server;
  auto wanted = options(server.url(), "client");
  wanted.backoff_most = seconds(3'600);
  Client client(wanted);
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  server.send(0xE0, bytes({0x8E}));
  ASSERT_TRUE(client.heard.wait_failure());
  EXPECT_EQ(client.heard.failures()[0].reason_code, 0x8E);
  EXPECT_THAT(client.heard.failures()[0].what, HasSubstr("client_id"));
  EXPECT_FALSE(server.accept(milliseconds(200)));
  client.session->reconnect("the test does not want to wait");
  EXPECT_TRUE(server.accept());
}

TEST(ASession, DropsAConnectionThatAnswersPingsButAcknowledgesNothing) {
  ScriptedServer server;
  auto wanted = options(server.url(), "client");
  wanted.keep_alive = seconds(1);
  Client client(wanted);
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  ASSERT_TRUE(client.session->publish(1, message("a", "b")));
  for (auto packet = server.read(); packet.type != 0; packet = server.read()) {
    if (packet.type == 12) server.send(0xD0, "");
  }
  ASSERT_TRUE(client.heard.wait_failure());
  EXPECT_THAT(client.heard.failures()[0].what, HasSubstr("acknowledged nothing"));
  EXPECT_TRUE(client.heard.failures()[0].ours);
  EXPECT_EQ(client.heard.count(Outcome::Kind::unknown), 1U);
}

TEST(ASession, AnnouncesItsOwnLimitsAndSession) {
  ScriptedServer server;
  auto wanted = options(server.url(), "client");
  wanted.clean_start = false;
  wanted.session_expiry = seconds(0x01020304);
  wanted.receive_maximum = 7;
  wanted.maximum_packet_size = 0x00010000;
  wanted.keep_alive = seconds(258);
  Client client(wanted);
  ASSERT_TRUE(server.accept());
  const auto connect = server.read();
  ASSERT_EQ(connect.type, 1);
  EXPECT_EQ(connect.body.substr(0, 10), std::string("\0\4MQTT\5\0\1\2", 10)) << "clean start off, keep-alive 258";
  EXPECT_THAT(connect.body, HasSubstr(bytes({17, 1, 2, 3, 4})));
  EXPECT_THAT(connect.body, HasSubstr(bytes({33, 0, 7})));
  EXPECT_THAT(connect.body, HasSubstr(bytes({39, 0, 1, 0, 0})));
}

// --- Batches: read ahead, written together -------------------------------------------------------------------------

std::string publish_body(Version version, int identifier, const std::string& payload) {
  return bytes({0, 1, 'b', identifier / 256, identifier % 256}) + (version == Version::v5 ? bytes({0}) : "") + payload;
}

TEST_P(ASessionOfEitherVersion, UnderstandsAServerWhoseBytesComeOneByOne) {
  ScriptedServer server;
  Client client(options(server.url(), "client", GetParam()));
  ASSERT_TRUE(server.accept());
  ASSERT_EQ(server.read().type, 1);
  server.send_bytewise(GetParam() == Version::v5 ? bytes({0x20, 3, 0, 0, 0}) : bytes({0x20, 2, 0, 0}));
  ASSERT_TRUE(client.heard.wait_connected());
  std::vector<std::string> expected;
  for (int i = 1; i <= 20; ++i) {
    ASSERT_TRUE(client.session->publish(static_cast<std::uint64_t>(i), message("a", "x")));
    client.session->flush();
    const auto publish = server.read();
    ASSERT_EQ(publish.type, 3) << i;
    expected.push_back(std::string(static_cast<std::size_t>(i), 'p'));
    server.send_bytewise(ScriptedServer::packet(0x32, publish_body(GetParam(), i, expected.back())) +
                         ScriptedServer::packet(0x40, ScriptedServer::identifier(publish)));
    const auto answer = server.read();
    ASSERT_EQ(answer.type, 4);
    EXPECT_EQ(answer.body.substr(0, 2), bytes({0, i}));
  }
  ASSERT_TRUE(client.heard.wait_outcomes(20));
  EXPECT_EQ(client.heard.count(Outcome::Kind::delivered), 20U);
  EXPECT_EQ(client.heard.payloads(), expected);
}

TEST_P(ASessionOfEitherVersion, KnowsWhatWasAcknowledgedWhereverTheStreamOfAnswersIsCut) {
  ScriptedServer server;
  Client client(options(server.url(), "client", GetParam()));
  std::uint64_t slot = 0;
  for (std::size_t cut = 0; cut <= 12; ++cut) {
    ASSERT_TRUE(server.welcome(GetParam())) << cut;
    ASSERT_TRUE(client.heard.wait_connected(cut + 1));
    std::string answers;
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.session->publish(++slot, message("a", "x")));
    client.session->flush();
    for (int i = 0; i < 3; ++i) {
      const auto publish = server.read();
      ASSERT_EQ(publish.type, 3);
      answers += ScriptedServer::packet(0x40, ScriptedServer::identifier(publish));
    }
    server.send(answers.substr(0, cut));
    server.hang_up();
    ASSERT_TRUE(client.heard.wait_failure(cut + 1));
    const auto outcomes = client.heard.outcomes();
    ASSERT_EQ(outcomes.size(), slot);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto& told = outcomes.at(slot - 2 + i);
      ASSERT_THAT(told, SizeIs(1)) << cut;
      EXPECT_EQ(told[0].kind, 4 * (i + 1) <= cut ? Outcome::Kind::delivered : Outcome::Kind::unknown) << cut;
    }
    EXPECT_FALSE(client.heard.failures().back().ours);
  }
}

/// The machine may stand still during one of them, and not during most.
Clock::duration median(std::vector<Clock::duration> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

TEST(ASession, SendsAtOnceWhatIsFlushed) {
  ScriptedServer server;
  Client client(options(server.url(), "client"));
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  std::vector<Clock::duration> took;
  for (std::uint64_t slot = 0; slot < 20; ++slot) {
    const auto begin = Clock::now();
    ASSERT_TRUE(client.session->publish(slot, message("a", "x")));
    client.session->flush();
    const auto publish = server.read();
    ASSERT_EQ(publish.type, 3);
    server.send(0x40, ScriptedServer::identifier(publish));
    ASSERT_TRUE(client.heard.wait_told(slot + 1));
    took.push_back(Clock::now() - begin);
  }
  EXPECT_LT(median(took), milliseconds(900)) << "nothing waits for the sender's own second";
}

TEST(ASession, SendsWithoutAFlushAtOnceWhileNobodyFlushesAndSoonAfterSomebodyDid) {
  ScriptedServer server;
  Client client(options(server.url(), "client"));
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  const auto took = [&](std::uint64_t slot) {
    const auto begin = Clock::now();
    EXPECT_TRUE(client.session->publish(slot, message("a", "x")));
    EXPECT_EQ(server.read().type, 3);
    return Clock::now() - begin;
  };
  EXPECT_LT(median({took(1), took(2), took(3)}), milliseconds(900));
  client.session->flush();
  EXPECT_LT(took(4), seconds(5));
}

TEST(ASession, AcknowledgesAtOnceWhatCame) {
  ScriptedServer server;
  Client client(options(server.url(), "client"));
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  std::vector<Clock::duration> took;
  for (int i = 1; i <= 20; ++i) {
    const auto begin = Clock::now();
    server.send(0x32, publish_body(Version::v5, i, "x"));
    ASSERT_EQ(server.read().type, 4);
    took.push_back(Clock::now() - begin);
  }
  EXPECT_LT(median(took), milliseconds(900));
}

TEST(ASession, SendsWhatItWasGivenAndItsGoodbyeWhenItIsStopped) {
  ScriptedServer server;
  Client client(options(server.url(), "client"));
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  client.session->flush();
  for (std::uint64_t slot = 0; slot < 50; ++slot) ASSERT_TRUE(client.session->publish(slot, message("a", "x")));
  std::thread stopper([&] { client.session->stop(milliseconds(300)); });
  for (int i = 0; i < 50; ++i) EXPECT_EQ(server.read().type, 3) << i;
  EXPECT_EQ(server.read().type, 14);
  EXPECT_EQ(server.read().type, 0);
  stopper.join();
  EXPECT_EQ(client.heard.count(Outcome::Kind::unknown), 50U);
}

TEST(ASession, TellsTheEndOfEachBatchOfOutcomesOnTheirThread) {
  RealMosquitto broker({.config = "max_inflight_messages 100\n"});
  Client client(options(broker.url(), "client"));
  ASSERT_TRUE(client.heard.wait_connected());
  for (std::uint64_t slot = 0; slot < 90; ++slot) ASSERT_TRUE(client.session->publish(slot, message("a", "x")));
  client.session->flush();
  ASSERT_TRUE(client.heard.wait_told(90));
  const unsigned before = client.heard.batches();
  EXPECT_LE(before, 90U);
  EXPECT_EQ(client.heard.mixed(), 0U);
  broker.pause();
  for (std::uint64_t slot = 100; slot < 110; ++slot) ASSERT_TRUE(client.session->publish(slot, message("a", "x")));
  client.session->flush();
  broker.kill();
  ASSERT_TRUE(client.heard.wait_told(100));
  EXPECT_GT(client.heard.batches(), before);
}

TEST(ASession, SendsSubscriptionsInTheOrderInWhichTheyAreWanted) {
  ScriptedServer server;
  const Client client(options(server.url(), "client"),
                      {to("b/event", Qos::at_least_once, 7), to("b", Qos::at_least_once, 3),
                       to("a", Qos::at_least_once, 7), to("c", Qos::at_least_once, 5)});
  ASSERT_TRUE(server.welcome());
  const auto first = server.read(), second = server.read(), third = server.read();
  EXPECT_THAT((std::vector{first.type, second.type, third.type}), Each(8));
  EXPECT_THAT(first.body, AllOf(HasSubstr("b/event"), HasSubstr(std::string("\0\1a", 3))));
  EXPECT_THAT(second.body, HasSubstr(std::string("\0\1b", 3)));
  EXPECT_THAT(third.body, HasSubstr(std::string("\0\1c", 3)));
  for (const auto* packet : {&first, &second, &third})
    server.send(0x90, packet->body.substr(0, 2) + std::string("\0\1\1", packet == &first ? 3 : 2));
}

/// Publishes once on one of Paho's threads, while another thread holds Paho's lock for a moment.
class Latecomer final : public SessionListener {
 public:
  void on_connected(const Limits&) override {
    if (!std::exchange(was_connected_, true)) connected.set_value();
  }
  void on_disconnected(const Failure&) override {}
  void on_message(Arrival&&) override {}
  void on_outcome(std::uint64_t slot, const Outcome& outcome) override {
    if (slot == 1) first_came_ = true;
    if (slot == 2) delivered.set_value(outcome.kind == Outcome::Kind::delivered);
  }
  void on_outcomes_told() override {
    if (!first_came_ || std::exchange(did_, true)) return;  // it is also called before each connection
    std::promise<void> held;
    std::promise<void> published;
    std::atomic<bool> given_back{false};
    std::thread other([&] {
      pthread_mutex_lock(mqttasync_mutex);
      held.set_value();
      published.get_future().wait_for(milliseconds(50));  // comes in that time only where the lock is not asked for
      given_back = true;
      pthread_mutex_unlock(mqttasync_mutex);
    });
    held.get_future().wait();
    taken = session->publish(2, message("b", "x"));
    waited = given_back.load();
    published.set_value();
    session->flush();
    other.join();
  }

  Session* session = nullptr;
  std::promise<void> connected;
  std::promise<bool> delivered;
  std::atomic<bool> taken{false}, waited{false};

 private:
  std::atomic<bool> first_came_{false};
  bool was_connected_ = false, did_ = false;
};

/// A lock that is not taken there shows once in many runs as a crash: the other thread of Paho frees what is looked at.
TEST(ASession, TakesPahosLockToPublishOnPahosOwnThreads) {
  const RealMosquitto broker;
  for (const auto first : {Qos::at_most_once, Qos::at_least_once}) {  // by the send thread, by the receive thread
    Latecomer heard;
    const auto session = make_paho_session(options(broker.url(), "client"), heard);
    heard.session = session.get();
    session->start();
    auto delivered = heard.delivered.get_future();
    EXPECT_EQ(heard.connected.get_future().wait_for(patience), std::future_status::ready);
    EXPECT_TRUE(session->publish(1, message("a", "x", first)));
    session->flush();
    EXPECT_TRUE(delivered.wait_for(patience) == std::future_status::ready && delivered.get());
    EXPECT_TRUE(heard.taken);
    EXPECT_TRUE(heard.waited);
    session->stop(milliseconds(2'000));
  }
}

/// Reads little at a time, so that its window is shut nearly always, answers PUBLISH and sends PUBLISH of its own with
/// no more than 100 unanswered.
void read_slowly(const ScriptedServer& server, int count) {
  const int fd = server.connection();
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  std::string in;
  std::string out;
  int sent = 0;
  int answered = 0;
  int got = 0;
  const auto deadline = Clock::now() + seconds(120);
  while ((got < count || answered < count || !out.empty()) && Clock::now() < deadline) {
    while (sent < count && sent - answered < 100) {
      ++sent;
      out += ScriptedServer::packet(0x32, publish_body(Version::v5, (sent - 1) % 60'000 + 1, std::to_string(sent)));
    }
    pollfd one{fd, static_cast<short>(POLLIN | (out.empty() ? 0 : POLLOUT)), 0};
    ::poll(&one, 1, 1'000);
    if (const auto written = ::send(fd, out.data(), out.size(), MSG_NOSIGNAL); written > 0)
      out.erase(0, static_cast<std::size_t>(written));
    char buffer[3'000];
    const auto read = ::recv(fd, buffer, sizeof buffer, 0);
    if (read == 0) return;
    if (read > 0) in.append(buffer, static_cast<std::size_t>(read));
    std::size_t at = 0;
    for (;;) {
      std::size_t length = 0;
      std::size_t head = 1;
      bool whole = false;
      for (int shift = 0; at + head < in.size() && !whole; shift += 7, ++head) {
        length |= static_cast<std::size_t>(in[at + head] & 0x7F) << shift;
        whole = (in[at + head] & 0x80) == 0;
      }
      if (!whole || in.size() - at < head + length) break;
      const int type = static_cast<unsigned char>(in[at]) >> 4;
      if (type == 3) {
        ++got;
        out += ScriptedServer::packet(0x40, ScriptedServer::identifier({3, 0, in.substr(at + head, 20)}));
      }
      if (type == 4) ++answered;
      if (type == 12) out += bytes({0xD0, 0});
      at += head + length;
    }
    in.erase(0, at);
  }
}

TEST(ASession, LosesNothingBetweenItAndAPeerThatReadsSlowlyWhileMessagesGoBothWays) {
  constexpr int count = 10'000;
  ScriptedServer server;
  server.narrow();
  auto wanted = options(server.url(), "client");
  wanted.window = 3'000;
  Client client(wanted);
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  std::thread peer([&] { read_slowly(server, count); });
  const std::string padding(1'500, 'x');
  const auto deadline = Clock::now() + seconds(120);
  for (std::uint64_t slot = 0; slot < count && Clock::now() < deadline;) {
    if (slot - client.heard.outcome_count() >= 3'000) {
      client.heard.wait([] { return false; }, milliseconds(1));
      continue;
    }
    if (!client.session->publish(slot, message("a", padding))) break;
    if (++slot % 100 == 0) client.session->flush();
  }
  client.session->flush();
  EXPECT_TRUE(client.heard.wait_outcomes(count));
  EXPECT_TRUE(client.heard.wait_arrivals(count));
  peer.join();
  EXPECT_THAT(client.heard.failures(), IsEmpty());
  EXPECT_EQ(client.heard.count(Outcome::Kind::delivered), static_cast<std::size_t>(count));
  const auto payloads = client.heard.payloads();
  ASSERT_THAT(payloads, SizeIs(count));
  for (int i = 0; i < count; ++i) ASSERT_EQ(payloads[static_cast<std::size_t>(i)], std::to_string(i + 1));
}

TEST(AProcessWithManySessions, CarriesAllTheirMessagesAtATime) {
  constexpr int sessions = 20;
  constexpr std::uint64_t each = 200;
  RealMosquitto broker({.config = "max_inflight_messages 0\nmax_queued_messages 0\n"});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < sessions; ++i) {
    const auto name = "m" + std::to_string(i);
    clients.push_back(std::make_unique<Client>(options(broker.url(), name, i % 2 == 0 ? Version::v5 : Version::v3_1_1),
                                               std::vector<Subscription>{to(name)}));
  }
  for (const auto& client : clients) ASSERT_TRUE(client->heard.wait_connected());
  std::vector<std::thread> publishers;
  for (int i = 0; i < sessions; ++i) {
    publishers.emplace_back([&client = *clients[static_cast<std::size_t>(i)], i] {
      for (std::uint64_t slot = 0; slot < each; ++slot) {
        EXPECT_TRUE(client.session->publish(slot, message("m" + std::to_string(i), std::to_string(slot))));
        if (slot % 10 == 9) client.session->flush();
        if (slot % 50 == 49) {
          EXPECT_TRUE(client.heard.wait_outcomes(slot + 1));
        }
      }
    });
  }
  for (auto& publisher : publishers) publisher.join();
  for (const auto& client : clients) {
    EXPECT_TRUE(client->heard.wait_arrivals(each));
    EXPECT_EQ(client->heard.count(Outcome::Kind::delivered), each);
    const auto payloads = client->heard.payloads();
    ASSERT_THAT(payloads, SizeIs(each));
    for (std::size_t i = 0; i < each; ++i) EXPECT_EQ(payloads[i], std::to_string(i));
    EXPECT_EQ(client->heard.mixed(), 0U);
    EXPECT_THAT(client->heard.failures(), IsEmpty());
  }
}

// --- Several servers, and why a server ends a connection -----------------------------------------------------------

TEST_P(ASessionOfEitherVersion, GoesBackToItsFirstServerWhenThatIsThereAgainAndAwayWhenItIsNot) {
  RealMosquitto first({.start = false});
  RealMosquitto second;
  Client watcher(options(second.url(), "watcher"), {to("w")});
  ASSERT_TRUE(watcher.heard.wait_connected());
  auto wanted = options(first.url(), "client", GetParam());
  wanted.servers.push_back(second.url());
  wanted.return_after = milliseconds(50);
  wanted.will = message("w", "gone");
  Client client(wanted);
  ASSERT_TRUE(client.heard.wait_connected());
  EXPECT_EQ(client.publish(message("a", "to the second")).kind, Outcome::Kind::delivered);
  first.start();
  ASSERT_TRUE(client.heard.wait_connected(2));
  const auto failure = client.heard.failures().back();
  EXPECT_THAT(failure.what, AllOf(HasSubstr("going back to"), HasSubstr(first.url())));
  EXPECT_TRUE(failure.ours);
  {
    Client there(options(first.url(), "there"), {to("a")});
    ASSERT_TRUE(there.heard.wait_connected());
    EXPECT_EQ(client.publish(message("a", "to the first")).kind, Outcome::Kind::delivered);
    EXPECT_TRUE(there.heard.wait_arrivals(1));
  }
  first.kill();
  ASSERT_TRUE(client.heard.wait_connected(3));
  EXPECT_FALSE(client.heard.failures().back().ours);
  EXPECT_EQ(client.publish(message("w", "to the second again")).kind, Outcome::Kind::delivered);
  ASSERT_TRUE(watcher.heard.wait_arrivals(1));
  EXPECT_THAT(watcher.heard.payloads(), ElementsAre("to the second again"))
      << "it left with a goodbye, so without its will";
}

TEST(ASession, FallsBackAtOnceWhenItsFirstServerTakesConnectionsButNoSession) {
  ScriptedServer first;
  RealMosquitto second;
  auto wanted = options(first.url(), "client");
  wanted.servers.push_back(second.url());
  wanted.return_after = milliseconds(50);
  wanted.backoff_first = wanted.backoff_most = seconds(3'600);
  Client client(wanted);
  for (std::size_t round = 1; round <= 3; ++round) {
    // The look whether it takes connections comes and goes; a session begins with CONNECT.
    bool asked = false;
    while (!asked && first.accept()) asked = first.read().type == 1;
    ASSERT_TRUE(asked) << round;
    first.hang_up();
    ASSERT_TRUE(client.heard.wait_connected(round)) << round;
  }
}

TEST(ASession, StaysWhereItIsWhenItIsNotToGoBack) {
  RealMosquitto first({.start = false});
  RealMosquitto second;
  auto wanted = options(first.url(), "client");
  wanted.servers.push_back(second.url());
  wanted.return_after = milliseconds(0);
  Client client(wanted);
  ASSERT_TRUE(client.heard.wait_connected());
  const auto failed = client.heard.failures().size();
  first.start();
  EXPECT_FALSE(client.heard.wait([] { return false; }, milliseconds(300)));
  EXPECT_EQ(client.heard.failures().size(), failed);
}

TEST(ASession, SuspectsAnotherClientOfItsNameWhenA311ServerKeepsEndingItsConnections) {
  ScriptedServer server;
  auto wanted = options(server.url(), "client", Version::v3_1_1);
  wanted.backoff_first = milliseconds(1);
  wanted.backoff_most = seconds(3'600);
  Client client(wanted);
  for (std::size_t i = 1; i <= 3; ++i) {
    // Its pauses are of some milliseconds. Not reconnect(): that would end an attempt that is under way already.
    ASSERT_TRUE(server.welcome(Version::v3_1_1)) << i;
    ASSERT_TRUE(client.heard.wait_connected(i));
    server.hang_up();
    ASSERT_TRUE(client.heard.wait_failure(i));
  }
  EXPECT_THAT(client.heard.failures().back().what, AllOf(HasSubstr("client_id 'client'"), HasSubstr("3 times")));
  EXPECT_FALSE(client.heard.failures().back().ours);
  EXPECT_FALSE(server.accept(milliseconds(200))) << "a long pause";
}

TEST(ASession, SuspectsNobodyWhileItsOwnMessagesAreUnanswered) {
  ScriptedServer server;
  auto wanted = options(server.url(), "client", Version::v3_1_1);
  Client client(wanted);
  for (std::size_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(server.welcome(Version::v3_1_1)) << i;
    ASSERT_TRUE(client.heard.wait_connected(i));
    ASSERT_TRUE(client.session->publish(i, message("a", "poison")));
    ASSERT_EQ(server.read().type, 3);
    server.hang_up();
    ASSERT_TRUE(client.heard.wait_failure(i));
    EXPECT_THAT(client.heard.failures().back().what, Not(HasSubstr("client_id")));
  }
}

TEST(ASession, GoesToTheNextServerWhenOneSaysSo) {
  ScriptedServer first;
  ScriptedServer second;
  auto wanted = options(first.url(), "client");
  wanted.servers.push_back(second.url());
  Client client(wanted);
  ASSERT_TRUE(first.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  first.send(0xE0, bytes({0x9C, 15, 28, 0, 12}) + "other:18830!");  // Server Reference
  ASSERT_TRUE(client.heard.wait_failure());
  EXPECT_EQ(client.heard.failures()[0].reason_code, 0x9C);
  EXPECT_THAT(client.heard.failures()[0].what, AllOf(HasSubstr("another server"), HasSubstr("'other:18830!'")));
  EXPECT_TRUE(second.welcome());
}

class ADisconnectOfTheServer : public ::testing::TestWithParam<std::pair<int, const char*>> {};

INSTANTIATE_TEST_SUITE_P(Mqtt, ADisconnectOfTheServer,
                         ::testing::Values(std::pair{0x8B, "shutting down"}, std::pair{0x93, "Receive Maximum"},
                                           std::pair{0x95, "too large"}, std::pair{0x97, "quota"},
                                           std::pair{0x9D, "moved"}));

TEST_P(ADisconnectOfTheServer, IsToldWithItsReasonAsTheServersDoing) {
  ScriptedServer server;
  Client client(options(server.url(), "client"));
  ASSERT_TRUE(server.welcome());
  ASSERT_TRUE(client.heard.wait_connected());
  ASSERT_TRUE(client.session->publish(1, message("a", "x")));
  ASSERT_EQ(server.read().type, 3);
  server.send(0xE0, std::string(1, static_cast<char>(GetParam().first)));
  ASSERT_TRUE(client.heard.wait_failure());
  const auto failure = client.heard.failures()[0];
  EXPECT_EQ(failure.reason_code, GetParam().first);
  EXPECT_THAT(failure.what, HasSubstr(GetParam().second));
  EXPECT_FALSE(failure.ours);
  EXPECT_EQ(client.heard.count(Outcome::Kind::unknown), 1U);
}

TEST(AProcessWithASession, SurvivesASignalFromABrokenPipe) {
  RealMosquitto broker;
  Client client(options(broker.url(), "client"));
  ASSERT_TRUE(client.heard.wait_connected());
  struct sigaction action{};
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_IGN);
}

TEST(AProcessWithASession, DoesNotSendMqttThroughAnHttpProxy) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  RealMosquitto broker;
  {
    Client client(options(broker.url(), "client"));
    EXPECT_TRUE(client.heard.wait_connected());
  }
  ::unsetenv("http_proxy");
}

}  // namespace
}  // namespace tidegate::mqtt
