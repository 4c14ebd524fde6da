// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/line_verbs.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <tidegate/error.hpp>

#include "gateway/named_line.hpp"

namespace tidegate::gateway {
namespace {

using control::Json;
using control::Refusal;

constexpr std::string_view event_level = "/event";

std::string text(const Json& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end() || !found->is_string()) {
    throw Refusal(Refusal::Kind::argument, fmt::format("{} is missing, or no text", key));
  }
  return found->get<std::string>();
}

bool is_output(const std::string& kind) noexcept {
  return kind != "input" && kind != "counter";
}

}  // namespace

LineVerbs::LineVerbs(const config::Config& config, const Audience& audience, control::Control& control)
    : config_(config), audience_(audience), control_(control) {
  configured();
  control_.add("line.list", [this](const Json&) {
    auto all = Json::array();
    for (const auto& line : lines_) all.push_back(to_json(line));
    return Json{{"lines", std::move(all)}};
  });
  control_.add("line.read", [this](const Json& request) {
    const auto& line = find(request);
    if (!line.since) {
      throw UnavailableError(
          fmt::format("{} has not been read yet; tidegate status says whether its line is there", line.name));
    }
    return to_json(line);
  });
  control_.add("line.set", [this](const Json& request) { return set(request); });
}

void LineVerbs::configured() {
  auto former = std::move(lines_);
  lines_.clear();
  by_topic_.clear();
  for (auto& named : named_lines(config_)) {
    const bool more_of_it = !lines_.empty() && lines_.back().name == named.name && lines_.back().kind == named.kind;
    if (!more_of_it) {
      by_topic_[named.topic] = lines_.size();
      lines_.push_back({named.name, named.kind, {}, named.topic, {}, {}});
    }
    lines_.back().lines.push_back(named.line);
  }
  for (auto& line : lines_) {
    const auto known = std::ranges::find(former, line.topic, &Line::topic);
    if (known == former.end()) continue;
    line.value = std::move(known->value);
    line.since = known->since;
  }
}

void LineVerbs::seen(const Message& reading) {
  std::string_view topic = reading.topic;
  const bool happened = topic.ends_with(event_level) && !by_topic_.contains(topic);
  if (happened) topic.remove_suffix(event_level.size());
  const auto found = by_topic_.find(topic);
  if (found == by_topic_.end()) return;
  auto& line = lines_[found->second];
  if (!happened) {
    line.value = reading.payload;
    line.since = machine_clock().wall();
  }
  if (!control_.heard()) return;
  control_.tell({{"event", "line"}, {"name", line.name}, {happened ? "happened" : "value", reading.payload}});
}

LineVerbs::Line& LineVerbs::find(const Json& request) {
  const auto name = text(request, "name");
  const auto found = std::ranges::find(lines_, name, &Line::name);
  if (found != lines_.end()) return *found;
  std::string known;
  for (const auto& line : lines_) known += (known.empty() ? "" : ", ") + line.name;
  throw Refusal(Refusal::Kind::unknown,
                fmt::format("there is no line '{}'; the lines are {}", name, known.empty() ? "none" : known));
}

Json LineVerbs::to_json(const Line& line) {
  return {{"name", line.name},
          {"kind", line.kind},
          {"output", is_output(line.kind)},
          {"lines", line.lines},
          {"topic", line.topic},
          {"value", line.value},
          {"since", line.since ? iso8601(*line.since) : std::string()}};
}

Json LineVerbs::set(const Json& request) {
  auto& line = find(request);
  Message command;
  command.topic = line.topic + "/set";
  command.payload = text(request, "value");
  if (!is_output(line.kind)) {
    throw Refusal(Refusal::Kind::refused,
                  fmt::format("{} is of kind {}: it can be read, not set", line.name, line.kind));
  }
  const auto refusal = audience_.ask(std::move(command));
  if (!refusal) {
    throw UnavailableError(fmt::format("nobody drives {}: the plugin gpio is not there", line.name));
  }
  if (!refusal->empty()) throw Refusal(Refusal::Kind::refused, fmt::format("{}: {}", line.name, *refusal));
  return to_json(line);
}

}  // namespace tidegate::gateway
