// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/hunt.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <ranges>
#include <set>

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
  /// Another message is answered, and the suspect, which is first of those aside, ends that connection.
  Suspects end_on_trial(Suspect suspect) {
    hunt_.answered({0, ++witness_});
    EXPECT_EQ(hunt_.trial(), suspect);
    return ended({suspect});
  }
  /// A hunt against a server that ends every connection. Says how many it set aside.
  std::size_t hunt_in_vain() {
    begin({a, b});
    std::size_t count = 0;
    while (hunt_.active()) set_aside({0, ++count});
    EXPECT_TRUE(hunt_.aside().empty());
    return count;
  }

  std::uint64_t witness_ = 1'000;
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
  EXPECT_EQ(ended({a}), Suspects{}) << "once is chance";
  EXPECT_FALSE(hunt_.trial()) << "the new connection has shown nothing yet";
  EXPECT_EQ(hunt_.aside(), Suspects{a});
  EXPECT_EQ(end_on_trial(a), Suspects{a});
  EXPECT_TRUE(hunt_.active()) << "c is still suspect";
  hunt_.answered(c);
  EXPECT_FALSE(hunt_.active());
}

TEST_F(AHunt, CountsNoEndAsATrialBeforeAnotherWasAnsweredOnThatConnection) {
  begin({a, b});
  set_aside(a);
  EXPECT_EQ(end_on_trial(a), Suspects{});
  for (int n = 0; n < 10; ++n) EXPECT_EQ(ended({a}), Suspects{}) << "nothing else waited";
  EXPECT_EQ(hunt_.aside(), Suspects{a});
  EXPECT_EQ(end_on_trial(a), Suspects{a});
}

TEST_F(AHunt, CountsTheTrialsOfEachByItself) {
  begin({a, b, c});
  set_aside(a);
  set_aside(b);
  EXPECT_EQ(end_on_trial(a), Suspects{});
  hunt_.gone(a);
  EXPECT_EQ(end_on_trial(b), Suspects{});
  EXPECT_EQ(end_on_trial(b), Suspects{b});
}

TEST_F(AHunt, ForgetsATrialWhenItsSuspectIsAnswered) {
  begin({a, b});
  set_aside(a);
  EXPECT_EQ(end_on_trial(a), Suspects{});
  hunt_.answered(b);
  ASSERT_EQ(hunt_.trial(), a);
  hunt_.answered(a);
  EXPECT_FALSE(hunt_.active());
  EXPECT_EQ(ended({}), Suspects{});
  begin({a, c});
  set_aside(a);
  EXPECT_EQ(end_on_trial(a), Suspects{});
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
  EXPECT_EQ(end_on_trial(a), Suspects{});
  hunt_.answered(c);
  EXPECT_EQ(ended({a}, Blame::none), Suspects{}) << "nor does this count";
  EXPECT_EQ(end_on_trial(a), Suspects{a});
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
  EXPECT_FALSE(hunt_.in_vain());
  set_aside(c);
  EXPECT_TRUE(hunt_.in_vain());
  EXPECT_FALSE(hunt_.active());
  EXPECT_TRUE(hunt_.aside().empty());
  EXPECT_FALSE(hunt_.is_aside(a));
  begin({a, b, c, d});
}

TEST_F(AHunt, SetsAsideTwiceAsManyAfterEachHuntInVainAndThreeAgainAfterAnAnswer) {
  for (const std::size_t many : {3U, 6U, 12U, 24U}) EXPECT_EQ(hunt_in_vain(), many);
  EXPECT_TRUE(hunt_.in_vain());
  hunt_.answered(other);
  EXPECT_FALSE(hunt_.in_vain());
  for (const std::size_t many : {3U, 6U}) EXPECT_EQ(hunt_in_vain(), many);
}

TEST_F(AHunt, NeverSetsAsideMoreThanMayBeHeldInMemory) {
  for (int n = 0; n < 8; ++n) EXPECT_LT(hunt_in_vain(), 768U);
  for (int n = 0; n < 3; ++n) EXPECT_EQ(hunt_in_vain(), 768U);
}

TEST_F(AHunt, CountsOnlyThoseSetAsideSinceTheLastAnswerAgainstTheServer) {
  EXPECT_EQ(hunt_in_vain(), 3U);
  begin({a, b});
  for (std::uint64_t id = 1; id <= 5; ++id) set_aside({0, id});
  EXPECT_EQ(end_on_trial(a), Suspects{});
  set_aside({0, 6});
  set_aside({0, 7});
  EXPECT_EQ(hunt_.aside().size(), 7U);
  set_aside({0, 8});
  EXPECT_FALSE(hunt_.active());
  EXPECT_TRUE(hunt_.in_vain());
}

