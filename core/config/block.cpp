// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tidegate/block.hpp>
#include <tidegate/topic.hpp>

#include "config/document.hpp"
#include "config/quantity.hpp"
#include "config/secret.hpp"
#include "config/suggest.hpp"

namespace tidegate {
namespace {

const toml::table empty_table;

const char* const a_string = "a string in quotes";

/// The text of a string, or nothing (with a complaint) when it holds a NUL, which no string of ours may.
std::optional<std::string> text_of(Block::Impl& block, std::string_view key, const toml::node& node) {
  const auto* string = node.as_string();
  if (string == nullptr) {
    block.complain(node, key, fmt::format("expected {}, found {}", a_string, config::describe(node)));
    return {};
  }
  if ((*string)->find('\0') != std::string::npos) {
    block.complain(node, key, "has a NUL character (\\u0000); take it out");
    return {};
  }
  return **string;
}

/// Duration and size share all but their numbers.
template <class Value, class Parse, class Show>
Value quantity(Block::Impl& block, std::string_view key, Value fallback, Value least, Value most, Parse parse,
               Show show, const char* expected) {
  const auto* node = block.ask(key);
  if (node == nullptr) return fallback;
  const std::string usual(config::unit_of(show(fallback)));
  if (node->is_number()) {
    const auto number =
        node->is_integer() ? fmt::format("{}", **node->as_integer()) : fmt::format("{}", **node->as_floating_point());
    block.complain(key, number.starts_with('-')
                            ? fmt::format("{} is negative, and has no unit; expected {}", number, expected)
                            : fmt::format("{0} has no unit; did you mean \"{0}{1}\"?", number, usual));
    return fallback;
  }
  if (!node->is_string()) {
    block.expected(key, expected, *node);
    return fallback;
  }
  try {
    const auto value = parse(std::string_view(**node->as_string()), std::string_view(usual));
    if (value >= least && value <= most) return value;
    block.complain(key, value < least
                            ? fmt::format("\"{}\" is too little; the least is {}", **node->as_string(), show(least))
                            : fmt::format("\"{}\" is too much; the most is {}", **node->as_string(), show(most)));
  } catch (const ConfigError& error) {
    block.complain(key, error.what());
  }
  return fallback;
}

bool same_node(const toml::node* one, const toml::node* other) {
  if (one == nullptr || other == nullptr) return one == other;
  if (one->type() != other->type()) return false;
  switch (one->type()) {
    case toml::node_type::table:
      return *one->as_table() == *other->as_table();
    case toml::node_type::array:
      return *one->as_array() == *other->as_array();
    case toml::node_type::string:
      return **one->as_string() == **other->as_string();
    case toml::node_type::integer:
      return **one->as_integer() == **other->as_integer();
    case toml::node_type::floating_point:
      return **one->as_floating_point() == **other->as_floating_point();
    case toml::node_type::boolean:
      return **one->as_boolean() == **other->as_boolean();
    case toml::node_type::date:
      return **one->as_date() == **other->as_date();
    case toml::node_type::time:
      return **one->as_time() == **other->as_time();
    case toml::node_type::date_time:
      return **one->as_date_time() == **other->as_date_time();
    case toml::node_type::none:
      break;
  }
  return false;
}

}  // namespace

const toml::node* Block::Impl::ask(std::string_view key) {
  asked.emplace(key);
  return table->get(key);
}

const toml::source_region& Block::Impl::place_of(std::string_view key) const {
  const auto found = key.empty() ? table->end() : table->find(key);
  return found == table->end() ? place : found->first.source();
}

std::shared_ptr<Block::Impl> Block::Impl::child(std::string_view key, const toml::table* its,
                                                const toml::source_region& there, bool of_many) const {
  auto full = path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  auto shown = of_many ? fmt::format("[[{}]]", full) : fmt::format("[{}]", full);
  return std::make_shared<Impl>(Impl{document, its, std::move(full), std::move(shown), there, {}, {}, {}});
}

void Block::Impl::complain(std::string_view key, std::string what) {
  const auto about = config::label(name, key);
  if (!about.empty()) what.insert(0, about + ": ");
  document->complain(place_of(key), std::move(what));
}

void Block::Impl::complain(const toml::node& element, std::string_view key, const std::string& what) {
  document->complain(element.source(), config::label(name, key) + ": " + what);
}

void Block::Impl::expected(std::string_view key, const char* what, const toml::node& found) {
  complain(key, fmt::format("expected {}, found {}", what, config::describe(found)));
}

void Block::Impl::finish_own() {
  for (auto&& [key, value] : *table) {
    if (asked.contains(key.str())) continue;
    const std::vector<std::string> known(asked.begin(), asked.end());
    const auto guess = config::closest(key.str(), known);
    const bool section = path.empty() && (value.is_table() || value.is_array_of_tables());
    auto what = fmt::format("unknown {}", section ? "table" : "key");
    if (!guess.empty()) {
      what += fmt::format("; did you mean \"{}\"?", guess);
    } else if (!known.empty()) {
      what += fmt::format("; known here: {}", fmt::join(known, ", "));
    }
    document->complain(
        section ? value.source() : key.source(),
        fmt::format("{}: {}",
                    config::label(name, section ? fmt::format("[{}]", key.str()) : fmt::format("\"{}\"", key.str())),
                    what));
  }
}

bool Block::has(std::string_view key) const {
  return impl_->ask(key) != nullptr;
}

Kind Block::kind(std::string_view key) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return Kind::absent;
  if (node->is_boolean()) return Kind::boolean;
  if (node->is_number()) return Kind::number;
  if (node->is_string()) return Kind::text;
  if (node->is_array_of_tables()) return Kind::tables;
  if (node->is_array()) return Kind::list;
  return node->is_table() ? Kind::table : Kind::other;
}

