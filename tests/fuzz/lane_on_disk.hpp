// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spool/lane.hpp"
#include "spool/spool.hpp"
#include "support/fake_clock.hpp"
#include "support/simulated_disk.hpp"

namespace tidegate::fuzz {

/// Ends the program with this sentence: the fuzzer keeps the input, the replay fails.
[[noreturn]] void fail(const std::string& what);

/// As the specification of the format has it, and by none of the spool's own code: what it would get wrong, this
/// would not.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t start);
template <class T>
[[nodiscard]] T number_at(std::string_view bytes, std::size_t offset) {
  T value = 0;
  for (std::size_t index = 0; index < sizeof value; ++index) {
    value = static_cast<T>(
        value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[offset + index])) << (8 * index)));
  }
  return value;
}
void put_number(std::string& bytes, std::size_t offset, std::uint32_t value);

/// A lane on a disk in memory, of which somebody else wrote what is there.
class LaneOnDisk final {
 public:
  static constexpr std::uint32_t salt = 0x5EA1ED01;
  static constexpr const char* folder = "/state/spool/cloud/default";

  LaneOnDisk();
  /// Puts a file into the lane's folder.
  void put(const std::string& name, const std::string& contents) {
    disk_.replace(std::filesystem::path(folder) / name, contents);
  }
  /// A sound epoch file, with the salt.
  void put_epoch();

  /// Opens the lane and reads all of it; checks that only sound records of these segments come, each once and in order;
  /// that appending, reading and acknowledging work; and that nothing which was acknowledged comes back.
  void check(std::span<const std::string> segments);

 private:
  void open();
  void close();
  /// The sequences of what is left to read.
  std::vector<std::uint64_t> read_all(const std::multimap<std::uint64_t, std::string_view>& sound);

  test::SimulatedDisk disk_;
  test::FakeClock clock_;
  spool::LaneOptions options_;
  std::unique_ptr<spool::Spool> spool_;
  spool::Lane* lane_ = nullptr;
};

/// Puts right the checksums of the segment's header and of whatever in it is laid out as a record, so that the fuzzer
/// gets behind them.
void repair(std::string& segment);
/// The same for one slot of a cursor, and its magic and length.
void repair_slot(std::string& slot);

}  // namespace tidegate::fuzz
