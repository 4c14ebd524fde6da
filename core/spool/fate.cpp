// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/fate.hpp"

#include <algorithm>
#include <utility>

#include "spool/bytes.hpp"
#include "spool/checksum.hpp"
#include "spool/record.hpp"

namespace tidegate::spool {
namespace {

constexpr auto together = std::chrono::seconds{1};
/// So many of the newest are looked at for one that goes on: what is delivered, expired and dead-lettered is mixed.
constexpr std::size_t looked_at = 16;
constexpr std::size_t longest_why = 120;

constexpr std::string_view magic = "TGFATES1";
constexpr std::size_t fixed = 32;
constexpr std::uint8_t delivered = 0xFF;
constexpr std::size_t most_in_file = 2 * Fates::most;

std::string cut_short(const std::string& why) {
  if (why.size() <= longest_why) return why;
  auto size = longest_why;
  while (size > 0 && (static_cast<unsigned char>(why[size]) & 0xC0) == 0x80) --size;  // not within a character
  return why.substr(0, size);
}

void put_fate(const Fate& fate, std::vector<std::byte>& bytes) {
  const auto at = bytes.size();
  bytes.resize(at + fixed + fate.why.size());
  const auto into = std::span<std::byte>(bytes).subspan(at);
  put(into, 4, static_cast<std::uint16_t>(into.size()));
  put(into, 6, fate.discard ? static_cast<std::uint8_t>(*fate.discard) : delivered);
  put(into, 8, fate.first);
  put(into, 16, fate.last);
  put(into, 24, static_cast<std::int64_t>(fate.when.time_since_epoch().count()));
  put_text(into, fixed, fate.why);
  put(into, 0, checksum(into.subspan(4), 0));
}

/// Nothing at the end of what is sound. length: of the entry.
std::optional<Fate> get_fate(std::span<const std::byte> bytes, std::size_t& length) {
  if (bytes.size() < fixed) return std::nullopt;
  length = get<std::uint16_t>(bytes, 4);
  if (length < fixed || length > fixed + longest_why || length > bytes.size()) return std::nullopt;
  bytes = bytes.first(length);
  if (checksum(bytes.subspan(4), 0) != get<std::uint32_t>(bytes, 0)) return std::nullopt;
  Fate fate;
  const auto kind = get<std::uint8_t>(bytes, 6);
  if (kind != delivered) fate.discard = static_cast<Discard>(kind);
  fate.first = get<std::uint64_t>(bytes, 8);
  fate.last = get<std::uint64_t>(bytes, 16);
  const auto when = get<std::int64_t>(bytes, 24);
  if (when < -static_cast<std::int64_t>(out_of_reach) || when > static_cast<std::int64_t>(out_of_reach)) {
    return std::nullopt;
  }
  fate.when = WallTime{Nanoseconds{when}};
  fate.why = get_text(bytes, fixed, length - fixed);
  return fate;
}

}  // namespace

const char* to_string(Discard discard) noexcept {
  switch (discard) {
    case Discard::expired:
      return "expired";
    case Discard::evicted:
      return "evicted";
    case Discard::superseded:
      return "superseded";
    case Discard::refused:
      return "refused";
    case Discard::corrupt:
      return "corrupt";
    case Discard::dead_lettered:
      return "dead-lettered";
    case Discard::dropped:
      return "dropped";
  }
  return "?";
}

void Fates::note(std::uint64_t first, std::uint64_t last, std::optional<Discard> discard, WallTime when,
                 const std::string& why) {
  if (last < first) return;
  Fate fate{first, last, discard, when, cut_short(why)};
  for (std::size_t back = 1; back <= std::min(all_.size(), looked_at); ++back) {
    auto& known = all_[all_.size() - back];
    if (known.discard != discard || first < known.first || first > known.last + 1 || known.why != fate.why) continue;
    const auto begun = begun_[begun_.size() - back];
    if (when < begun || when - begun > together) continue;
    known.last = std::max(known.last, last);
    known.when = when;
    unsaved_ = std::max(unsaved_, back);
    return;
  }
  add(std::move(fate), when);
  ++unsaved_;
}

void Fates::add(Fate&& fate, WallTime begun) {
  all_.push_back(std::move(fate));
  begun_.push_back(begun);
  if (all_.size() <= most) return;
  all_.pop_front();
  begun_.pop_front();
  unsaved_ = std::min(unsaved_, all_.size() - 1);
}

void Fates::load(Disk& disk, const std::filesystem::path& folder) {
  *this = {};
  const auto file = disk.open(folder / "fates", Disk::Open::existing);
  if (!file) return;
  constexpr std::size_t largest = magic.size() + most_in_file * (fixed + longest_why);
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(file->size(), largest)));
  bytes.resize(file->read(0, bytes));
  const std::span<const std::byte> all(bytes);
  if (all.size() < magic.size() || get_text(all, 0, magic.size()) != magic) return;
  std::size_t at = magic.size();
  std::size_t length = 0;
  while (auto fate = get_fate(all.subspan(at), length)) {
    at += length;
    ++in_file_;
    // One that went on after it had been saved was saved again.
    const auto recent = all_.size() - std::min(all_.size(), looked_at);
    const auto same =
        std::find_if(all_.begin() + static_cast<std::ptrdiff_t>(recent), all_.end(), [&](const Fate& one) {
          return one.first == fate->first && one.discard == fate->discard && one.why == fate->why &&
                 one.last <= fate->last;
        });
    if (same != all_.end()) {
      *same = std::move(*fate);
    } else {
      const auto when = fate->when;
      add(std::move(*fate), when);
    }
  }
  file_end_ = at == file->size() ? at : 0;  // what is added behind damage would join what stands there
}

std::uint64_t Fates::save(Disk& disk, const std::filesystem::path& folder) {
  if (unsaved_ == 0) return 0;
  const auto end = std::exchange(file_end_, 0);  // whatever goes wrong, the next time begins anew
  if (end == 0 || in_file_ + unsaved_ > most_in_file) return replace(disk, folder);
  const auto file = disk.open(folder / "fates", Disk::Open::existing);
  if (!file) return replace(disk, folder);
  std::vector<std::byte> bytes;
  for (auto at = all_.size() - unsaved_; at < all_.size(); ++at) put_fate(all_[at], bytes);
  file->write(end, bytes);
  file_end_ = end + bytes.size();
  in_file_ += std::exchange(unsaved_, 0);
  return bytes.size();
}

std::uint64_t Fates::replace(Disk& disk, const std::filesystem::path& folder) {
  std::vector<std::byte> bytes(magic.size());
  put_text(bytes, 0, magic);
  for (const auto& fate : all_) put_fate(fate, bytes);
  const auto fresh = folder / "fates.new";
  const auto file = disk.open(fresh, Disk::Open::create);
  file->truncate(0);
  file->write(0, bytes);
  file->sync();
  disk.rename(fresh, folder / "fates");
  file_end_ = bytes.size();
  in_file_ = all_.size();
  unsaved_ = 0;
  return bytes.size();
}

}  // namespace tidegate::spool
