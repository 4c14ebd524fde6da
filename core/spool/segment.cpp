// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/segment.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "spool/bytes.hpp"
#include "spool/checksum.hpp"
#include "spool/walk.hpp"

namespace tidegate::spool {
namespace {

constexpr std::string_view magic = "TGSEGMT1";
constexpr std::string_view suffix = ".seg";

}  // namespace

std::array<std::byte, segment_header> encode(const SegmentHeader& header) noexcept {
  std::array<std::byte, segment_header> bytes{};
  put_text(bytes, 0, magic);
  put(std::span<std::byte>(bytes), 12, header.salt);
  put(std::span<std::byte>(bytes), 16, header.number);
  put(std::span<std::byte>(bytes), 24, header.first);
  put(std::span<std::byte>(bytes), 32, header.epoch);
  put(std::span<std::byte>(bytes), 36, header.begun);
  put(std::span<std::byte>(bytes), 44, static_cast<std::uint8_t>(header.doubtful ? 1 : 0));
  put(std::span<std::byte>(bytes), 8, checksum(std::span<const std::byte>(bytes).subspan(12), 0));
  return bytes;
}

std::optional<SegmentHeader> decode_segment_header(std::span<const std::byte> bytes, bool& newer) noexcept {
  newer = false;
  if (bytes.size() < segment_header) return std::nullopt;
  bytes = bytes.first(segment_header);
  const bool sound = checksum(bytes.subspan(12), 0) == get<std::uint32_t>(bytes, 8);
  const auto found = get_text(bytes, 0, magic.size());
  if (found != magic) {
    newer = sound && found.starts_with(magic.substr(0, 7)) && found.back() > magic.back();
    return std::nullopt;
  }
  if (!sound) return std::nullopt;
  SegmentHeader header;
  header.salt = get<std::uint32_t>(bytes, 12);
  header.number = get<std::uint64_t>(bytes, 16);
  header.first = get<std::uint64_t>(bytes, 24);
  header.epoch = get<std::uint32_t>(bytes, 32);
  if (header.first == 0 || header.first > out_of_reach) return std::nullopt;
  header.begun = std::max<std::int64_t>(0, get<std::int64_t>(bytes, 36));
  header.doubtful = (get<std::uint8_t>(bytes, 44) & 1) != 0;
  return header;
}

std::string segment_name(std::uint64_t number) {
  return fmt::format("{:016x}{}", number, suffix);
}

std::optional<std::uint64_t> segment_number(std::string_view name) noexcept {
  if (name.size() != 16 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 16, number, 16);
  if (error != std::errc{} || end != name.data() + 16 || number == 0 || number > out_of_reach) return std::nullopt;
  return number;
}

Scan scan(std::shared_ptr<const File> file, std::uint32_t salt, std::uint64_t least) {
  Scan result;
  const auto size = file->size();
  Walk walk;
  walk.go(std::move(file),
          {.offset = segment_header, .limit = size, .least = least, .salt = salt, .errors = Walk::Errors::step_over});
  while (walk.next()) {
    const auto& record = walk.found().record;
    if (result.first == 0) result.first = record.sequence;
    result.last = record.sequence;
    result.epoch = std::max(result.epoch, record.epoch);
    result.age = std::max(result.age, static_cast<std::int64_t>(record.age.count()));
    result.end = walk.end();
  }
  result.unreadable = walk.unreadable() != 0;
  return result;
}

}  // namespace tidegate::spool
