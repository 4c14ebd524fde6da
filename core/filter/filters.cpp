// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <ranges>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tidegate/channel.hpp>
#include <tidegate/filters.hpp>

#include "filter/arithmetic.hpp"
#include "filter/change.hpp"
#include "filter/pace.hpp"
#include "filter/recipe.hpp"
#include "filter/window.hpp"

namespace tidegate {
namespace {

using Read = Filters::Recipe (*)(const Block&);
constexpr std::array<std::pair<const char*, Read>, 10> known = {{
    {"calibrate_linear", filter::read_calibrate_linear},
    {"clamp", filter::read_clamp},
    {"deadband", filter::read_deadband},
    {"delta", filter::read_delta},
    {"heartbeat", filter::read_heartbeat},
    {"median", filter::read_median},
    {"round", filter::read_round},
    {"sliding_average", filter::read_sliding_average},
    {"throttle", filter::read_throttle},
    {"timeout", filter::read_timeout},
}};

/// As ESPHome and others call what is here under another name.
constexpr std::array<std::pair<const char*, const char*>, 7> elsewhere = {{
    {"average", "sliding_average"},
    {"mean", "sliding_average"},
    {"moving_average", "sliding_average"},
    {"multiply", "calibrate_linear"},
    {"offset", "calibrate_linear"},
    {"sliding_window_median", "median"},
    {"sliding_window_moving_average", "sliding_average"},
}};

const char* called_here(std::string_view name) noexcept {
  for (const auto& [theirs, ours] : elsewhere) {
    if (name == theirs) return ours;
  }
  return nullptr;
}

}  // namespace

Filters::Filters(const Block& block) {
  if (block.kind("filters") == Kind::table) {
    block.complain("filters",
                   "is one table; filters are a list, in the order in which they are to work: "
                   "filters = [{ median = 5 }, { delta = 0.5 }]");
    return;
  }
  for (const auto& table : block.tables("filters")) {
    Read read = nullptr;
    for (const auto& [name, its] : known) {
      if (table.has(name)) read = its;
    }
    if (const auto keys = table.keys(); keys.size() > 1) {
      table.complain({}, fmt::format("has {} keys ({}); each filter has a table of its own, in the order in which they "
                                     "are to work: [{{ median = 5 }}, {{ delta = 0.5 }}]",
                                     keys.size(), fmt::join(keys, ", ")));
    } else if (keys.empty()) {
      table.complain({}, "is empty; name a filter in it, as in { median = 5 }");
    } else if (const char* const ours = called_here(keys.front()); ours != nullptr && table.has(keys.front())) {
      table.complain(keys.front(), fmt::format("is called {} here", ours));
    } else if (read != nullptr) {
      recipes_.push_back(std::make_shared<const Recipe>(read(table)));
    }
    table.finish();
  }
}

std::unique_ptr<Channel> Filters::before(std::unique_ptr<Channel> channel, Loop& loop, const Clock& clock) const {
  for (const auto& recipe : std::views::reverse(recipes_)) channel = recipe->before(std::move(channel), loop, clock);
  return channel;
}

}  // namespace tidegate
