// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/automation.hpp"

#include <array>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/topic.hpp>

#include "config/listener.hpp"
#include "config/quantity.hpp"
#include "config/suggest.hpp"

namespace tidegate::config {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::uint64_t least_memory = 16ULL << 20;  // an interpreter alone takes ten
constexpr std::uint64_t most_memory = 1ULL << 50;
constexpr std::uint64_t least_files = 16;
constexpr std::uint64_t most_files = 1'000'000;
constexpr double most_cpu = 1024;

/// A duration key, its range and its place.
struct Time {
  std::string_view key;
  milliseconds least, most;
  std::optional<milliseconds> AutomationOptions::* place;
};
constexpr std::array<Time, 3> times{{{"backoff_first", 10ms, 1h, &AutomationOptions::backoff_first},
                                     {"backoff_most", 10ms, 24h, &AutomationOptions::backoff_most},
                                     {"stop_timeout", 0ms, 1h, &AutomationOptions::stop_timeout}}};
const std::vector<std::string_view> restart_words{"always", "on-failure", "never"};

Restart restart_of(std::string_view word) noexcept {
  return word == "always" ? Restart::always : word == "never" ? Restart::never : Restart::on_failure;
}

double parse_cpu(std::string_view text) {
  double percent = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  if (read.ec != std::errc{} || read.ptr + 1 != end || *read.ptr != '%' ||
      !(percent >= 1 && percent <= 100 * most_cpu)) {
    throw ConfigError(fmt::format(
        "\"{}\" is no share of a processor; write it like \"50%\" (from \"1%\"; \"200%\" are two whole ones)",
        text.substr(0, 40)));
  }
  return percent / 100;
}

/// ["garden/#", "lamp/set"], as TOML has it.
std::vector<std::string> parse_rights(std::string_view text) {
  const auto bad = [whole = text.substr(0, 60)] {
    return ConfigError(fmt::format(
        "{} is no list of topic filters; write it like [\"garden/#\", \"lamp/set\"], or [] for none", whole));
  };
  const auto take = [&](char wanted) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (!text.starts_with(wanted)) return false;
    text.remove_prefix(1);
    return true;
  };
  std::vector<std::string> filters;
  if (!take('[')) throw bad();
  while (!take(']')) {
    if ((!filters.empty() && !take(',')) || !take('"')) throw bad();
    const auto close = text.find('"');
    if (close == text.npos) throw bad();
    const auto filter = text.substr(0, close);
    text.remove_prefix(close + 1);
    try {
      check_filter(filter);
    } catch (const TopicError& error) {
      throw ConfigError(error.what());
    }
    if (const auto why = right_problem(filter); !why.empty()) throw ConfigError(why);
    filters.emplace_back(filter);
  }
  if (text.find_first_not_of(" \t") != text.npos) throw bad();
  return filters;
}

template <class Value>
void check_range(std::string_view text, Value value, Value least, Value most, const std::string& range) {
  if (value < least || value > most)
    throw ConfigError(fmt::format("\"{}\" is out of range: {}", text.substr(0, 40), range));
}

void check_backoff(const AutomationOptions& options) {
  if (options.backoff_first && options.backoff_most && *options.backoff_most < *options.backoff_first)
    throw ConfigError("is less than backoff_first");
}

/// What [automations] and [[automation]] have in common, run apart.
AutomationOptions read_options(const Block& block) {
  AutomationOptions options;
  if (block.has("python")) options.python = block.path("python");
  if (block.has("memory")) options.memory = block.size("memory", least_memory, least_memory, most_memory);
  if (block.has("cpu")) {
    try {
      options.cpu = parse_cpu(block.text("cpu", "100%"));
    } catch (const ConfigError& error) {
      block.complain("cpu", error.what());
    }
  }
  if (block.has("files")) {
    options.files = static_cast<std::uint64_t>(block.integer("files", least_files, least_files, most_files));
  }
  if (block.has("restart")) options.restart = restart_of(block.word("restart", "on-failure", restart_words));
  if (block.has("publish")) options.publish = read_rights(block, "publish");
  if (block.has("subscribe")) options.subscribe = read_rights(block, "subscribe");
  for (const auto& [key, least, most, place] : times) {
    if (block.has(key))
      options.*place = std::chrono::duration_cast<milliseconds>(block.duration(key, least, least, most));
  }
  try {
    check_backoff(options);
  } catch (const ConfigError& error) {
    block.complain("backoff_most", error.what());
  }
  return options;
}

}  // namespace

