// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/input.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/epoll.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t event_buffer = 256;

Button::Times read_times(const Block& block) {
  Button::Times times;
  times.hold = block.duration("hold", times.hold, 0ns, 1h);
  times.double_click = block.duration("double_click", times.double_click, 0ns, 10s);
  return times;
}

ChannelOptions retained(ChannelOptions options) {
  options.retain = true;
  return options;
}

}  // namespace

Edges read_edges(const Block& block, const char* usual) {
  const auto word = block.word("edges", usual, {"both", "rising", "falling"});
  return word == "rising" ? Edges::rising : word == "falling" ? Edges::falling : Edges::both;
}

Nanoseconds read_debounce(const Block& block) {
  return block.has("debounce") ? block.duration("debounce", 10ms, 0ns, 10s) : 0ns;
}

Input::Input(Context& context, const Block& block, const ChannelOptions& fallback)
    : Part(context, block, retained(fallback)),
      keys_(block, false),
      edges_(read_edges(block, "both")),
      debounce_period_(read_debounce(block)),
      events_(block.boolean("events", true)),
      button_(read_times(block), [this](Button::Event event, Nanoseconds at) { told(event, at); }) {
  if (!events_ && edges_ != Edges::both)
    block.complain("events", "edges alone have no state, and without events nothing is left to publish; leave one out");
  block.finish();
}

void Input::open() {
  auto options = keys_.options();
  options.edges = edges_;
  options.debounce = debounce_period_;
  options.event_buffer = event_buffer;
  line_.emplace(find_line(keys_.line), options);
  if (edges_ == Edges::both) state_ = channel();
  if (events_) event_ = channel("event");
  lost_channel_ = channel("lost", true);
  sequence_ = 0;
  const bool active = line_->get();
  if (line_->debounce_refused()) {
    log::info("gpio {}: the kernel does not debounce this line; done in software", name());
    debounce_.emplace(debounce_period_, active);
  }
  button_.assume(active);
  if (state_) put(*state_, active);
  watch_ =
      context_.loop().watch(line_->fd(), EPOLLIN, [this](std::uint32_t events) { guarded([&] { read(events); }); });
  look_ = context_.loop().every(look_interval, [this] { guarded([this] { static_cast<void>(line_->get()); }); });
}

void Input::close() noexcept {
  watch_ = Source();
  look_ = Source();
  timer_ = Source();
  line_.reset();
  debounce_.reset();
  state_.reset();
  event_.reset();
  lost_channel_.reset();
}

void Input::read(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0)
    throw SystemError(ENODEV, fmt::format("the chip of {} is gone", keys_.line));
  for (const auto& edge : line_->read()) take(edge);
  plan();
}

void Input::take(const EdgeEvent& edge) {
  const auto gap = edge.sequence - sequence_ - 1;
  sequence_ = edge.sequence;
  if (gap != 0) lost(gap, edge.time);
  if (edges_ != Edges::both) {
    told(edge.active ? Button::Event::press : Button::Event::release, edge.time);
    return;
  }
  if (!debounce_) {
    settled(edge.active, edge.time);
    return;
  }
  if (const auto settled_now = debounce_->edge(edge.active, edge.time))
    settled(settled_now->active, settled_now->since);
}

void Input::settled(bool active, Nanoseconds at) {
  put_at(*state_, active, at);
  if (events_) button_.edge(active, at);
}

void Input::lost(std::uint32_t count, Nanoseconds at) {
  lost_count_ += count;
  log::warning("gpio {}: {} edges came faster than they could be read, and are lost", name(), count);
  put_at(*lost_channel_, lost_count_, at);
  button_.assume(false);
}

void Input::told(Button::Event event, Nanoseconds at) {
  if (event_) put_at(*event_, std::string(to_string(event)), at);
}

/// The next time at which a machine has something to tell. Edges that wait to be read come first, for their times may
/// change what it is.
void Input::plan() {
  auto due = button_.due();
  if (debounce_) {
    if (const auto at = debounce_->due(); at && (!due || *at < *due)) due = at;
  }
  if (!due) {
    timer_ = Source();
    return;
  }
  const auto wait = std::max(*due - monotonic(), Nanoseconds::zero());
  timer_ = context_.loop().after(wait, [this] {
    guarded([this] {
      for (const auto& edge : line_->read()) take(edge);
      const auto now = monotonic();
      if (debounce_) {
        if (const auto settled_now = debounce_->tick(now)) settled(settled_now->active, settled_now->since);
      }
      button_.tick(now);
      plan();
    });
  });
}

}  // namespace tidegate::plugins::gpio
