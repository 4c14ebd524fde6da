// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/iio/scan.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <limits>
#include <utility>

namespace tidegate::plugins::iio {
namespace {

/// Takes a number from the front of text.
bool take(std::string_view& text, unsigned& value) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) noexcept {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::size_t aligned(std::size_t offset, std::size_t size) noexcept {
  return (offset + size - 1) / size * size;
}

std::int64_t value_of(const ScanElement& element, std::span<const std::byte> bytes) noexcept {
  std::uint64_t word = 0;
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto byte = bytes[element.big_endian ? n : bytes.size() - 1 - n];
    word = word << 8 | std::to_integer<std::uint64_t>(byte);
  }
  word >>= element.shift;
  if (element.bits < 64) word &= (std::uint64_t{1} << element.bits) - 1;
  if (element.is_signed) {
    const std::uint64_t sign = std::uint64_t{1} << (element.bits - 1);
    return static_cast<std::int64_t>((word ^ sign) - sign);
  }
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(word, most));
}

}  // namespace

std::optional<ScanElement> parse_scan_element(std::string_view text) noexcept {
  ScanElement element;
  if (take(text, "be:")) {
    element.big_endian = true;
  } else if (!take(text, "le:")) {
    return std::nullopt;
  }
  if (take(text, "s")) {
    element.is_signed = true;
  } else if (!take(text, "u")) {
    return std::nullopt;
  }
  if (!take(text, element.bits) || !take(text, "/") || !take(text, element.storage)) return std::nullopt;
  if (take(text, "X") && !take(text, element.repeat)) return std::nullopt;
  if (take(text, ">>") && !take(text, element.shift)) return std::nullopt;
  const bool whole = element.storage == 8 || element.storage == 16 || element.storage == 32 || element.storage == 64;
  const bool fits =
      element.bits >= 1 && element.bits <= element.storage && element.shift <= element.storage - element.bits;
  if (!text.empty() || !whole || !fits || element.repeat < 1 || element.repeat > 256) return std::nullopt;
  return element;
}

Scan::Scan(std::vector<ScanElement> elements) : elements_(std::move(elements)) {
  std::size_t largest = 1;
  for (const auto& element : elements_) {
    const std::size_t size = std::size_t{element.storage} / 8 * element.repeat;
    offsets_.push_back(aligned(size_, size));
    size_ = offsets_.back() + size;
    largest = std::max(largest, size);
  }
  size_ = aligned(size_, largest);
}

std::vector<std::int64_t> Scan::decode(std::span<const std::byte> bytes) const {
  assert(bytes.size() >= size_);
  std::vector<std::int64_t> values;
  values.reserve(elements_.size());
  for (std::size_t n = 0; n < elements_.size(); ++n) {
    values.push_back(value_of(elements_[n], bytes.subspan(offsets_[n], elements_[n].storage / 8)));
  }
  return values;
}

}  // namespace tidegate::plugins::iio
