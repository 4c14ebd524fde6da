// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/part.hpp"

#include <algorithm>
#include <typeinfo>

#include <fmt/format.h>

#include <tidegate/error.hpp>

namespace tidegate::plugins::gpio {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds first_wait = 1s;
constexpr Nanoseconds most_wait = 60s;

}  // namespace

Nanoseconds monotonic() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch();
}

Part::Part(Context& context, const Block& block, const ChannelOptions& fallback)
    : context_(context),
      options_(channel_options(block, fallback)),
      block_(block),
      usual_json_(fallback.json),
      name_(block.required_text("name")),
      where_(block.where()) {
  if (!name_.empty() &&
      name_.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") != name_.npos) {
    block.complain("name",
                   fmt::format("\"{}\" cannot be a name: letters, digits, '-', '_' and '.' alone; it becomes one "
                               "level of a topic (topic = \"…\" gives it any other)",
                               name_));
  }
}

void Part::start() {
  started_ = true;
  wait_ = first_wait;
  guarded([this] { open(); });
}

void Part::stop() noexcept {
  started_ = false;
  again_ = Source();
  if (open_) close();
  open_ = false;
}

bool Part::is_same(const Part& other) const {
  return typeid(*this) == typeid(other) && usual_json_ == other.usual_json_ && block_.same(other.block_);
}

void Part::replace(Part& fresh) {
  block_ = fresh.block_;  // or every configuration that there ever was would stay in memory
  where_ = fresh.where_;
}

void Part::leave() {
  complain({});
  left_ = true;
}

void Part::guarded(const std::function<void()>& work) noexcept {
  try {
    const bool opening = !open_;
    open_ = true;
    work();
    if (opening) {
      wait_ = first_wait;
      complain({});
    }
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

void Part::fail(const std::string& why) noexcept {
  if (open_) close();
  open_ = false;
  try {
    const std::string whole = fmt::format("{}: {}", where_, why);
    if (complaint_ != whole) context_.degraded(name_, whole);
    complaint_ = whole;
    if (!started_) return;
    again_ = context_.loop().after(wait_, [this] { guarded([this] { open(); }); });
    wait_ = std::min(wait_ * 2, most_wait);
  } catch (const std::exception&) {  // no memory, no timer: it stays closed
  }
}

void Part::complain(const std::string& why) {
  if (complaint_ == why || left_) return;
  complaint_ = why;
  context_.degraded(name_, why);
}

std::string Part::topic(const std::string& under) const {
  const auto own = options_.topic.empty() ? context_.topic(name_) : options_.topic;
  return under.empty() ? own : own + '/' + under;
}

std::unique_ptr<Channel> Part::channel(const std::string& under, bool retain, bool filtered) const {
  ChannelOptions options = options_;
  if (!under.empty()) {
    if (!options.topic.empty()) options.topic += '/' + under;
    options.retain = retain;
    if (!filtered) options.filters = {};
  }
  return context_.channel(under.empty() ? name_ : name_ + '/' + under, options);
}

void Part::put(Channel& channel, Value value, const std::string& unit) const {
  const Clock& clock = context_.clock();
  channel.put({.value = std::move(value),
               .unit = unit,
               .quality = Quality::good,
               .taken = clock.wall(),
               .clock = clock.quality()});
}

void Part::put_at(Channel& channel, Value value, Nanoseconds at) const {
  const Clock& clock = context_.clock();
  channel.put({.value = std::move(value),
               .unit = {},
               .quality = Quality::good,
               .taken = clock.wall() - (monotonic() - at),
               .clock = clock.quality()});
}

LineKeys::LineKeys(const Block& block, bool output, const char* key) : line(block.required_text(key)) {
  const auto bias_word = block.word("bias", "as-is", {"as-is", "pull-up", "pull-down", "disabled"});
  bias = bias_word == "pull-up"     ? Bias::pull_up
         : bias_word == "pull-down" ? Bias::pull_down
         : bias_word == "disabled"  ? Bias::disabled
                                    : Bias::as_is;
  if (output) {
    const auto drive_word = block.word("drive", "push-pull", {"push-pull", "open-drain", "open-source"});
    drive = drive_word == "open-drain"    ? Drive::open_drain
            : drive_word == "open-source" ? Drive::open_source
                                          : Drive::push_pull;
  }
  active_low = block.boolean("active_low", false);
  try {
    if (!line.empty()) check_line_name(line);
  } catch (const ConfigError& error) {
    block.complain(key, error.what());
  }
}

LineOptions LineKeys::options() const {
  LineOptions options;
  options.bias = bias;
  options.drive = drive;
  options.active_low = active_low;
  return options;
}

}  // namespace tidegate::plugins::gpio
