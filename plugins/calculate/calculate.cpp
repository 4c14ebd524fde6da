// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/plugin.hpp>
#include <tidegate/topic.hpp>

#include "calculate_sample.hpp"
#include "plugins/calculate/payload.hpp"
#include "plugins/calculate/window.hpp"
#include "plugins/common/members.hpp"

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;
using calculate::Function;
using calculate::Window;

struct Options {
  std::string name;
  Function function = Function::mean;
  std::vector<std::string> topics;
  bool latest = true;
  Nanoseconds window = 5min;
  Nanoseconds interval = 10s;
  std::vector<std::string> field;
  std::string unit;
  ChannelOptions channel;
};

/// One reading that is made of others. Thread: loop.
class Calculated {
 public:
  Calculated(Context& context, Options options)
      : context_(context), options_(std::move(options)), window_(options_.window, options_.latest) {
    for (std::size_t n = 0; n < options_.topics.size(); ++n) {
      listening_.push_back(context.listen(options_.topics[n], [this, n](const Heard& heard) { hear(heard, n); }));
    }
  }
  // What listens points here.
  Calculated(const Calculated&) = delete;
  Calculated& operator=(const Calculated&) = delete;

  void start() {
    window_.clear();
    last_.reset();
    refused_ = 0;
    channel_ = context_.channel(options_.name, options_.channel);
    timer_ = context_.loop().every(options_.interval, [this] { turn(); });
  }
  void stop() noexcept {
    timer_ = Source();
    channel_.reset();
  }

 private:
  void hear(const Heard& heard, std::size_t filter) {
    const auto& topic = heard.message.topic;
    // A message that several filters match comes once for each.
    const auto before = options_.topics.begin() + static_cast<std::ptrdiff_t>(filter);
    if (std::any_of(options_.topics.begin(), before, [&](const auto& other) { return matches(other, topic); })) return;
    // Nobody knows when a retained message was published: it is the last of its topic, but in no window of time.
    if (heard.message.retain && !options_.latest) return;
    const Nanoseconds now = context_.clock().boot();
    if (heard.deadline && *heard.deadline <= now) return;
    const auto found = calculate::number_in(heard.message.payload, options_.field);
    if (const auto* number = std::get_if<double>(&found)) {
      window_.add(topic, *number, now);
      refused_ = 0;
    } else if (std::holds_alternative<calculate::NoNumber>(found)) {
      ++refused_;
      refused_topic_ = topic;
    }
  }

  void turn() {
    const Nanoseconds now = context_.clock().boot();
    if (const auto result = window_.calculate(options_.function, now)) {
      last_ = options_.function == Function::count ? Value(static_cast<std::int64_t>(*result)) : Value(*result);
      said_bad_ = false;
      publish(Quality::good);
    } else if (last_ && !said_bad_) {
      said_bad_ = true;
      publish(Quality::bad);
    }
    report(now);
  }

  void publish(Quality quality) const {
    const Clock& clock = context_.clock();
    channel_->put(
        {.value = *last_, .unit = options_.unit, .quality = quality, .taken = clock.wall(), .clock = clock.quality()});
  }

  void report(Nanoseconds now) {
    std::string why;
    if (window_.size() == 0 && refused_ > 0) {
      why = fmt::format("of {} messages on its topics none was a number, the last on {}; for JSON, field names the key",
                        refused_, refused_topic_);
    } else if (window_.overflowed(now)) {
      why = fmt::format("more than {} in its window; the oldest are left out",
                        options_.latest ? fmt::format("{} topics", Window::most_topics)
                                        : fmt::format("{} values", Window::most_values));
    }
    if (why == said_) return;
    context_.degraded(options_.name, why);
    said_ = std::move(why);
  }

  Context& context_;
  const Options options_;
  Window window_;
  std::vector<Listening> listening_;
  std::unique_ptr<Channel> channel_;
  Source timer_;
  std::optional<Value> last_;
  bool said_bad_ = false;
  std::uint64_t refused_ = 0;  // since the last number
  std::string refused_topic_;
  std::string said_;  // what health knows
};

std::vector<std::string> read_field(const Block& block) {
  const auto given = block.text("field", "value");
  std::vector<std::string> keys(1);
  for (const char c : given) {
    if (c == '.') {
      keys.emplace_back();
    } else {
      keys.back() += c;
    }
  }
  if (std::ranges::find(keys, std::string()) != keys.end()) {
    block.complain(
        "field", fmt::format("\"{}\" has an empty key; write \"value\", or \"a.b\" for {{\"a\":{{\"b\":1}}}}", given));
  }
  return keys;
}

Function read_function(const Block& block) {
  if (!block.has("function")) {
    block.complain({}, "has no function; add function = \"mean\", \"min\", \"max\", \"sum\" or \"count\"");
  }
  const auto word = block.word("function", "mean", {"mean", "min", "max", "sum", "count"});
  if (word == "min") return Function::min;
  if (word == "max") return Function::max;
  if (word == "sum") return Function::sum;
  return word == "count" ? Function::count : Function::mean;
}

/// A reading that heard itself would never forget.
void check_topics(const Context& context, const Block& block, const Options& options) {
  const auto kind = block.kind("topics");
  if (kind == Kind::absent || (kind == Kind::list && block.texts("topics").empty())) {
    block.complain("topics", "there is nothing to calculate from; add topics = [\"lab/+/temperature\"]");
  }
  if (options.name.empty()) return;
  const auto own = options.channel.topic.empty() ? context.topic(options.name) : options.channel.topic;
  for (const auto& filter : options.topics) {
    if (!matches(filter, own)) continue;
    block.complain("topics", fmt::format("\"{}\" matches {}, the topic of this reading itself; name the others more "
                                         "exactly, or give this one a topic of its own",
                                         filter, own));
  }
}

std::unique_ptr<Calculated> read_reading(Context& context, const Block& block, std::set<std::string>& names) {
  Options options;
  options.name = member_name(block, names, "reading");
  options.function = read_function(block);
  options.topics = block.filters("topics");
  for (const auto& topic : options.topics) {
    if (topic.find('*') != std::string::npos)
      block.complain(
          "topics",
          fmt::format("\"{}\": '*' matches nothing but itself; '+' is one level of a topic, '#' the rest", topic));
  }
  options.latest = block.word("of", "latest", {"latest", "all"}) == "latest";
  options.window = block.duration("window", 5min, 1ms, std::chrono::days(366));
  options.interval = block.duration("interval", 10s, 10ms, std::chrono::days(366));
  options.field = read_field(block);
  options.unit = block.text("unit", "");
  options.channel = channel_options(block);
  check_topics(context, block, options);
  return std::make_unique<Calculated>(context, std::move(options));
}

}  // namespace

extern const PluginInfo calculate_plugin;
const PluginInfo calculate_plugin = {
    .name = "calculate",
    .sample = calculate_sample,
    .make = [](Context& context, const Block& block) -> std::unique_ptr<Plugin> {
      std::vector<std::unique_ptr<Calculated>> readings;
      std::set<std::string> names;
      for (const auto& reading : block.tables("reading")) readings.push_back(read_reading(context, reading, names));
      return std::make_unique<Members<Calculated>>(std::move(readings));
    },
};

}  // namespace tidegate::plugins
