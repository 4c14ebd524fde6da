// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/lane_on_disk.hpp"
#include "spool/fate.hpp"

using namespace tidegate;

namespace {

constexpr std::size_t magic_size = 8;
constexpr std::size_t entry_size = 32;

/// Puts the checksums of the entries right, as long as their lengths lead from one to the next.
void repair(std::string& file) {
  for (std::size_t at = magic_size; file.size() >= at + entry_size;) {
    const std::size_t length = fuzz::number_at<std::uint16_t>(file, at + 4);
    if (length < entry_size || length > file.size() - at) return;
    fuzz::put_number(file, at, fuzz::crc32c(std::string_view(file).substr(at + 4, length - 4), 0));
    at += length;
  }
}

/// What was there may be joined further when it is loaded; what was new is as it was.
void check_end(const spool::Fates& saved, const spool::Fates& loaded, std::size_t count) {
  bool same = loaded.all().size() >= count && loaded.all().size() <= saved.all().size();
  for (std::size_t back = 1; same && back <= count; ++back) {
    const auto& left = saved.all()[saved.all().size() - back];
    const auto& right = loaded.all()[loaded.all().size() - back];
    same = left.first == right.first && left.last == right.last && left.discard == right.discard &&
           left.when == right.when && left.why == right.why;
  }
  if (!same) fuzz::fail("what was saved is loaded as something else");
}

}  // namespace

/// One byte of flags, and the bytes of the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  enum : unsigned { repaired = 1 };
  if (size < 1) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & repaired) != 0) repair(bytes);
  test::SimulatedDisk disk;
  disk.replace("/state/fates", bytes);
  spool::Fates fates;
  fates.load(disk, "/state");
  if (fates.all().size() > spool::Fates::most) fuzz::fail("more fates than there may be");
  for (const auto& fate : fates.all()) {
    if (fate.why.size() > 120) fuzz::fail("a reason that is too long");
    if (fate.discard && std::string_view(to_string(*fate.discard)).empty()) fuzz::fail("a fate without a word");
  }
  // What has a fate gets no other: an entry that begins where a new one does would be taken for its beginning.
  for (const auto& fate : fates.all()) {
    if (fate.first >= 1'000 && fate.first <= 1'003) return 0;
  }
  if (fates.save(disk, "/state") != 0) fuzz::fail("nothing was new, and it was saved");
  const WallTime when{std::chrono::seconds{1'800'000'000}};
  fates.note(1'000, 1'001, {}, when);
  fates.note(1'002, 1'002, spool::Discard::corrupt, when, "damaged");
  if (fates.save(disk, "/state") == 0) fuzz::fail("what was new was not saved");
  spool::Fates again;
  again.load(disk, "/state");
  check_end(fates, again, 2);
  again.note(1'003, 1'003, {}, when);
  again.save(disk, "/state");
  fates.load(disk, "/state");
  check_end(again, fates, 2);
  return 0;
}
