// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/cursor.hpp"

#include <algorithm>

#include <tidegate/log.hpp>

#include "spool/bytes.hpp"
#include "spool/checksum.hpp"

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
    known_ = true;
    generation_ = generation;
    settled_ = Settled(get<std::uint64_t>(span, 24));
    for (std::size_t n = 0; n < count; ++n) {
      settled_.add(get<std::uint64_t>(span, fixed + n * range_size),
                   get<std::uint64_t>(span, fixed + n * range_size + 8));
    }
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

void Cursor::write(const Settled& settled, Place place) {
  const auto count = std::min(settled.ranges().size(), most_ranges);
  buffer_.resize(fixed + count * range_size);
  const std::span<std::byte> span(buffer_);
  put_text(span, 0, magic);
  put(span, 12, static_cast<std::uint32_t>(buffer_.size()));
  put(span, 16, ++generation_);
  put(span, 24, settled.up_to());
  put(span, 32, place.segment);
  put(span, 40, place.offset);
  put(span, 48, static_cast<std::uint32_t>(count));
  std::size_t at = fixed;
  for (const auto& [first, last] : settled.ranges()) {
    if (at == buffer_.size()) break;
    put(span, at, first);
    put(span, at + 8, last);
    at += range_size;
  }
  put(span, 8, checksum(span.subspan(12), 0));
  file_->write(live_ * slot_size, buffer_);
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
