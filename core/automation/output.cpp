// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/output.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace tidegate::automation {

Output::Output(const Clock& clock, std::function<void(const std::string&)> show)
    : clock_(clock), show_(std::move(show)), filled_(clock.boot()) {}

void Output::add(std::string_view bytes) {
  refill();
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto part = bytes.substr(0, end);
    const auto room = longest_line - open_.size();
    too_long_ |= part.size() > room;
    open_ += part.substr(0, room);
    if (end == bytes.npos) return;
    bytes.remove_prefix(end + 1);
    finish_line();
  }
}

void Output::end() {
  if (!open_.empty()) finish_line();
  tell_left_out();
}

void Output::note(std::string_view text) {
  tell_left_out();
  keep(std::string(text));
}

void Output::finish_line() {
  auto line = std::exchange(open_, {});
  const bool cut = std::exchange(too_long_, false);
  if (allowance_ < 1) {
    ++left_out_;
    return;
  }
  tell_left_out();
  allowance_ -= 1;
  if (line.ends_with('\r')) line.pop_back();
  show(harmless(line) + (cut ? "…" : ""));
}

void Output::refill() {
  const auto now = clock_.boot();
  allowance_ = std::min(burst, allowance_ + pace * std::chrono::duration<double>(now - filled_).count());
  filled_ = now;
}

void Output::tell_left_out() {
  if (const auto count = std::exchange(left_out_, 0); count > 0) {
    show(fmt::format("({} lines were left out: it writes more than {} a second)", count, pace));
  }
}

void Output::show(std::string text) {
  show_(text);
  keep(std::move(text));
}

void Output::keep(std::string text) {
  kept_bytes_ += text.size();
  kept_.push_back({++last_, clock_.wall(), std::move(text)});
  while (kept_.size() > most_lines || kept_bytes_ > most_bytes) {
    kept_bytes_ -= kept_.front().text.size();
    kept_.pop_front();
  }
}

std::vector<Output::Line> Output::tail(std::uint64_t after, std::size_t most) const {
  auto from = std::ranges::upper_bound(kept_, after, {}, &Line::number);
  if (static_cast<std::size_t>(kept_.end() - from) > most) from = kept_.end() - static_cast<std::ptrdiff_t>(most);
  return {from, kept_.end()};
}

}  // namespace tidegate::automation
