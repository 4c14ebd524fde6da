// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidegate/error.hpp>

namespace tidegate {

/// One complaint about the configuration, with the place it is about.
struct Complaint {
  std::string where;  ///< "file:line:column", or what stands in for it ("--config")
  std::string what;   ///< what is wrong and how to mend it
};

/// What type of value a key has.
enum class Kind : std::uint8_t {
  absent,
  boolean,
  number,
  text,
  list,
  table,
  tables,
  other
};  ///< tables: a list of them

/// One TOML table, read with typed getters. A getter that meets a wrong type, a missing unit or a value out of range
/// files a complaint and returns the default, so that one pass finds every mistake. Keys that nobody asked for are
/// complaints too ("did you mean …"), filed by finish(). Thread: the one that loads the configuration. Cheap to copy;
/// copies share what has been asked for.
class Block final {
 public:
  struct Impl;
  explicit Block(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

  [[nodiscard]] bool has(std::string_view key) const;
  /// Of a value; never a complaint. For a key that takes more than one type.
  [[nodiscard]] Kind kind(std::string_view key) const;
  /// Every key that was written, known or not, sorted.
  [[nodiscard]] std::vector<std::string> keys() const;
  /// Whether the same is written here and there, under this key or, without one, in the whole table; places do not
  /// count.
  [[nodiscard]] bool same(const Block& other, std::string_view key = {}) const;
  /// Whether the value is this very text; never a complaint. For a word that may stand in place of a quantity.
  [[nodiscard]] bool is(std::string_view key, std::string_view text) const;
  [[nodiscard]] bool boolean(std::string_view key, bool fallback) const;
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                                     std::int64_t most) const;
  [[nodiscard]] double number(std::string_view key, double fallback, double least, double most) const;
  [[nodiscard]] std::string text(std::string_view key, std::string_view fallback) const;
  /// As text, but a complaint when the key is missing or empty.
  [[nodiscard]] std::string required_text(std::string_view key) const;
  /// One of the words given; anything else is a complaint that lists them.
  [[nodiscard]] std::string word(std::string_view key, std::string_view fallback,
                                 const std::vector<std::string_view>& words) const;
  /// A string with a unit: "50ms", "10s", "5m", "2h", "31d". Never negative.
  [[nodiscard]] std::chrono::nanoseconds duration(
      std::string_view key, std::chrono::nanoseconds fallback, std::chrono::nanoseconds least = {},
      std::chrono::nanoseconds most = std::chrono::nanoseconds::max()) const;
  /// A string with a unit, in bytes: "64KiB", "512MiB", "1GiB", "10kB", "100B".
  [[nodiscard]] std::uint64_t size(std::string_view key, std::uint64_t fallback, std::uint64_t least = 0,
                                   std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) const;
  /// A path; a relative one is taken from the folder of the file that the key stands in. Absent: fallback, unchanged.
  [[nodiscard]] std::filesystem::path path(std::string_view key, const std::filesystem::path& fallback = {}) const;
  /// A secret: a string, allowed only in a file that its owner alone can read, or { credential = "name" },
  /// { file = "path" }, { env = "NAME" }. Nothing when absent, or when it cannot be had (a complaint, without its
  /// text).
  [[nodiscard]] std::optional<std::string> secret(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view key, std::vector<std::string> fallback = {}) const;
  /// A list of at least so many pairs of finite numbers, [[0, 0.2], [100, 99.1]]. None when absent or complained about.
  [[nodiscard]] std::vector<std::pair<double, double>> pairs(std::string_view key, std::size_t least = 0) const;
  /// A topic, or a list of topic filters, both checked. An absent key gives the fallback (unchecked), or no filters.
  [[nodiscard]] std::string topic(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] std::vector<std::string> filters(std::string_view key) const;
  /// A table under this key; an absent one reads as empty (and has() is false).
  [[nodiscard]] Block table(std::string_view key) const;
  /// The tables of an array of tables, none when absent.
  [[nodiscard]] std::vector<Block> tables(std::string_view key) const;

  /// Files a complaint about a key (or about the whole table, when key is empty or absent).
  void complain(std::string_view key, std::string what) const;
  /// Files a complaint for every key of this table, and of those read from it, that no getter asked for.
  void finish() const;
  /// "file:line:column" of a key, or of the table.
  [[nodiscard]] std::string where(std::string_view key = {}) const;
  /// Every complaint filed so far on the configuration that this table belongs to, sorted by place.
  [[nodiscard]] std::vector<Complaint> complaints() const;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace tidegate
