// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "spool/lane.hpp"
#include "spool/spool.hpp"
#include "support/fake_clock.hpp"
#include "support/simulated_disk.hpp"

namespace tidegate::test {

/// One lane on a simulated disk under a clock that stands still. It syncs only when asked to, unless told otherwise.
struct Bench {
  static constexpr const char* folder = "/state/spool";
  static constexpr const char* lane_folder = "/state/spool/cloud/default";
  static constexpr std::chrono::milliseconds patience{10'000};

  std::unique_ptr<SimulatedDisk> disk = std::make_unique<SimulatedDisk>();
  FakeClock clock;
  std::string boot = "boot-1";
  spool::LaneOptions options;
  spool::SpoolOptions limits{.capacity = 0, .floor = 0};
  std::unique_ptr<spool::Spool> spool;
  spool::Lane* lane = nullptr;

  Bench() {
    options.sync_interval = std::chrono::hours{1};
    options.sync_bytes = 1ULL << 40;
    options.segment_size = 64U << 10;
  }
  ~Bench() { close(); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  spool::Lane& open() {
    spool = std::make_unique<spool::Spool>(folder, *disk, clock, boot, limits);
    lane = &spool->lane("cloud", "default", options);
    return *lane;
  }
  void close() {
    lane = nullptr;
    spool.reset();
  }
  spool::Lane& reopen() {
    close();
    return open();
  }
  /// The process dies and another one opens the spool.
  spool::Lane& reopen_after_kill() {
    auto next = disk->after_kill();
    close();
    disk = std::move(next);
    return open();
  }
  spool::Lane& reopen_after_power_cut(std::uint64_t seed) {
    auto next = disk->after_power_cut(seed);
    close();
    disk = std::move(next);
    return open();
  }

  static Message message(std::uint64_t n, std::size_t size = 0) {
    Message message;
    message.topic = "a/" + std::to_string(n % 7);
    message.payload = "payload-" + std::to_string(n) + ";";
    if (message.payload.size() < size) message.payload.resize(size, static_cast<char>('a' + n % 26));
    return message;
  }
  /// Appends message(first), … and returns the last sequence.
  std::uint64_t append(std::uint64_t first, std::uint64_t count, std::size_t size = 0) const {
    std::uint64_t sequence = 0;
    for (std::uint64_t n = first; n < first + count; ++n) {
      const auto accepted = lane->append(message(n, size));
      if (!accepted) throw std::logic_error("the lane is full");
      sequence = *accepted;
    }
    return sequence;
  }
  [[nodiscard]] std::vector<spool::Record> read_all() const {
    std::vector<spool::Record> all;
    for (;;) {
      auto some = lane->read(1000, 1U << 20);
      if (some.empty()) return all;
      for (auto& record : some) all.push_back(std::move(record));
    }
  }
  [[nodiscard]] std::vector<std::uint64_t> read_sequences() const {
    std::vector<std::uint64_t> sequences;
    for (const auto& record : read_all()) sequences.push_back(record.sequence);
    return sequences;
  }
  [[nodiscard]] std::uint64_t discarded(spool::Discard reason) const {
    const auto status = lane->status();
    const auto found = status.discarded.find(reason);
    return found == status.discarded.end() ? 0 : found->second;
  }
  [[nodiscard]] std::vector<std::filesystem::path> segments() const {
    std::vector<std::filesystem::path> paths;
    for (const auto& name : disk->list(lane_folder)) {
      if (name.ends_with(".seg") && !name.starts_with("spare-"))
        paths.push_back(std::filesystem::path(lane_folder) / name);
    }
    return paths;
  }
  /// Bytes of all segment files, spare and done ones included.
  [[nodiscard]] std::uint64_t disk_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [name, size] : disk->sizes(lane_folder)) {
      if (name.ends_with(".seg") || name.starts_with("spare-")) sum += size;
    }
    return sum;
  }
};

/// Waits until the sync thread, which looks once a second, has brought it about.
template <class Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + Bench::patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

/// first, first + 1, …, last.
inline std::vector<std::uint64_t> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> result;
  for (; first <= last; ++first) result.push_back(first);
  return result;
}

}  // namespace tidegate::test
