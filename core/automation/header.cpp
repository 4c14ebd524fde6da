// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/header.hpp"

#include <array>
#include <cerrno>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>

#include "config/listener.hpp"

namespace tidegate::automation {
namespace {

constexpr std::size_t most_bytes = 64U << 10;
constexpr std::string_view mark = "tidegate:";
constexpr std::string_view example = "# tidegate: memory=64MiB restart=always";

/// Where the options of a line begin; npos when it is no line of ours.
std::size_t options_of(std::string_view line) noexcept {
  if (!line.starts_with('#')) return line.npos;
  const auto word = line.find_first_not_of(" \t", 1);
  if (word == line.npos || !line.substr(word).starts_with(mark)) return line.npos;
  return word + mark.size();
}

/// Past the ']' of the list that begins there; npos when it has none.
std::size_t end_of_list(std::string_view line, std::size_t at) noexcept {
  bool quoted = false;
  for (; at < line.size(); ++at) {
    if (line[at] == '"') quoted = !quoted;
    if (line[at] == ']' && !quoted) return at + 1;
  }
  return line.npos;
}

}  // namespace

Header parse_header(std::string_view text, const std::filesystem::path& file) {
  Header header;
  std::set<std::string, std::less<>> seen;
  text = text.substr(0, most_bytes);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    auto at = options_of(line);
    if (at == line.npos) continue;
    const auto complain = [&](std::size_t column, std::string what) {
      header.complaints.push_back({fmt::format("{}:{}:{}", file.string(), number, column + 1), std::move(what)});
    };
    while ((at = line.find_first_not_of(" \t", at)) != line.npos) {
      const auto begin = at;
      const auto equals = line.find_first_of("= \t", at);
      if (equals == line.npos || line[equals] != '=' || equals == begin) {
        const auto word = line.substr(begin, line.find_first_of(" \t", begin) - begin);
        complain(begin,
                 fmt::format("\"{}\" is no option; they are written like this: {}", word.substr(0, 40), example));
        break;
      }
      const auto key = line.substr(begin, equals - begin);
      std::string_view value;
      if (equals + 1 < line.size() && line[equals + 1] == '"') {
        const auto close = line.find('"', equals + 2);
        if (close == line.npos) {
          complain(equals + 1, fmt::format("the quotes after {}= are not closed", key));
          break;
        }
        value = line.substr(equals + 2, close - equals - 2);
        at = close + 1;
      } else if (equals + 1 < line.size() && line[equals + 1] == '[') {
        at = end_of_list(line, equals + 1);
        if (at == line.npos) {
          complain(equals + 1, fmt::format("the list after {}= is not closed; it ends with ] on the same line", key));
          break;
        }
        value = line.substr(equals + 1, at - equals - 1);
      } else {
        at = std::min(line.find_first_of(" \t", equals), line.size());
        value = line.substr(equals + 1, at - equals - 1);
      }
      try {
        if (!seen.emplace(key).second) throw ConfigError("stands here a second time; leave one out");
        header.options.set(key, value, file.parent_path());
      } catch (const ConfigError& error) {
        complain(begin, fmt::format("{}: {}", key.substr(0, 40), error.what()));
      }
    }
  }
  const auto name = file.stem().string();
  if (const auto why = config::account_name_problem(name); !why.empty() && header.options.has_rights())
    header.complaints.push_back(
        {file.string(), fmt::format("has rights at the local broker, as a user; rename the file: {}", why)});
  return header;
}

Header read_header(const std::filesystem::path& script) {
  const Descriptor fd(open(script.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd)
    throw SystemError(errno,
                      fmt::format("cannot read {}; let this user read it, with chmod or chown", script.string()));
  std::string text(most_bytes, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = read(fd.get(), text.data() + size, text.size() - size)) > 0) {
    size += static_cast<std::size_t>(got);
  }
  if (got < 0) throw SystemError(errno, "cannot read " + script.string());
  return parse_header(std::string_view(text).substr(0, size), script);
}

}  // namespace tidegate::automation
