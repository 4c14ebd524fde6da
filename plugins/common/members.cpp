// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/common/members.hpp"

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/topic.hpp>

namespace tidegate::plugins {

std::string member_name(const Block& block, std::set<std::string>& names, std::string_view noun) {
  auto name = block.required_text("name");
  if (name.empty()) return name;
  try {
    check_topic(name);
  } catch (const TopicError& error) {
    block.complain("name", fmt::format("cannot be the end of a topic: {}", error.what()));
    return {};
  }
  if (!names.insert(name).second)
    block.complain("name", fmt::format("there is another {} \"{}\"; give each a name of its own", noun, name));
  return name;
}

}  // namespace tidegate::plugins
