// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/app_account.hpp"

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

namespace tidegate::broker {
namespace {

TEST(AnAppAccount, IsToldAsItIs) {
  const std::vector<AppAccount> accounts{{{"echo", {"a/#", "b c"}, {}}, "$7$101$salt+/$hash=="}};
  const auto told = parse_app_accounts(show_app_accounts(accounts));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().rights, accounts.front().rights);
  EXPECT_EQ(told.front().hash, accounts.front().hash);
  EXPECT_TRUE(parse_app_accounts(show_app_accounts({})).empty());
}

TEST(AnAppAccount, ThatCouldGiveOtherRightsIsRefused) {
  const auto with = [](const char* name, const char* hash, const char* filter) {
    return show_app_accounts({{{name, {filter}, {}}, hash}});
  };
  EXPECT_NO_THROW(static_cast<void>(parse_app_accounts(with("echo", "$7$hash", "a"))));
  for (const auto& bad :
       {with("+", "$7$hash", "a"), with("a:b", "$7$hash", "a"), with("", "$7$hash", "a"), with("echo", "", "a"),
        with("echo", "hash", "a"), with("echo", "$7$hash\nroot:$7$x", "a"), with("echo", "$7$a:b", "a"),
        with("echo", "$7$hash", "a\nuser root"), with("echo", "$7$hash", "a/#/b"), with("echo", "$7$hash", "")}) {
    EXPECT_THROW(static_cast<void>(parse_app_accounts(bad)), ConfigError) << bad;
  }
}

TEST(AListOfAppAccounts, ThatIsNoneIsRefused) {
  for (const char* bad : {"", "{", "7", "[1]", "[{}]", R"([{"name":1,"hash":"$","publish":[],"subscribe":[]}])",
                          R"([{"name":"a","hash":"$","publish":"a","subscribe":[]}])",
                          R"([{"name":"a","hash":"$","publish":[],"subscribe":[]},)"
                          R"({"name":"a","hash":"$","publish":[],"subscribe":[]}])"}) {
    EXPECT_THROW(static_cast<void>(parse_app_accounts(bad)), ConfigError) << bad;
  }
}

TEST(AMark, IsAnotherForAnotherText) {
  EXPECT_EQ(mark_of("a"), mark_of("a"));
  EXPECT_NE(mark_of("a"), mark_of("b"));
}

}  // namespace
}  // namespace tidegate::broker
