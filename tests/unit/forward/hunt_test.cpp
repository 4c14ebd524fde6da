// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/hunt.hpp"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

namespace tidegate::forward {
namespace {

using Suspects = std::vector<Suspect>;

constexpr Suspect a{0, 1}, b{0, 2}, c{0, 3}, d{0, 4}, other{1, 1};

class AHunt : public testing::Test {
 protected:
  Suspects ended(Suspects under_way, Blame blame = Blame::perhaps) { return hunt_.ended(blame, under_way); }
  /// Two ends of connections with all of them under way.
  void begin(const Suspects& under_way) {
    ASSERT_EQ(ended(under_way), Suspects{});
    ASSERT_FALSE(hunt_.active());
    ASSERT_EQ(ended(under_way), Suspects{});
    ASSERT_TRUE(hunt_.active());
  }
  void set_aside(Suspect suspect) {
    ASSERT_EQ(ended({suspect}), Suspects{});
    ASSERT_EQ(ended({suspect}), Suspects{});
  }

  Hunt hunt_{2};
};

TEST_F(AHunt, BeginsAtTheSecondConnectionInARowThatEndsWithoutAnAnswer) {
  begin({a, b});
}

TEST_F(AHunt, DoesNotBeginWhileAnswersCome) {
  for (int n = 0; n < 10; ++n) {
    hunt_.answered({0, static_cast<std::uint64_t>(n)});
    EXPECT_EQ(ended({{0, 100}, {0, 101}}), Suspects{});
  }
  EXPECT_FALSE(hunt_.active());
}

TEST_F(AHunt, BeginsForOneStreamThoughAnotherIsAnswered) {
  hunt_.answered({1, 0});
  EXPECT_EQ(ended({a, b, other}), Suspects{});
  hunt_.answered({1, 5});
  EXPECT_EQ(ended({a, b, other}), Suspects{});
  EXPECT_TRUE(hunt_.active());
}

TEST_F(AHunt, DoesNotCountEndsThatNoMessageCaused) {
  for (int n = 0; n < 10; ++n) EXPECT_EQ(ended({a}, Blame::none), Suspects{});
  for (int n = 0; n < 10; ++n) EXPECT_EQ(ended({}), Suspects{});
  EXPECT_FALSE(hunt_.active());
  EXPECT_TRUE(hunt_.aside().empty());
}

TEST_F(AHunt, ConvictsOnlyWhoEndsAConnectionThatHasJustWorkedForAnother) {
  begin({a, b, c});
  set_aside(a);
  EXPECT_EQ(hunt_.aside(), Suspects{a});
  EXPECT_FALSE(hunt_.trial());
  hunt_.answered(b);
  EXPECT_EQ(hunt_.trial(), a);
  EXPECT_EQ(ended({a}), Suspects{a});
  EXPECT_TRUE(hunt_.active()) << "c is still suspect";
  hunt_.answered(c);
  EXPECT_FALSE(hunt_.active());
}

TEST_F(AHunt, AcquitsWhoIsAnsweredOnTrial) {
  begin({a, b});
  set_aside(a);
  hunt_.answered(b);
  ASSERT_EQ(hunt_.trial(), a);
  hunt_.answered(a);
  EXPECT_FALSE(hunt_.active());
  EXPECT_TRUE(hunt_.aside().empty());
  EXPECT_FALSE(hunt_.trial());
}

TEST_F(AHunt, PutsOffATrialWhenTheConnectionEndsForAnotherReason) {
  begin({a, b});
  set_aside(a);
  hunt_.answered(b);
  EXPECT_EQ(ended({a}, Blame::none), Suspects{});
  EXPECT_FALSE(hunt_.trial()) << "the new connection has shown nothing yet";
  EXPECT_EQ(hunt_.aside(), Suspects{a});
  EXPECT_EQ(ended({a}), Suspects{}) << "not on trial";
  hunt_.answered(c);
  EXPECT_EQ(hunt_.trial(), a);
  EXPECT_EQ(ended({a}), Suspects{a});
}

TEST_F(AHunt, SetsAsideOnlyWhoWasAloneTwiceInARow) {
  begin({a, b});
  EXPECT_EQ(ended({a}), Suspects{});
  EXPECT_EQ(ended({b}), Suspects{});
  EXPECT_EQ(ended({a}), Suspects{});
  EXPECT_TRUE(hunt_.aside().empty());
  EXPECT_EQ(ended({a}, Blame::none), Suspects{});
  EXPECT_EQ(ended({a}), Suspects{});
  EXPECT_EQ(hunt_.aside(), Suspects{a});
}

TEST_F(AHunt, CountsTheEndsThatBeganItForOneWhoWasAloneThen) {
  begin({a});
  EXPECT_EQ(hunt_.aside(), Suspects{a});
}

TEST_F(AHunt, GivesUpWhenThreeAreAsideAndNoneWasAnswered) {
  begin({a, b, c, d});
  set_aside(a);
  set_aside(b);
  EXPECT_EQ(hunt_.aside(), (Suspects{a, b}));
  set_aside(c);
  EXPECT_FALSE(hunt_.active());
  EXPECT_TRUE(hunt_.aside().empty());
  EXPECT_FALSE(hunt_.is_aside(a));
  begin({a, b, c, d});
}

TEST_F(AHunt, TriesTheNextOfThoseAsideAfterAConviction) {
  begin({a, b, c});
  set_aside(a);
  set_aside(b);
  hunt_.answered(c);
  ASSERT_EQ(hunt_.trial(), a);
  EXPECT_EQ(ended({a}), Suspects{a});
  hunt_.answered(d);
  ASSERT_EQ(hunt_.trial(), b);
  EXPECT_EQ(ended({b}), Suspects{b});
}

TEST_F(AHunt, EndsWhenOneWhoWasAloneAtAnEndIsAnswered) {
  begin({a, b, c});
  set_aside(a);
  set_aside(b);
  hunt_.answered(c);
  ASSERT_EQ(hunt_.trial(), a);
  hunt_.answered(a);
  EXPECT_FALSE(hunt_.active()) << "the line is bad, not a message";
  EXPECT_FALSE(hunt_.is_aside(b));
}

TEST_F(AHunt, GoesOnForTheNextOneAfterAConviction) {
  begin({a, b, c, d});
  set_aside(a);
  hunt_.answered(b);
  ASSERT_EQ(ended({a}), Suspects{a});
  ASSERT_TRUE(hunt_.active());
  set_aside(c);
  hunt_.answered(d);
  EXPECT_EQ(ended({c}), Suspects{c});
  EXPECT_FALSE(hunt_.active());
}

TEST_F(AHunt, ConvictsAtOnceWhoWasAloneWhenTheServerNamesAMessage) {
  EXPECT_EQ(ended({a}, Blame::named), Suspects{a});
  EXPECT_FALSE(hunt_.active());
}

TEST_F(AHunt, BeginsAtOnceWhenTheServerNamesAMessageAndSeveralWereUnderWay) {
  hunt_.answered(d);
  EXPECT_EQ(ended({a, b, c}, Blame::named), Suspects{});
  ASSERT_TRUE(hunt_.active());
  hunt_.answered(a);
  EXPECT_EQ(ended({b}, Blame::named), Suspects{b});
  EXPECT_TRUE(hunt_.active());
  hunt_.gone(c);
  EXPECT_FALSE(hunt_.active());
}

TEST_F(AHunt, SaysWhoIsSuspectByHimself) {
  EXPECT_FALSE(hunt_.suspect());
  begin({a, b});
  EXPECT_FALSE(hunt_.suspect());
  EXPECT_EQ(ended({a}), Suspects{});
  EXPECT_EQ(hunt_.suspect(), a);
  EXPECT_EQ(ended({a}), Suspects{});
  EXPECT_EQ(hunt_.suspect(), a);
  hunt_.gone(a);
  EXPECT_FALSE(hunt_.suspect());
}

/// A server that ends the connection when it gets a poisonous message, and a sender that does what the hunt says. Says
/// how many connections ended.
struct Play {
  std::deque<std::uint64_t> waiting;
  std::vector<std::uint64_t> poison;
  std::vector<std::uint64_t> delivered, convicted;
  std::size_t window = 100;

