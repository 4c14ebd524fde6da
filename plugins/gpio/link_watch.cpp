// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/link_watch.hpp"

#include <fmt/format.h>

namespace tidegate::plugins::gpio {

using namespace std::chrono_literals;

LinkWatch::LinkWatch(const Context& context, const Block& block)
    : after_(block.duration("safe_after", 0ns, 0ns, 24h * 31)), link_(block.text("safe_link", "")) {
  if (!link_.empty() && after_ == Nanoseconds::zero())
    block.complain("safe_link", "says whose loss counts, but not after how long; add safe_after = \"30s\"");
  if (!link_.empty() && !context.has_upstream(link_))
    block.complain(
        "safe_link",
        fmt::format("there is no upstream \"{}\"; name an [[upstream]], or leave it out for the local broker", link_));
}

bool LinkWatch::lost(Context& context) {
  if (after_ == Nanoseconds::zero()) return false;
  if (context.linked(link_)) {
    down_since_.reset();
    told_ = false;
    return false;
  }
  const auto now = context.clock().boot();
  if (!down_since_) down_since_ = now;
  if (told_ || now - *down_since_ < after_) return false;
  told_ = true;
  return true;
}

}  // namespace tidegate::plugins::gpio