std::vector<std::string> Block::keys() const {
  std::vector<std::string> keys;
  for (auto&& [key, value] : *impl_->table) keys.emplace_back(key.str());
  return keys;
}

bool Block::same(const Block& other, std::string_view key) const {
  if (key.empty()) return *impl_->table == *other.impl_->table;
  return same_node(impl_->table->get(key), other.impl_->table->get(key));
}

bool Block::boolean(std::string_view key, bool fallback) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return fallback;
  if (const auto* value = node->as_boolean()) return **value;
  impl_->expected(key, "true or false", *node);
  return fallback;
}

bool Block::is(std::string_view key, std::string_view text) const {
  const auto* node = impl_->ask(key);
  return node != nullptr && node->is_string() && **node->as_string() == text;
}

std::int64_t Block::integer(std::string_view key, std::int64_t fallback, std::int64_t least, std::int64_t most) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return fallback;
  const auto* value = node->as_integer();
  if (value == nullptr) {
    impl_->expected(key, "an integer", *node);
  } else if (**value < least || **value > most) {
    impl_->complain(key, fmt::format("{} is out of range; it goes from {} to {}", **value, least, most));
  } else {
    return **value;
  }
  return fallback;
}

double Block::number(std::string_view key, double fallback, double least, double most) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return fallback;
  if (!node->is_number()) {
    impl_->expected(key, "a number", *node);
    return fallback;
  }
  const auto value = node->is_integer() ? static_cast<double>(**node->as_integer()) : **node->as_floating_point();
  if (value >= least && value <= most) return value;  // NaN is neither
  impl_->complain(key, fmt::format("{} is out of range; it goes from {} to {}", value, least, most));
  return fallback;
}

std::string Block::text(std::string_view key, std::string_view fallback) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return std::string(fallback);
  return text_of(*impl_, key, *node).value_or(std::string(fallback));
}

std::string Block::required_text(std::string_view key) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) {
    impl_->complain({}, fmt::format("has no {0}; add {0} = \"…\"", key));
    return {};
  }
  auto text = text_of(*impl_, key, *node);
  if (text && text->empty()) impl_->complain(key, "is empty; put something between the quotes");
  return std::move(text).value_or(std::string{});
}

