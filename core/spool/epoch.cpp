// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/epoch.hpp"

#include <array>
#include <vector>

#include "spool/bytes.hpp"
#include "spool/checksum.hpp"

namespace tidegate::spool {
namespace {

constexpr std::string_view magic = "TGEPOCH1";
constexpr std::size_t slot_size = 512;
constexpr std::size_t used = 20;

}  // namespace

Epoch read_epoch(Disk& disk, const std::filesystem::path& folder) {
  Epoch newest;
  const auto file = disk.open(folder / "epoch", Disk::Open::existing);
  if (!file) return newest;
  for (std::uint64_t slot = 0; slot < 2; ++slot) {
    std::array<std::byte, used> bytes{};
    if (file->read(slot * slot_size, bytes) != used || get_text(bytes, 0, magic.size()) != magic) continue;
    const std::span<const std::byte> span(bytes);
    if (checksum(span.subspan(12), 0) != get<std::uint32_t>(span, 8)) continue;
    const auto epoch = get<std::uint32_t>(span, 12);
    if (!newest.known || epoch > newest.epoch) newest = {epoch, get<std::uint32_t>(span, 16), true};
  }
  return newest;
}

void write_epoch(Disk& disk, const std::filesystem::path& folder, const Epoch& epoch) {
  const auto file = disk.open(folder / "epoch", Disk::Open::create);
  std::array<std::byte, used> bytes{};
  const std::span<std::byte> span(bytes);
  put_text(span, 0, magic);
  put(span, 12, epoch.epoch);
  put(span, 16, epoch.salt);
  put(span, 8, checksum(span.subspan(12), 0));
  // Room for both slots from the start, so that a lane on a full disk can still be opened.
  if (const auto size = file->size(); size < 2 * slot_size) {
    file->write(size, std::vector<std::byte>(static_cast<std::size_t>(2 * slot_size - size)));
  }
  // Epochs grow by one, so they take the slots in turn.
  file->write(epoch.epoch % 2 * slot_size, bytes);
  file->sync();
  disk.sync_folder(folder);
}

}  // namespace tidegate::spool
