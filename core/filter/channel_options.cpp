// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ranges>

#include <fmt/format.h>

#include <tidegate/channel.hpp>
#include <tidegate/error.hpp>
#include <tidegate/topic.hpp>

namespace tidegate {

ChannelOptions channel_options(const Block& block, ChannelOptions fallback) {
  if (block.has("topic")) fallback.topic = block.topic("topic", "");
  fallback.json = block.boolean("json", fallback.json);
  fallback.retain = block.boolean("retain", fallback.retain);
  fallback.qos = static_cast<Qos>(block.integer("qos", static_cast<std::int64_t>(fallback.qos), 0, 2));
  if (block.has("filters")) fallback.filters = Filters(block);
  return fallback;
}

ReadingRules::ReadingRules(const Block& plugin, const ChannelOptions& fallback) : fallback_(fallback) {
  for (const auto& block : plugin.tables("reading")) {
    const auto of = block.required_text("of");
    auto options = channel_options(block, fallback);
    block.finish();
    try {
      if (!of.empty()) check_filter(of);
    } catch (const TopicError& error) {
      block.complain("of", fmt::format("cannot be matched with names: {}", error.what()));
      continue;
    }
    if (of.find('*') != std::string::npos)
      block.complain(
          "of", fmt::format("\"{}\": '*' matches nothing but itself; '+' is one level of a name, '#' the rest", of));
    if (!options.topic.empty() && of.find_first_of("+#") != std::string::npos) {
      block.complain("topic", fmt::format("one topic for all that \"{}\" matches would mix them; name one reading in "
                                          "of, or leave topic out",
                                          of));
    }
    rules_.emplace_back(of, std::move(options));
  }
}

const ChannelOptions& ReadingRules::of(std::string_view name) const noexcept {
  for (const auto& [of, options] : std::views::reverse(rules_)) {
    if (matches(of, name)) return options;
  }
  return fallback_;
}

}  // namespace tidegate
