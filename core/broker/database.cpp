// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/database.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include <tidegate/error.hpp>

namespace tidegate::broker {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic("\0\xb5\0mosquitto db", 15);
constexpr std::size_t head_size = magic.size() + 8;  ///< an unused checksum and the version follow
constexpr std::uint32_t oldest_outline = 5;          ///< since Mosquitto 1.6; 2.1 still writes version 6
constexpr std::uint32_t newest_outline = 6;
constexpr std::uint32_t most_kinds = 255;
constexpr std::size_t most_kept = 3;

/// Both in network order.
std::uint32_t number(const char* bytes) noexcept {
  std::uint32_t value = 0;
  for (int index = 0; index < 4; ++index) value = value << 8 | static_cast<unsigned char>(bytes[index]);
  return value;
}

/// Those that were set aside before, by number.
std::map<std::uint64_t, fs::path> kept_of(const fs::path& file) {
  const std::string prefix = file.filename().string() + ".aside.";
  std::map<std::uint64_t, fs::path> kept;
  std::error_code error;
  for (fs::directory_iterator at(file.parent_path(), error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    std::uint64_t n = 0;
    const char* const last = name.data() + name.size();
    const auto [stop, wrong] = std::from_chars(name.data() + prefix.size(), last, n);
    if (wrong == std::errc{} && stop == last) kept.emplace(n, at->path());
  }
  return kept;
}

/// Whether the newest of these is the file itself, by another name.
bool is_kept(const fs::path& file, const std::map<std::uint64_t, fs::path>& kept) {
  std::error_code error;
  return !kept.empty() && fs::equivalent(kept.rbegin()->second, file, error);
}

/// A number and not a date: after a power cut the clock may be anywhere.
template <class Put>
fs::path put_aside(const fs::path& file, const std::map<std::uint64_t, fs::path>& kept, const Put& put) {
  const auto n = kept.empty() ? 1 : kept.rbegin()->first + 1;
  fs::path aside = fmt::format("{}.aside.{}", file.string(), n);
  std::error_code error;
  put(aside, error);
  if (error) throw SystemError(error.value(), "cannot set aside " + file.string());
  auto left = kept.size() + 1;
  for (const auto& [number_of_it, path] : kept) {
    if (left-- <= most_kept) break;
    fs::remove(path, error);
  }
  return aside;
}

}  // namespace

Database look_at(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (!in || error) return Database::absent;
  std::array<char, head_size> head{};
  in.read(head.data(), head.size());
  if (in.gcount() < static_cast<std::streamsize>(magic.size()) ||
      std::string_view(head.data(), magic.size()) != magic) {
    return Database::unreadable;
  }
  if (!in) return Database::damaged;
  const std::uint32_t version = number(head.data() + magic.size() + 4);
  if (version < oldest_outline || version > newest_outline) return Database::sound;  // Mosquitto knows better
  std::array<char, 8> chunk{};
  for (std::uintmax_t at = head.size(); at != size;) {
    if (!in.read(chunk.data(), chunk.size())) return Database::damaged;
    const std::uint32_t kind = number(chunk.data());
    const std::uint32_t length = number(chunk.data() + 4);
    at += chunk.size();
    if (kind == 0 || kind > most_kinds || length > size - at) return Database::damaged;
    in.ignore(length);
    at += length;
  }
  return Database::sound;
}

fs::path set_aside(const fs::path& file) {
  const auto kept = kept_of(file);
  if (!is_kept(file, kept)) {
    return put_aside(file, kept,
                     [&](const fs::path& aside, std::error_code& error) { fs::rename(file, aside, error); });
  }
  std::error_code error;
  if (!fs::remove(file, error)) throw SystemError(error.value(), "cannot set aside " + file.string());
  return kept.rbegin()->second;
}

fs::path keep_aside(const fs::path& file) {
  const auto kept = kept_of(file);
  if (is_kept(file, kept)) return kept.rbegin()->second;
  return put_aside(file, kept, [&](const fs::path& aside, std::error_code& error) {
    // Mosquitto writes a new file each time and renames it: what has this name as well stays as it is.
    fs::create_hard_link(file, aside, error);
    if (error) fs::copy_file(file, aside, error);
  });
}

}  // namespace tidegate::broker
