// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/redaction.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <tidegate/error.hpp>

namespace tidegate::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t shortest_secret = 4;
constexpr std::size_t most_bytes = 1U << 20;  ///< of a file that is looked into

std::optional<std::string> read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::error_code error;
  if (!stream || !fs::is_regular_file(file, error)) return std::nullopt;
  std::string text(most_bytes, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

/// Words that a key of a secret has, in whatever spelling and company: what is not understood may be one, too.
bool names_secret(std::string_view key) {
  std::string small(key);
  std::ranges::transform(small, small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array words = {"pass",     "pwd",      "secret",  "token",     "psk",
                                "username", "key_file", "keyfile", "credential"};
  return std::ranges::any_of(words, [&](const char* word) { return small.find(word) != small.npos; });
}

class Redactor {
 public:
  explicit Redactor(const fs::path& file) : folder_(fs::absolute(file).parent_path()) {}

  void walk(toml::table& table) {
    for (auto&& [key, value] : table) {
      if (value.is_table() && names_secret(key.str()) && value.as_table()->is_inline()) {
        follow(*value.as_table());
      } else if (names_secret(key.str())) {
        hide(key.str(), value);
      } else {
        if (key.str() == "users") hashes(value);
        look(value);
      }
    }
  }
  Redaction found;

 private:
  void look(toml::node& node) {
    if (auto* table = node.as_table()) {
      walk(*table);
    } else if (auto* array = node.as_array()) {
      for (auto& one : *array) look(one);
    } else if (auto* string = node.as_string()) {
      string->get() = scrub(string->get(), {});
    }
  }

  /// { file = "…" }, { env = "…" }, { credential = "…" }: where it comes from is no secret, what is there is one.
  void follow(toml::table& from) {
    for (auto&& [key, value] : from) {
      const auto* string = value.as_string();
      if (string != nullptr && key.str() == "file") {
        remember_file(string->get());
      } else if (string != nullptr && key.str() == "env") {
        if (const char* variable = std::getenv(string->get().c_str())) remember(variable);
      } else if (string == nullptr || key.str() != "credential") {
        hide(key.str(), value);
      }
    }
  }

  void hide(std::string_view key, toml::node& node) {
    if (auto* table = node.as_table()) {
      for (auto&& [inner, value] : *table) hide(inner.str(), value);
    } else if (auto* array = node.as_array()) {
      for (auto& one : *array) hide(key, one);
    } else if (auto* string = node.as_string()) {
      const std::string text = string->get();
      const bool path = key.ends_with("file");
      if (path) found.key_files.push_back(absolute(text));
      if (path) remember(absolute(text).string());
      if (!path && key != "username") found.open = true;
      remember(text);
      string->get() = left_out;
    }
    // A number or a date is no password that we take; one that was meant as such is refused with its place alone.
  }

  void hashes(const toml::node& node) {
    const auto* string = node.as_string();
    const auto text = string == nullptr ? std::nullopt : read(absolute(string->get()));
    if (!text) return;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
      if (const auto colon = line.find(':'); colon != line.npos) remember(line.substr(colon + 1));
    }
  }

  void remember_file(const std::string& name) {
    const auto file = absolute(name);
    found.secret_files.push_back(file);
    auto text = read(file);
    if (!text) return;
    while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
    remember(std::move(*text));
  }

  void remember(std::string secret) { found.secrets.push_back(std::move(secret)); }
  [[nodiscard]] fs::path absolute(const std::string& name) const { return (folder_ / name).lexically_normal(); }

  const fs::path folder_;
};

}  // namespace

Redaction redact(const fs::path& file) {
  errno = 0;
  const auto text = read(file);
  if (!text) throw SystemError(errno != 0 ? errno : EINVAL, "cannot read " + file.string());
  try {
    auto table = toml::parse(*text, file.string());
    Redactor redactor(file);
    redactor.walk(table);
    std::ostringstream out;
    out << toml::toml_formatter(table) << '\n';
    redactor.found.file = file;
    redactor.found.text = out.str();
    return std::move(redactor.found);
  } catch (const toml::parse_error& error) {
    throw ConfigError(fmt::format("{}:{}:{}: not valid TOML, so nobody knows what in it is a secret", file.string(),
                                  error.source().begin.line, error.source().begin.column));
  }
}

std::string scrub(std::string text, const std::vector<std::string>& secrets) {
  const auto replace = [&](std::string_view what) {
    for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += std::string_view(left_out).size())
      text.replace(at, what.size(), left_out);
  };
  // The longest first: one may be the front of another.
  auto sorted = secrets;
  std::ranges::sort(sorted, [](const auto& one, const auto& other) { return one.size() > other.size(); });
  for (const auto& secret : sorted) {
    if (secret.size() >= shortest_secret) replace(secret);
  }
  for (std::size_t at = 0; (at = text.find("://", at)) != text.npos;) {
    at += 3;
    const auto end = text.find_first_of(" \t\r\n\"'<>", at);
    const auto sign = text.substr(at, end == text.npos ? end : end - at).rfind('@');
    if (sign == text.npos) continue;
    text.replace(at, sign, left_out);
  }
  return text;
}

}  // namespace tidegate::config
