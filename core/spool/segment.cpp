// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/segment.hpp"

#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "spool/bytes.hpp"
#include "spool/checksum.hpp"
#include "spool/codec.hpp"

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
  return header;
}

std::string segment_name(std::uint64_t number) {
  return fmt::format("{:016x}{}", number, suffix);
}

std::optional<std::uint64_t> segment_number(std::string_view name) noexcept {
  if (name.size() != 16 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 16, number, 16);
  if (error != std::errc{} || end != name.data() + 16 || number == 0) return std::nullopt;
  return number;
}

Scan scan(const File& file, std::uint32_t salt, std::uint64_t least) {
  Scan result;
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.size()));
  bytes.resize(file.read(0, bytes));
  std::uint64_t previous = least == 0 ? 0 : least - 1;
  for (std::size_t at = segment_header; at < bytes.size();) {
    const auto rest = std::span<const std::byte>(bytes).subspan(at);
    const auto found = decode(rest, salt);
    const bool valid = found.kind == Decoded::Kind::record || found.kind == Decoded::Kind::other;
    if (!valid || found.record.sequence <= previous) {
      at += next_mark(rest);
      continue;
    }
    previous = found.record.sequence;
    if (result.first == 0) result.first = previous;
    result.last = previous;
    result.epoch = std::max(result.epoch, found.record.epoch);
    result.age = found.record.age.count();
    at += found.length;
    result.end = at;
  }
  return result;
}

}  // namespace tidegate::spool
