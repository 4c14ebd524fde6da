// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/counter.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <sys/epoll.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "plugins/gpio/header.hpp"
#include "plugins/gpio/input.hpp"

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t event_buffer = 1024;

double per_seconds(const Block& block) {
  const auto word = block.word("per", "second", {"second", "minute", "hour"});
  return word == "hour" ? 3600 : word == "minute" ? 60 : 1;
}

std::string rate_unit(const Block& block, const std::string& unit, double per) {
  const auto* const time = per == 3600 ? "h" : per == 60 ? "min" : "s";
  return block.text("rate_unit", unit.empty() ? fmt::format("1/{}", time) : fmt::format("{}/{}", unit, time));
}

}  // namespace

Counter::Counter(Context& context, const Block& block, const ChannelOptions& fallback)
    : Part(context, block, fallback),
      keys_(block, false),
      edges_(read_edges(block, "rising")),
      debounce_(read_debounce(block)),
      factor_(block.number("factor", 1, 1e-12, 1e12)),
      unit_(block.text("unit", "")),
      per_(per_seconds(block)),
      rate_unit_(rate_unit(block, unit_, per_)),
      interval_(block.duration("interval", 10s, 100ms, 24h)),
      rate_(block.duration("stopped", 5min, 1s, 24h)) {
  block.finish();
  if (!name().empty()) listening_ = context.listen(topic("total/set"), [this](const Heard& heard) { obey(heard); });
}

bool Counter::inherit(Part& other) {
  auto* const former = dynamic_cast<Counter*>(&other);
  if (former == nullptr || !former->is_open() || one_spelling(former->keys_.line) != one_spelling(keys_.line) ||
      former->keys_.options() != keys_.options() || former->edges_ != edges_ || former->debounce_ != debounce_)
    return false;
  line_ = std::move(former->line_);
  former->line_.reset();
  sequence_ = former->sequence_;
  return true;
}

void Counter::leave() {
  Part::leave();
  context_.degraded(name() + " total", {});
}

void Counter::open() {
  if (!file_) {
    try {
      file_ = std::make_shared<TotalFile>(context_.folder() / (name() + ".total"));
      total_ = std::max(total_, file_->total());
    } catch (const SystemError& error) {
      context_.degraded(name() + " total", fmt::format("{}; it begins at 0 after a restart", error.what()));
    }
  }
  if (!line_) {
    auto options = keys_.options();
    options.edges = edges_;
    options.debounce = debounce_;
    options.event_buffer = event_buffer;
    line_.emplace(find_line(keys_.line), options);
    sequence_ = 0;
  }
  if (line_->debounce_refused()) {
    throw UnavailableError(fmt::format(
        "the kernel does not debounce {}; take debounce out, and the bounces with a capacitor", keys_.line));
  }
  total_channel_ = channel("total", true, true);
  rate_channel_ = channel("rate", false, true);
  frequency_channel_ = channel("frequency");
  lost_channel_ = channel("lost", true);
  publish_total();
  watch_ =
      context_.loop().watch(line_->fd(), EPOLLIN, [this](std::uint32_t events) { guarded([&] { read(events); }); });
  look_ = context_.loop().every(look_interval, [this] { guarded([this] { static_cast<void>(line_->get()); }); });
  timer_ = context_.loop().every(interval_, [this] { guarded([this] { publish(); }); });
}

void Counter::close() noexcept {
  watch_ = Source();
  look_ = Source();
  timer_ = Source();
  try {
    if (line_) take();
  } catch (const std::exception&) {  // the chip is gone
  }
  keep(true);
  line_.reset();
  total_channel_.reset();
  rate_channel_.reset();
  frequency_channel_.reset();
  lost_channel_.reset();
}

void Counter::read(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0)
    throw SystemError(ENODEV, fmt::format("the chip of {} is gone", keys_.line));
  take();
}

void Counter::take() {
  const auto& edges = line_->read();
  if (edges.empty()) return;
  std::uint32_t lost = 0;
  for (const auto& edge : edges) {
    const auto gap = edge.sequence - sequence_ - 1;
    sequence_ = edge.sequence;
    rate_.pulse(edge.time, gap);
    lost += gap;
  }
  total_ += edges.size() + lost;
  keep(false);
  if (lost == 0) return;
  lost_ += lost;
  log::warning("gpio {}: {} pulses came faster than they could be read; counted, but their times are lost", name(),
               lost);
  if (lost_channel_) put(*lost_channel_, lost_);
}

/// Whoever asks for the total finds what was on the disk already, whatever happens next.
void Counter::publish() {
  take();
  const double hertz = rate_.take(monotonic());
  put(*frequency_channel_, hertz, "Hz");
  put(*rate_channel_, hertz * factor_ * per_, rate_unit_);
  publish_total();
}

void Counter::publish_total() {
  if (!file_) {
    put(*total_channel_, static_cast<double>(total_) * factor_, unit_);
    return;
  }
  if (syncing_) return;
  syncing_ = true;
  struct Outcome {
    std::string why;
  };
  const auto outcome = std::make_shared<Outcome>();
  context_.work(
      [file = file_, outcome] {
        try {
          file->sync();
        } catch (const SystemError& error) {
          outcome->why = error.what();
        }
      },
      [this, outcome, total = total_, alive = std::weak_ptr<int>(alive_)] {
        if (alive.expired()) return;
        syncing_ = false;
        context_.degraded(name() + " total", outcome->why);
        if (total_channel_) put(*total_channel_, static_cast<double>(total) * factor_, unit_);
      });
}

void Counter::obey(const Heard& heard) {
  if (heard.message.retain || (heard.deadline && *heard.deadline < context_.clock().boot())) {
    log::warning("gpio {}: an old command to set the total is not obeyed", name());
    return;
  }
  const auto& text = heard.message.payload;
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0) || value / factor_ > 9e18) {
    log::warning("gpio {}: \"{}\" is no total; publish what the meter shows, like 1234.5", name(), text.substr(0, 40));
    return;
  }
  total_ = static_cast<std::uint64_t>(std::llround(value / factor_));
  keep(false);
  if (is_open()) guarded([this] { publish_total(); });
}

void Counter::keep(bool sync) noexcept {
  if (!file_) return;
  try {
    if (file_->total() != total_) file_->set(total_);
    if (sync) file_->sync();
    return;
  } catch (const SystemError& error) {
    try {
      context_.degraded(name() + " total", error.what());
    } catch (const std::exception&) {  // no memory for words
    }
  }
}

}  // namespace tidegate::plugins::gpio
