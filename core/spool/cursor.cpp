// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/cursor.hpp"

#include <algorithm>

#include <tidegate/log.hpp>

#include "spool/bytes.hpp"
#include "spool/checksum.hpp"
#include "spool/record.hpp"

namespace tidegate::spool {
namespace {

constexpr std::string_view magic = "TGCURSR1";
constexpr std::size_t slot_size = 16U << 10;
constexpr unsigned slots = 3;
constexpr std::size_t fixed = 52;
constexpr std::size_t range_size = 16;
constexpr std::size_t most_ranges = (slot_size - fixed) / range_size;

}  // namespace

Cursor::Cursor(Disk& disk, const std::filesystem::path& folder)
    : file_(disk.open(folder / "cursor", Disk::Open::create)) {
  std::vector<std::byte> bytes(slot_size);
  for (unsigned slot = 0; slot < slots; ++slot) {
    const auto got = file_->read(slot * slot_size, bytes);
    const auto span = std::span<const std::byte>(bytes).first(got);
    if (got < fixed || get_text(span, 0, magic.size()) != magic) continue;
    const auto length = get<std::uint32_t>(span, 12);
    if (length < fixed || length > got) continue;
    if (checksum(span.subspan(12, length - 12), 0) != get<std::uint32_t>(span, 8)) continue;
    const auto generation = get<std::uint64_t>(span, 16);
    const auto count = get<std::uint32_t>(span, 48);
    if (fixed + count * range_size != length || (known_ && generation < generation_)) continue;
    const auto up_to = get<std::uint64_t>(span, 24);
    bool sensible = generation <= out_of_reach && up_to <= out_of_reach;
    Settled settled(up_to);
    for (std::size_t n = 0; sensible && n < count; ++n) {
      const auto last = get<std::uint64_t>(span, fixed + n * range_size + 8);
      sensible = last <= out_of_reach;
      if (sensible) settled.add(get<std::uint64_t>(span, fixed + n * range_size), last);
    }
    if (!sensible) continue;
    known_ = true;
    generation_ = generation;
    settled_ = std::move(settled);
    place_ = {get<std::uint64_t>(span, 32), get<std::uint64_t>(span, 40)};
    durable_ = frozen_ = slot;
    live_ = (slot + 1) % slots;
  }
  try {
    // Room for all slots from the start, so that a lane on a full disk can still be drained; and what a killed process
    // left behind becomes durable before another slot is touched. If the disk refuses, that costs duplicates.
    const auto size = file_->size();
    if (size < slots * slot_size) file_->write(size, std::vector<std::byte>(slots * slot_size - size));
    file_->sync();
  } catch (const std::exception& error) {
    log::warning("spool: {}", error.what());
  }
}

std::uint64_t Cursor::write(const Settled& settled, Place place, std::uint64_t from) {
  const auto& ranges = settled.ranges();
  const auto count = std::min(ranges.size(), most_ranges);
  buffer_.resize(fixed + count * range_size);
  const std::span<std::byte> span(buffer_);
  put_text(span, 0, magic);
  put(span, 12, static_cast<std::uint32_t>(buffer_.size()));
  put(span, 16, ++generation_);
  put(span, 24, settled.up_to());
  put(span, 32, place.segment);
  put(span, 40, place.offset);
  put(span, 48, static_cast<std::uint32_t>(count));
  auto range = ranges.begin();
  const bool jump = ranges.size() > count && from != 0;
  for (std::size_t n = 0; n < count; ++n, ++range) {
    // Half of them from there on, or as many as there are: never one twice.
    if (jump && n == count / 2) {
      auto next = ranges.lower_bound(from);
      if (next != ranges.begin() && std::prev(next)->second >= from) --next;
      std::size_t left = 0;
      for (auto last = ranges.end(); left < count - n && last != next; ++left) --last;
      if (left < count - n) next = std::prev(ranges.end(), static_cast<std::ptrdiff_t>(count - n));
      if (next->first > range->first) range = next;
    }
    put(span, fixed + n * range_size, range->first);
    put(span, fixed + n * range_size + 8, range->second);
  }
  put(span, 8, checksum(span.subspan(12), 0));
  file_->write(live_ * slot_size, buffer_);
  return buffer_.size();
}

void Cursor::freeze() noexcept {
  frozen_ = live_;
  live_ = slots - durable_ - frozen_;  // the third of 0, 1, 2
}

void Cursor::sync() {
  file_->sync();
  durable_ = frozen_;
}

}  // namespace tidegate::spool