  int run(int most_ends) {
    Hunt hunt(1);
    int ends = 0;
    while (!waiting.empty() && ends < most_ends) {
      // What is on the wire of this connection, in order; the server answers each until one ends it.
      std::vector<std::uint64_t> under_way;
      bool up = true;
      while (up) {
        while (!waiting.empty() && under_way.size() < (hunt.active() ? 1 : window)) {
          auto next = std::ranges::find_if(waiting, [&](auto id) { return !hunt.is_aside({0, id}); });
          if (const auto trial = hunt.trial()) next = std::ranges::find(waiting, trial->id);
          if (next == waiting.end()) next = waiting.begin();
          under_way.push_back(*next);
          waiting.erase(next);
        }
        if (under_way.empty()) return ends;
        const auto first = under_way.front();
        if (std::ranges::find(poison, first) != poison.end()) {
          up = false;
          break;
        }
        under_way.erase(under_way.begin());
        delivered.push_back(first);
        hunt.answered({0, first});
      }
      ++ends;
      Suspects suspects;
      for (const auto id : under_way) suspects.push_back({0, id});
      waiting.insert(waiting.end(), under_way.begin(), under_way.end());
      std::ranges::sort(waiting);
      for (const auto suspect : hunt.ended(Blame::perhaps, suspects)) {
        convicted.push_back(suspect.id);
        std::erase(waiting, suspect.id);
      }
    }
    return ends;
  }
};

TEST(AHuntThroughAWindow, FindsTheOneMessageWithinSixConnectionsWhereverItIs) {
  for (std::uint64_t place = 1; place <= 150; ++place) {
    Play play;
    for (std::uint64_t id = 1; id <= 200; ++id) play.waiting.push_back(id);
    play.poison = {place};
    EXPECT_LE(play.run(100), 6) << place;
    EXPECT_EQ(play.convicted, play.poison) << place;
    EXPECT_EQ(play.delivered.size(), 199U) << place;
    auto sorted = play.delivered;
    std::ranges::sort(sorted);
    int late = 0;
    for (std::size_t n = 1; n < play.delivered.size(); ++n) late += play.delivered[n] < play.delivered[n - 1] ? 1 : 0;
    EXPECT_EQ(late, 0) << "none overtakes another";
  }
}

TEST(AHuntThroughAWindow, FindsTwoBesideEachOtherAndLosesNoOther) {
  Play play;
  for (std::uint64_t id = 1; id <= 50; ++id) play.waiting.push_back(id);
  play.poison = {20, 21};
  EXPECT_LE(play.run(100), 10);
  EXPECT_EQ(play.convicted, play.poison);
  EXPECT_EQ(play.delivered.size(), 48U);
}

TEST(AHuntThroughAWindow, ConvictsNobodyWhenTheServerEndsEveryConnection) {
  Play play;
  for (std::uint64_t id = 1; id <= 50; ++id) {
    play.waiting.push_back(id);
    play.poison.push_back(id);
  }
  EXPECT_EQ(play.run(100), 100);
  EXPECT_TRUE(play.convicted.empty());
  EXPECT_EQ(play.waiting.size(), 50U);
}

TEST(AHuntThroughAWindow, KeepsTheOnlyMessageThatWaits) {
  Play play;
  play.waiting = {1};
  play.poison = {1};
  EXPECT_EQ(play.run(20), 20);
  EXPECT_TRUE(play.convicted.empty());
  play.waiting.push_back(2);
  EXPECT_LE(play.run(6), 6);
  EXPECT_EQ(play.convicted, play.poison);
  EXPECT_EQ(play.delivered, std::vector<std::uint64_t>{2});
}

}  // namespace
}  // namespace tidegate::forward
