// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/common/roster.hpp"

#include <algorithm>

#include "plugins/common/device.hpp"

namespace tidegate::plugins {
namespace {

std::string full_name(const std::string& source, const std::string& name) {
  return name.empty() ? source : source + '/' + name;
}

}  // namespace

Roster::Roster(Context& context, OptionsOf options)
    : context_(context), options_(std::move(options)), faults_(context) {}

void Roster::begin() {
  sources_.clear();
  faults_.clear();
}

void Roster::end() noexcept {
  sources_.clear();
}

void Roster::report(const std::string& source, const std::vector<Outcome>& outcomes, const Stamp& stamp) {
  if (std::ranges::find(outcomes, "", &Outcome::name) == outcomes.end()) health(source, {});
  for (const auto& outcome : outcomes) put(source, outcome, stamp);
  const auto& entries = sources_[source];
  const auto is_there = [&](const std::string& name) {
    return std::ranges::find(outcomes, name, &Outcome::name) != outcomes.end();
  };
  faults_.clear_below(source + '/',
                      [&](const std::string& name) { return !is_there(name) && !entries.contains(name); });
  for (auto& [name, entry] : sources_[source]) {
    if (is_there(name)) continue;
    health(full_name(source, name), vanished);
    publish(source, name, entry, Quality::bad, stamp);
  }
}

void Roster::put(const std::string& source, const Outcome& outcome, const Stamp& stamp) {
  const std::string name = full_name(source, outcome.name);
  auto& entries = sources_[source];
  if (!outcome.value) {
    const auto known = entries.find(outcome.name);
    const bool had_value = known != entries.end();
    if (!outcome.why.empty() || had_value) health(name, outcome.why.empty() ? "it has no value any more" : outcome.why);
    if (had_value) publish(source, outcome.name, known->second, Quality::bad, stamp);
    return;
  }
  Entry& entry = entries[outcome.name];
  entry.last = outcome.value;
  entry.unit = outcome.unit;
  health(name, outcome.why);
  publish(source, outcome.name, entry, outcome.quality, stamp);
}

void Roster::fail(const std::string& source, std::string_view why, const Stamp& stamp) {
  faults_.clear_below(source + '/', [](const std::string&) { return true; });
  health(source, why);
  for (auto& [name, entry] : sources_[source]) publish(source, name, entry, Quality::bad, stamp);
}

void Roster::forget(const std::string& source) {
  faults_.clear_below(source + '/', [](const std::string&) { return true; });
  health(source, {});
  sources_.erase(source);
}

void Roster::publish(const std::string& source, const std::string& name, Entry& entry, Quality quality,
                     const Stamp& stamp) {
  if (!entry.channel) {
    const std::string full = full_name(source, name);
    entry.channel = context_.channel(full, options_(full));
  }
  entry.channel->put(
      {.value = *entry.last, .unit = entry.unit, .quality = quality, .taken = stamp.taken, .clock = stamp.clock});
}

Roster::OptionsOf reading_options(const Block& plugin) {
  ChannelOptions usual;
  usual.json = plugin.boolean("json", false);
  return [rules = ReadingRules(plugin, usual)](std::string_view name) { return rules.of(name); };
}

}  // namespace tidegate::plugins