TEST_F(AHunt, TriesTheNextOfThoseAsideAfterAConviction) {
  begin({a, b, c});
  set_aside(a);
  set_aside(b);
  EXPECT_EQ(end_on_trial(a), Suspects{});
  EXPECT_EQ(end_on_trial(a), Suspects{a});
  EXPECT_EQ(end_on_trial(b), Suspects{});
  EXPECT_EQ(end_on_trial(b), Suspects{b});
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
  ASSERT_EQ(ended({a}), Suspects{});
  ASSERT_EQ(end_on_trial(a), Suspects{a});
  ASSERT_TRUE(hunt_.active());
  set_aside(c);
  EXPECT_EQ(end_on_trial(c), Suspects{});
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

/// A server that ends the connection when it gets a poisonous message, or at random, and a sender that does what the
/// hunt says.
struct Play {
  Hunt hunt{1};
  std::set<std::uint64_t> waiting;
  std::vector<std::uint64_t> poison;
  std::vector<std::uint64_t> delivered, convicted;
  std::size_t window = 100;
  unsigned cut_percent = 0;
  std::mt19937 random{1};

  explicit Play(std::uint64_t count) {
    for (std::uint64_t id = 1; id <= count; ++id) waiting.insert(id);
  }
  /// Says how many connections ended.
  int run(int most_ends) {
    int ends = 0;
    while (!waiting.empty() && ends < most_ends) {
      // What is on the wire of this connection, in order; the server answers each until one ends it.
      std::vector<std::uint64_t> under_way;
      for (;;) {
        while (!waiting.empty() && under_way.size() < (hunt.active() ? 1 : window)) {
          auto next = std::ranges::find_if(waiting, [&](auto id) { return !hunt.is_aside({0, id}); });
          if (const auto trial = hunt.trial()) next = waiting.find(trial->id);
          if (next == waiting.end()) next = waiting.begin();
          under_way.push_back(*next);
          waiting.erase(next);
        }
        if (under_way.empty()) return ends;
        const auto first = under_way.front();
        if (std::ranges::find(poison, first) != poison.end() || random() % 100 < cut_percent) break;
        under_way.erase(under_way.begin());
        delivered.push_back(first);
        hunt.answered({0, first});
      }
      ++ends;
      Suspects suspects;
      for (const auto id : under_way) suspects.push_back({0, id});
      waiting.insert(under_way.begin(), under_way.end());
      for (const auto suspect : hunt.ended(Blame::perhaps, suspects)) {
        convicted.push_back(suspect.id);
        waiting.erase(suspect.id);
      }
    }
    return ends;
  }
  /// How many were delivered before one that was accepted before them.
  std::size_t overtakers() const {
    std::size_t count = 0;
    auto least = std::numeric_limits<std::uint64_t>::max();
    for (const auto id : std::views::reverse(delivered)) {
      count += id > least ? 1 : 0;
      least = std::min(least, id);
    }
    return count;
  }
};

TEST(AHuntThroughAWindow, FindsTheOneMessageWithinSevenConnectionsWhereverItIs) {
  for (std::uint64_t place = 1; place <= 150; ++place) {
    Play play(200);
    play.poison = {place};
    EXPECT_LE(play.run(100), place == 1 ? 6 : 7) << place;
    EXPECT_EQ(play.convicted, play.poison) << place;
    EXPECT_EQ(play.delivered.size(), 199U) << place;
    EXPECT_EQ(play.overtakers(), 0U) << place;
  }
}

TEST(AHuntThroughAWindow, FindsTwoBesideEachOtherAndLosesNoOther) {
  Play play(50);
  play.poison = {20, 21};
  EXPECT_LE(play.run(100), 11);
  EXPECT_EQ(play.convicted, play.poison);
  EXPECT_EQ(play.delivered.size(), 48U);
}

TEST(AHuntThroughAWindow, FindsAnyNumberInARowAndLosesNoOther) {
  for (std::uint64_t many = 3; many <= 40; ++many) {
    Play play(300);
    for (std::uint64_t n = 0; n < many; ++n) play.poison.push_back(120 + n);
    int most = 1;  // the first connection, on which others were answered
    int allowed = 3;
    for (; allowed <= static_cast<int>(many); allowed *= 2) most += 2 + 2 * allowed;
    most += 2 + 4 * static_cast<int>(many);
    EXPECT_LE(play.run(1'000), most) << many;
    EXPECT_EQ(play.convicted, play.poison) << many;
    EXPECT_EQ(play.delivered.size(), 300 - many) << many;
    EXPECT_EQ(play.overtakers(), 0U) << many;
  }
}

TEST(AHuntThroughAWindow, ConvictsNobodyWhenTheServerEndsEveryConnectionAndLetsOneOvertakeWhenItIsWellAgain) {
  for (int ends = 0; ends <= 60; ++ends) {
    Play play(50);
    for (std::uint64_t id = 1; id <= 50; ++id) play.poison.push_back(id);
    EXPECT_EQ(play.run(ends), ends);
    play.poison.clear();
    EXPECT_EQ(play.run(1), 0);
    EXPECT_TRUE(play.convicted.empty());
    EXPECT_EQ(play.delivered.size(), 50U);
    EXPECT_LE(play.overtakers(), 1U) << ends;
  }
}

TEST(AHuntThroughAWindow, ConvictsNobodyOnTheseLinesThatCutAtOneMessageInFive) {
  // Chance, but not much of it: were one end on trial enough, 15 would be convicted here.
  for (unsigned seed = 1; seed <= 5; ++seed) {
    Play play(10'000);
    play.random.seed(seed);
    play.cut_percent = 20;
    EXPECT_LT(play.run(10'000), 10'000);
    EXPECT_EQ(play.convicted, std::vector<std::uint64_t>{}) << seed;
    EXPECT_EQ(play.delivered.size(), 10'000U);
  }
}

TEST(AHuntThroughAWindow, KeepsTheOnlyMessageThatWaitsUntilOthersHaveBeenAnsweredTwice) {
  Play play(1);
  play.poison = {1};
  EXPECT_EQ(play.run(20), 20);
  play.waiting.insert(2);
  EXPECT_EQ(play.run(20), 20);
  EXPECT_EQ(play.delivered, std::vector<std::uint64_t>{2});
  EXPECT_TRUE(play.convicted.empty());
  play.waiting.insert(3);
  EXPECT_EQ(play.run(20), 1);
  EXPECT_EQ(play.delivered, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(play.convicted, play.poison);
}

}  // namespace
}  // namespace tidegate::forward