std::string Block::word(std::string_view key, std::string_view fallback,
                        const std::vector<std::string_view>& words) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return std::string(fallback);
  const auto all = fmt::format("\"{}\"", fmt::join(words, "\", \""));
  if (!node->is_string()) {
    impl_->expected(key, fmt::format("one of {}", all).c_str(), *node);
    return std::string(fallback);
  }
  const std::string& given = **node->as_string();
  if (std::find(words.begin(), words.end(), given) != words.end()) return given;
  const auto guess = config::closest(given, {words.begin(), words.end()});
  impl_->complain(key, fmt::format("{} is not one of {}{}", config::describe(*node), all,
                                   guess.empty() ? "" : fmt::format("; did you mean \"{}\"?", guess)));
  return std::string(fallback);
}

std::chrono::nanoseconds Block::duration(std::string_view key, std::chrono::nanoseconds fallback,
                                         std::chrono::nanoseconds least, std::chrono::nanoseconds most) const {
  return quantity(*impl_, key, fallback, least, most, config::parse_duration, config::show_duration,
                  "a duration in quotes, like \"10s\"");
}

std::uint64_t Block::size(std::string_view key, std::uint64_t fallback, std::uint64_t least, std::uint64_t most) const {
  return quantity(*impl_, key, fallback, least, most, config::parse_size, config::show_size,
                  "a size in quotes, like \"64MiB\"");
}

std::filesystem::path Block::path(std::string_view key, const std::filesystem::path& fallback) const {
  if (impl_->ask(key) == nullptr) return fallback;
  const std::filesystem::path given = required_text(key);
  if (given.empty()) return fallback;
  return std::filesystem::absolute(impl_->document->folder(impl_->place_of(key)) / given).lexically_normal();
}

std::optional<std::string> Block::secret(std::string_view key) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return {};
  const auto& place = impl_->place_of(key);
  const auto* const expected =
      "expected a string in quotes, { credential = \"name\" }, { file = \"path\" } or { env = \"NAME\" }";
  try {
    if (const auto* string = node->as_string()) {
      if (!impl_->document->is_private(place)) {
        throw ConfigError(
            fmt::format("is a secret, but others than its owner can read this file; run: chmod 600 {}, or "
                        "use {{ file = \"path\" }} or {{ credential = \"name\" }}",
                        *place.path));
      }
      if ((*string)->empty()) throw ConfigError("is empty; leave it out if there is none");
      return **string;
    }
    const auto* from = node->as_table();
    if (from == nullptr || from->size() != 1 || !from->begin()->second.is_string()) throw ConfigError(expected);
    const auto kind = from->begin()->first.str();
    const std::string& what = **from->begin()->second.as_string();
    if (kind == "credential") return config::read_credential(what);
    if (kind == "file" && what.empty()) throw ConfigError("the name of the secret's file is empty");
    if (kind == "file")
      return config::read_secret_file(std::filesystem::absolute(impl_->document->folder(place) / what));
    if (kind == "env") return config::read_environment(what);
    const auto guess = config::closest(kind, {"credential", "file", "env"});
    throw ConfigError(guess.empty() ? std::string(expected)
                                    : fmt::format("unknown key \"{}\"; did you mean \"{}\"?", kind, guess));
  } catch (const ConfigError& error) {
    if (!impl_->document->lenient()) impl_->complain(key, error.what());
    return {};
  }
}

std::vector<std::string> Block::texts(std::string_view key, std::vector<std::string> fallback) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return fallback;
  const auto* array = node->as_array();
  if (array == nullptr) {
    impl_->expected(key, "a list of strings, like [\"one\", \"two\"]", *node);
    return fallback;
  }
  std::vector<std::string> result;
  for (auto&& element : *array) {
    if (auto text = text_of(*impl_, key, element)) result.push_back(std::move(*text));
  }
  return result;
}

