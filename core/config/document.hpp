// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <toml++/toml.h>

#include <tidegate/block.hpp>

namespace tidegate::config {

/// The files of one configuration, merged into one tree whose nodes still know their places, and every complaint about
/// it. Thread: the one that loads the configuration.
class Document final {
 public:
  /// lenient: secrets and certificates that cannot be read are no complaint.
  explicit Document(bool lenient = false) noexcept : lenient_(lenient) {}

  /// A configuration may have so many bytes per file.
  static constexpr std::size_t most_bytes = std::size_t{1} << 20;

  /// Reads a file and merges it over what is there. What is no TOML is a complaint.
  /// Throws SystemError when the file cannot be read.
  void read(const std::filesystem::path& file);
  /// Merges text; name stands in for its file.
  void add(std::string_view text, const std::string& name);

  [[nodiscard]] bool lenient() const noexcept { return lenient_; }
  [[nodiscard]] const toml::table& root() const noexcept { return root_; }
  [[nodiscard]] const std::vector<std::filesystem::path>& files() const noexcept { return files_; }
  /// Whether anybody but its owner can read or change the file that this place is in; text from add() cannot be.
  [[nodiscard]] bool is_private(const toml::source_region& place) const;
  /// The folder of the file that this place is in; empty for text.
  [[nodiscard]] std::filesystem::path folder(const toml::source_region& place) const;

  /// Files a complaint; the same one at the same place is kept once.
  void complain(const toml::source_region& place, std::string what);
  [[nodiscard]] bool has_complaints() const noexcept { return !complaints_.empty(); }
  /// Sorted by place: files in the order read, then line and column.
  [[nodiscard]] std::vector<Complaint> complaints() const;
  /// Throws ConfigError with all of them, one a line, when there are any.
  void check() const;

  /// "file:line:column"; a place that nobody wrote (an absent table) is the name of the first file.
  [[nodiscard]] std::string where(const toml::source_region& place) const;

 private:
  struct Filed {
    std::size_t file;
    toml::source_position position;
    std::string where, what;
    auto key() const { return std::tie(file, position.line, position.column, what); }
    bool operator<(const Filed& other) const { return key() < other.key(); }
  };

  [[nodiscard]] std::size_t index(const toml::source_region& place) const;
  void merge(toml::table& into, toml::table& from, const std::string& path);
  void append(toml::array& into, toml::array& from);

  const bool lenient_;
  toml::table root_;
  std::vector<std::string> names_;            ///< in the order read
  std::vector<std::filesystem::path> files_;  ///< of those, the real files
  std::set<std::string> open_;                ///< names of files that others can read
  std::set<Filed> complaints_;
};

/// How a message names a key of a table: "[broker] port", "[[upstream]] servers"; the table alone when key is empty.
[[nodiscard]] std::string label(const std::string& table, std::string_view key);

/// What a value is, for "found …": 'the string "abc"', "a table".
[[nodiscard]] std::string describe(const toml::node& node);

}  // namespace tidegate::config

namespace tidegate {

struct Block::Impl {
  std::shared_ptr<config::Document> document;
  const toml::table* table;  ///< never null; lives in the document, or is the shared empty one
  std::string path;          ///< "upstream.tls"
  std::string name;          ///< as people write it, "[upstream.tls]" or "[[upstream]]"; empty at the top
  toml::source_region place;
  std::set<std::string, std::less<>> asked;
  std::map<std::string, std::shared_ptr<Impl>, std::less<>> single;                ///< tables that were read
  std::map<std::string, std::vector<std::shared_ptr<Impl>>, std::less<>> several;  ///< arrays of tables, likewise

  /// The value of a key, or nullptr; from now on the key is known.
  [[nodiscard]] const toml::node* ask(std::string_view key);
  [[nodiscard]] const toml::source_region& place_of(std::string_view key) const;
  [[nodiscard]] std::shared_ptr<Impl> child(std::string_view key, const toml::table* table,
                                            const toml::source_region& place, bool of_many) const;
  void complain(std::string_view key, std::string what);
  void complain(const toml::node& element, std::string_view key, const std::string& what);
  void expected(std::string_view key, const char* what, const toml::node& found);
  /// Complains about the keys of this table alone that no getter asked for.
  void finish_own();
};

}  // namespace tidegate