void AutomationOptions::lay_over(const AutomationOptions& they) {
  const auto take = [](auto& ours, const auto& theirs) {
    if (theirs) ours = theirs;
  };
  take(run, they.run);
  take(python, they.python);
  take(memory, they.memory);
  take(cpu, they.cpu);
  take(files, they.files);
  take(restart, they.restart);
  take(backoff_first, they.backoff_first);
  take(backoff_most, they.backoff_most);
  take(stop_timeout, they.stop_timeout);
  take(publish, they.publish);
  take(subscribe, they.subscribe);
}

void AutomationOptions::set(std::string_view key, std::string_view text, const fs::path& folder) {
  if (text.empty()) throw ConfigError("has no value");
  const auto one_of = [&](const std::vector<std::string_view>& words) {
    std::string all;
    for (const auto word : words) {
      if (word == text) return;
      all += fmt::format("{}\"{}\"", all.empty() ? "" : ", ", word);
    }
    throw ConfigError(fmt::format("\"{}\" is none of {}", text.substr(0, 40), all));
  };
  if (key == "run") {
    one_of({"true", "false"});
    run = text == "true";
  } else if (key == "python") {
    python = (folder / fs::path(text)).lexically_normal();
  } else if (key == "memory") {
    memory = parse_size(text);
    check_range(text, *memory, least_memory, most_memory, fmt::format("at least \"{}\"", show_size(least_memory)));
  } else if (key == "cpu") {
    cpu = parse_cpu(text);
  } else if (key == "files") {
    std::uint64_t count = 0;
    const auto* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, count).ptr != end) {
      throw ConfigError(fmt::format("\"{}\" is no whole number", text.substr(0, 40)));
    }
    check_range(text, count, least_files, most_files, fmt::format("{} to {}", least_files, most_files));
    files = count;
  } else if (key == "restart") {
    one_of(restart_words);
    restart = restart_of(text);
  } else if (key == "publish") {
    publish = parse_rights(text);
  } else if (key == "subscribe") {
    subscribe = parse_rights(text);
  } else {
    for (const auto& [name, least, most, place] : times) {
      if (name != key) continue;
      const auto exact = parse_duration(text);
      check_range<std::chrono::nanoseconds>(text, exact, least, most,
                                            fmt::format("\"{}\" to \"{}\"", show_duration(least), show_duration(most)));
      this->*place = std::chrono::duration_cast<milliseconds>(exact);
      return check_backoff(*this);
    }
    const std::vector<std::string> keys{"run",          "python",  "memory",        "cpu",
                                        "files",        "restart", "backoff_first", "backoff_most",
                                        "stop_timeout", "publish", "subscribe"};
    std::string all;
    for (const auto& one : keys) all += (all.empty() ? "" : ", ") + one;
    const auto meant = closest(key, keys);
    throw ConfigError(meant.empty() ? fmt::format("there is no such option; the options are {}", all)
                                    : fmt::format("there is no such option; did you mean {}?", meant));
  }
}

Automations read_automations(const Block& table, const std::vector<Block>& scripts, const fs::path& folder) {
  Automations automations;
  automations.folder = table.path("folder", folder);
  automations.configured = !scripts.empty();
  if (table.has("run")) automations.run = table.boolean("run", true);
  automations.usual.restart = Restart::on_failure;
  automations.usual.backoff_first = 1s;
  automations.usual.backoff_most = 1min;
  automations.usual.stop_timeout = 10s;
  automations.usual.lay_over(read_options(table));
  table.finish();
  std::map<std::string, std::string> places;
  for (const auto& block : scripts) {
    Automation script{block.required_text("name"), read_options(block), block.where()};
    if (block.has("run")) script.options.run = block.boolean("run", true);
    if (script.name.ends_with(".py")) {
      block.complain("name", fmt::format("is that of the file without its end: \"{}\"",
                                         script.name.substr(0, script.name.size() - 3)));
    } else if (script.name.find('/') != script.name.npos) {
      block.complain("name", "is the name of a file in the folder of automations, without '/' and \".py\"");
    }
    if (script.options.has_rights()) {
      if (const auto why = account_name_problem(script.name); !why.empty() && !script.name.empty())
        block.complain("name", "has rights at the local broker, as a user: " + why);
    }
    const auto [other, fresh] = places.emplace(script.name, script.where);
    if (!fresh && !script.name.empty()) {
      block.complain("name", fmt::format("there is an [[automation]] \"{}\" at {} already; make one block of the two",
                                         script.name, other->second));
    }
    block.finish();
    automations.scripts.push_back(std::move(script));
  }
  return automations;
}

}  // namespace tidegate::config
