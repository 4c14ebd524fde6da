// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/resolver.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netdb.h>
#include <netinet/in.h>

namespace tidegate::mqtt {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

Endpoint endpoint(std::uint32_t address, std::uint16_t port) {
  Endpoint one;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&one.address);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  v4->sin_addr.s_addr = htonl(address);
  one.length = sizeof *v4;
  return one;
}

bool never() {
  return false;
}

class AResolver : public ::testing::Test {
 protected:
  std::shared_ptr<Nudge> nudge = std::make_shared<Nudge>();
  Steady::time_point soon = Steady::now() + seconds(10);
};

TEST_F(AResolver, TakesAddressesInNumbersWithoutALookup) {
  Resolver resolver([](const std::string&, std::uint16_t, std::vector<Endpoint>&) -> int {
    ADD_FAILURE() << "looked up";
    return EAI_FAIL;
  });
  const auto v4 = resolver.resolve("127.0.0.1", 1883, soon, nudge, never);
  ASSERT_EQ(v4.endpoints.size(), 1U);
  EXPECT_EQ(v4.endpoints[0].text(), "127.0.0.1:1883");
  const auto v6 = resolver.resolve("::1", 8883, soon, nudge, never);
  ASSERT_EQ(v6.endpoints.size(), 1U);
  EXPECT_EQ(v6.endpoints[0].text(), "[::1]:8883");
}

TEST_F(AResolver, ResolvesLocalhost) {
  Resolver resolver;
  const auto answer = resolver.resolve("localhost", 1883, soon, nudge, never);
  ASSERT_FALSE(answer.endpoints.empty()) << answer.error;
  EXPECT_THAT(answer.endpoints[0].text(), ::testing::AnyOf("127.0.0.1:1883", "[::1]:1883"));
}

TEST_F(AResolver, KeepsTheOrderOfTheAddresses) {
  Resolver resolver([](const std::string&, std::uint16_t port, std::vector<Endpoint>& found) {
    found = {endpoint(0x0A000001, port), endpoint(0x0A000002, port)};
    return 0;
  });
  const auto answer = resolver.resolve("two", 5, soon, nudge, never);
  ASSERT_EQ(answer.endpoints.size(), 2U);
  EXPECT_EQ(answer.endpoints[0].text(), "10.0.0.1:5");
  EXPECT_EQ(answer.endpoints[1].text(), "10.0.0.2:5");
}

TEST_F(AResolver, SaysWhichNameCannotBeResolved) {
  Resolver resolver([](const std::string&, std::uint16_t, std::vector<Endpoint>&) { return EAI_NONAME; });
  const auto answer = resolver.resolve("nowhere.example", 1883, soon, nudge, never);
  EXPECT_TRUE(answer.endpoints.empty());
  EXPECT_THAT(answer.error, HasSubstr("'nowhere.example' cannot be resolved"));
}

TEST_F(AResolver, SaysThatNoNameServerAnswers) {
  Resolver resolver([](const std::string&, std::uint16_t, std::vector<Endpoint>&) { return EAI_AGAIN; });
  EXPECT_THAT(resolver.resolve("h", 1, soon, nudge, never).error, HasSubstr("no name server answers"));
}

/// A lookup that hangs until it is let go.
struct Hanging {
  std::promise<void> go;
  std::shared_future<void> gate = go.get_future().share();
  std::promise<void> begun;  ///< the first call
  std::atomic<int> calls{0};
};

TEST_F(AResolver, DoesNotWaitForAHangingLookupBeyondItsDeadline) {
  auto hanging = std::make_shared<Hanging>();
  Resolver resolver([hanging](const std::string&, std::uint16_t port, std::vector<Endpoint>& found) {
    if (++hanging->calls == 1) hanging->begun.set_value();
    hanging->gate.wait();
    found = {endpoint(0x0A000003, port)};
    return 0;
  });
  const auto late = resolver.resolve("slow", 7, Steady::now() + milliseconds(20), nudge, never);
  EXPECT_THAT(late.error, HasSubstr("takes too long"));
  ASSERT_EQ(hanging->begun.get_future().wait_for(seconds(10)), std::future_status::ready);
  const auto again = resolver.resolve("slow", 7, Steady::now() + milliseconds(20), nudge, never);
  EXPECT_THAT(again.error, HasSubstr("takes too long"));
  EXPECT_EQ(hanging->calls, 1) << "one lookup at a time";

  hanging->go.set_value();
  const auto answer = resolver.resolve("slow", 7, soon, nudge, never);
  ASSERT_EQ(answer.endpoints.size(), 1U);
  EXPECT_EQ(answer.endpoints[0].text(), "10.0.0.3:7");
  EXPECT_EQ(hanging->calls, 1) << "the late answer is used";
}

TEST_F(AResolver, DoesNotTakeTheLateAnswerForAnotherName) {
  auto hanging = std::make_shared<Hanging>();
  Resolver resolver([hanging](const std::string& host, std::uint16_t port, std::vector<Endpoint>& found) {
    ++hanging->calls;
    if (host == "slow") hanging->gate.wait();
    found = {endpoint(host == "slow" ? 0x0A000001 : 0x0A000002, port)};
    return 0;
  });
  (void)resolver.resolve("slow", 7, Steady::now() + milliseconds(5), nudge, never);
  hanging->go.set_value();
  const auto answer = resolver.resolve("other", 8, soon, nudge, never);
  ASSERT_EQ(answer.endpoints.size(), 1U);
  EXPECT_EQ(answer.endpoints[0].text(), "10.0.0.2:8");
}

TEST_F(AResolver, StopsWaitingWhenItIsCancelled) {
  auto hanging = std::make_shared<Hanging>();
  Resolver resolver([hanging](const std::string&, std::uint16_t, std::vector<Endpoint>&) {
    ++hanging->calls;
    hanging->gate.wait();
    return EAI_FAIL;
  });
  std::atomic<bool> cancelled{false};
  auto result = std::async(std::launch::async, [&] {
    return resolver.resolve("slow", 7, Steady::now() + seconds(60), nudge, [&] { return cancelled.load(); });
  });
  cancelled = true;
  nudge->ring();
  ASSERT_EQ(result.wait_for(seconds(10)), std::future_status::ready);
  EXPECT_EQ(result.get().error, "cancelled");
  hanging->go.set_value();
}

}  // namespace
}  // namespace tidegate::mqtt
