// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidegate/plugin.hpp>

namespace tidegate::plugins {

/// A plugin that is nothing but its members, which start and stop with it: all of them, or none. Thread: loop.
template <class Member>
class Members final : public Plugin {
 public:
  explicit Members(std::vector<std::unique_ptr<Member>> members) : members_(std::move(members)) {}

  void start() override {
    try {
      for (const auto& member : members_) member->start();
    } catch (...) {
      stop();
      throw;
    }
  }
  void stop() noexcept override {
    for (const auto& member : members_) member->stop();
  }

 private:
  const std::vector<std::unique_ptr<Member>> members_;
};

/// The key "name" of a member's block: the end of its topic, and none of those before it, which names has. Complains in
/// the block; what cannot be the end of a topic comes back empty. noun: what a member is called.
[[nodiscard]] std::string member_name(const Block& block, std::set<std::string>& names, std::string_view noun);

}  // namespace tidegate::plugins
