// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/document.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>

namespace tidegate::config {
namespace {

/// Keys with more dots than this in a row are refused before the parser sees them: it makes a table for each, and
/// takes them down again by recursion, which a hostile file could make deeper than the stack.
constexpr std::size_t most_dots = 100;

std::string read_all(const std::filesystem::path& file, mode_t& mode) {
  const auto fail = [&](int code) {
    const auto* mend = code == ENOENT ? "name a file that exists, or none at all to run with the defaults"
                       : code == EACCES || code == EPERM ? "let this user read it, with chmod or chown"
                                                         : "put a plain TOML file there";
    throw SystemError(code, fmt::format("cannot read the configuration {} ({})", file.string(), mend));
  };
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) fail(errno);
  std::string text;
  char buffer[16 << 10];
  struct stat status{};
  int code = ::fstat(fd.get(), &status) != 0 ? errno : 0;
  while (code == 0 && text.size() <= Document::most_bytes) {
    const auto count = ::read(fd.get(), buffer, sizeof buffer);
    if (count == 0) break;
    if (count > 0) {
      text.append(buffer, static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      code = errno;
    }
  }
  if (code != 0) fail(code);
  mode = status.st_mode;
  return text;
}

/// The line on which keys nest too deeply, or 0.
std::uint32_t deep_line(std::string_view text) {
  std::uint32_t line = 1;
  std::size_t dots = 0;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (c == '\n' || c == ',' || c == '=' || c == '{' || c == '[') dots = 0;
    if (c == '.' && ++dots > most_dots) return line;
  }
  return 0;
}

std::string mend(std::string_view description) {
  const auto has = [&](std::string_view words) { return description.find(words) != description.npos; };
  if (has("utf-8")) return "save the file as UTF-8";
  if (has("redefine"))
    return "a key or [table] may be written once; entries of a list are written [[twice in brackets]]";
  if (has("string") || has("control character")) return "close the quote; write \\ as \\\\ or use 'single quotes'";
  if (has("header")) return "a table is written [name], an entry of a list [[name]]";
  return "texts, durations and sizes stand in quotes, as in key = \"5s\"; lists in [ ], with commas";
}

bool is_section(const toml::node& node) {
  if (const auto* table = node.as_table()) return !table->is_inline();
  return node.is_array_of_tables();
}

std::string shown(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 40)) result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (text.size() > 40) result += "…";
  return result;
}

}  // namespace

void Document::read(const std::filesystem::path& file) {
  mode_t mode = 0;
  const auto text = read_all(file, mode);
  files_.push_back(file);
  if ((mode & 077) != 0) open_.insert(file.string());
  if (text.size() > most_bytes) {
    names_.push_back(file.string());
    const toml::source_region place{{1, 1}, {1, 1}, std::make_shared<const std::string>(file.string())};
    complain(place, fmt::format("the file is larger than {} bytes; split it over conf.d/*.toml", most_bytes));
    return;
  }
  add(text, file.string());
}

void Document::add(std::string_view text, const std::string& name) {
  names_.push_back(name);
  if (const auto line = deep_line(text)) {
    const toml::source_region place{{line, 1}, {line, 1}, std::make_shared<const std::string>(name)};
    complain(place, fmt::format("more than {} dots in a row; tables do not nest that deeply", most_dots));
    return;
  }
  try {
    auto table = toml::parse(text, name);
    merge(root_, table, {});
  } catch (const toml::parse_error& error) {
    auto place = error.source();
    if (!place.path) place.path = std::make_shared<const std::string>(name);
    complain(place, fmt::format("not valid TOML: {}; {}", error.description(), mend(error.description())));
  }
}

// Nodes are moved, never copied: a copied node forgets its place.
void Document::merge(toml::table& into, toml::table& from, const std::string& path) {
  if (into.empty() && !into.source().path) {
    into = std::move(from);
    return;
  }
  for (auto&& [key, value] : from) {
    auto* const there = into.get(key);
    const auto here = path.empty() ? std::string(key.str()) : path + '.' + std::string(key.str());
    if (there == nullptr) {
      into.insert_or_assign(key, std::move(value));
    } else if (there->is_table() && value.is_table() && (is_section(*there) || is_section(value))) {
      merge(*there->as_table(), *value.as_table(), here);
    } else if (there->is_array_of_tables() && value.is_array() &&
               (value.is_array_of_tables() || value.as_array()->empty())) {
      append(*there->as_array(), *value.as_array());
    } else if (is_section(*there) || (is_section(value) && !(there->is_array() && there->as_array()->empty()))) {
      complain(value.source(), fmt::format("{} is {} here, but {} at {}; write it the same way in both files", here,
                                           describe(value), describe(*there), where(there->source())));
    } else {
      into.erase(key.str());
      into.insert_or_assign(key, std::move(value));
    }
  }
}

void Document::append(toml::array& into, toml::array& from) {
  const auto before = into.size();
  const auto name = [](const toml::node& entry) { return (*entry.as_table())["name"].value<std::string_view>(); };
  std::set<std::string, std::less<>>
      replaced;  // a name that stands twice in one file is a mistake to be kept, and found
  for (auto&& entry : from) {
    std::size_t at = before;
    if (const auto wanted = name(entry); wanted && replaced.insert(std::string(*wanted)).second) {
      for (at = 0; at < before && name(into[at]) != wanted;) ++at;
    }
    if (at < before) {
      *into[at].as_table() = std::move(*entry.as_table());
    } else {
      into.push_back(std::move(*entry.as_table()));
    }
  }
}

bool Document::is_private(const toml::source_region& place) const {
  return !place.path || !open_.contains(*place.path);
}

std::filesystem::path Document::folder(const toml::source_region& place) const {
  if (!place.path) return {};
  const auto file = std::find(files_.begin(), files_.end(), std::filesystem::path(*place.path));
  return file == files_.end() ? std::filesystem::path{} : file->parent_path();
}

std::size_t Document::index(const toml::source_region& place) const {
  if (!place.path) return 0;
  return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), *place.path) - names_.begin());
}

void Document::complain(const toml::source_region& place, std::string what) {
  // One complaint, one line, whatever a value that it shows has in it.
  std::replace_if(
      what.begin(), what.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  complaints_.insert({index(place), place.begin, where(place), std::move(what)});
}

std::vector<Complaint> Document::complaints() const {
  std::vector<Complaint> result;
  for (const auto& filed : complaints_) result.push_back({filed.where, filed.what});
  return result;
}

void Document::check() const {
  if (complaints_.empty()) return;
  std::string all;
  for (const auto& filed : complaints_) {
    if (!all.empty()) all += '\n';
    all += filed.where + ": " + filed.what;
  }
  throw ConfigError(all);
}

std::string Document::where(const toml::source_region& place) const {
  if (!place.path) return names_.empty() ? "(no configuration)" : names_.front();
  return fmt::format("{}:{}:{}", *place.path, place.begin.line, place.begin.column);
}

std::string label(const std::string& table, std::string_view key) {
  if (table.empty()) return std::string(key);
  return key.empty() ? table : table + ' ' + std::string(key);
}

std::string describe(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return fmt::format("the string \"{}\"", shown(**node.as_string()));
    case toml::node_type::integer:
      return fmt::format("the integer {}", **node.as_integer());
    case toml::node_type::floating_point:
      return fmt::format("the number {}", **node.as_floating_point());
    case toml::node_type::boolean:
      return **node.as_boolean() ? "true" : "false";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return node.is_array_of_tables() ? "a list of tables" : "a list";
    default:
      return "a date or time";
  }
}

}  // namespace tidegate::config