std::vector<std::pair<double, double>> Block::pairs(std::string_view key, std::size_t least) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  if (array == nullptr) {
    impl_->expected(key, "a list of pairs of numbers, like [[0, 0.2], [100, 99.1]]", *node);
    return {};
  }
  const auto finite = [](const toml::node* number) {
    return number != nullptr && number->is_number() && std::isfinite(number->value<double>().value_or(NAN));
  };
  std::vector<std::pair<double, double>> result;
  for (auto&& element : *array) {
    const auto* pair = element.as_array();
    if (pair == nullptr || pair->size() != 2 || !finite(pair->get(0)) || !finite(pair->get(1))) {
      impl_->complain(element, key,
                      fmt::format("expected a pair of numbers, like [0, 0.2], found {}",
                                  pair == nullptr ? config::describe(element) : "another list"));
      return {};
    }
    result.emplace_back(pair->get(0)->value<double>().value_or(0), pair->get(1)->value<double>().value_or(0));
  }
  if (result.size() >= least) return result;
  impl_->complain(key, fmt::format("has {} pairs of numbers; it needs at least {}, like [[0, 0.2], [100, 99.1]]",
                                   result.size(), least));
  return {};
}

std::string Block::topic(std::string_view key, std::string_view fallback) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return std::string(fallback);
  if (!node->is_string()) {
    impl_->expected(key, "a topic in quotes", *node);
    return std::string(fallback);
  }
  try {
    check_topic(**node->as_string());
    return **node->as_string();
  } catch (const TopicError& error) {
    impl_->complain(key, error.what());
    return std::string(fallback);
  }
}

std::vector<std::string> Block::filters(std::string_view key) const {
  const auto* node = impl_->ask(key);
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  if (array == nullptr) {
    impl_->expected(key, "a list of topic filters, like [\"a/#\", \"b/+\"]", *node);
    return {};
  }
  std::vector<std::string> result;
  for (auto&& element : *array) {
    const auto* string = element.as_string();
    if (string == nullptr) {
      impl_->complain(element, key, fmt::format("expected {}, found {}", a_string, config::describe(element)));
      continue;
    }
    try {
      check_filter(**string);
      result.push_back(**string);
    } catch (const TopicError& error) {
      impl_->complain(element, key, error.what());
    }
  }
  return result;
}

Block Block::table(std::string_view key) const {
  if (const auto known = impl_->single.find(key); known != impl_->single.end()) return Block(known->second);
  const auto* node = impl_->ask(key);
  const auto* table = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && table == nullptr) {
    impl_->complain(key, fmt::format("expected one table, [{}], found {}",
                                     impl_->path.empty() ? std::string(key) : fmt::format("{}.{}", impl_->path, key),
                                     config::describe(*node)));
  }
  auto child = impl_->child(key, table == nullptr ? &empty_table : table,
                            table == nullptr ? impl_->place : table->source(), false);
  impl_->single.emplace(key, child);
  return Block(std::move(child));
}

std::vector<Block> Block::tables(std::string_view key) const {
  const auto known = impl_->several.find(key);
  std::vector<std::shared_ptr<Impl>> children;
  if (known != impl_->several.end()) {
    children = known->second;
  } else if (const auto* node = impl_->ask(key)) {
    const auto* array = node->as_array();
    if (array == nullptr || !(array->empty() || node->is_array_of_tables())) {
      impl_->complain(key, fmt::format("expected entries of a list, [[{}]], found {}",
                                       impl_->path.empty() ? std::string(key) : fmt::format("{}.{}", impl_->path, key),
                                       config::describe(*node)));
    } else {
      for (auto&& element : *array) children.push_back(impl_->child(key, element.as_table(), element.source(), true));
    }
    impl_->several.emplace(key, children);
  }
  return {children.begin(), children.end()};
}

void Block::complain(std::string_view key, std::string what) const {
  impl_->complain(key, std::move(what));
}

void Block::finish() const {
  impl_->finish_own();
  for (const auto& [key, child] : impl_->single) Block(child).finish();
  for (const auto& [key, children] : impl_->several) {
    for (const auto& child : children) Block(child).finish();
  }
}

std::string Block::where(std::string_view key) const {
  return impl_->document->where(impl_->place_of(key));
}

std::vector<Complaint> Block::complaints() const {
  return impl_->document->complaints();
}

}  // namespace tidegate
