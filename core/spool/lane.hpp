// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spool/record.hpp"

namespace tidegate::spool {

enum class WhenFull : std::uint8_t { drop_oldest, reject };

struct LaneOptions {
  std::uint64_t capacity = 512ULL << 20;  ///< bytes of segments on disk, at least three segments
  std::chrono::seconds expiry{std::chrono::hours{24 * 31}};
  WhenFull when_full = WhenFull::drop_oldest;
  std::chrono::milliseconds sync_interval{50};  ///< group commit
  std::uint64_t sync_bytes = 64U << 10;         ///< or so many bytes, whichever comes first
  std::uint64_t segment_size = 8ULL << 20;
  std::uint64_t memory = 256U << 10;  ///< bytes of the newest records that are also kept in memory
};

/// Why a record left the lane without having been delivered.
enum class Discard : std::uint8_t { expired, evicted, refused, corrupt, dead_lettered };
[[nodiscard]] const char* to_string(Discard discard) noexcept;

struct LaneStatus {
  std::string upstream;
  std::string name;
  std::uint64_t waiting = 0;                   ///< messages accepted and neither delivered nor discarded
  std::uint64_t waiting_bytes = 0;             ///< their bytes in the log
  std::uint64_t disk_bytes = 0;                ///< bytes of segment files, spare ones included
  std::uint64_t accepted = 0;                  ///< since the lane was made; survives restarts (it is the last sequence)
  std::uint64_t delivered = 0;                 ///< since this process started
  std::map<Discard, std::uint64_t> discarded;  ///< since this process started
  std::uint64_t durable = 0;                   ///< highest sequence that is on the medium
  std::optional<std::chrono::nanoseconds> oldest_age;  ///< age of the oldest waiting record
  std::uint32_t epoch = 0;
  std::chrono::milliseconds loss_window{};  ///< what a power cut can take: the sync interval
  std::string trouble;                      ///< empty, or what is wrong with the disk ("fdatasync failed: …")
};

/// One durable queue towards one upstream: the log of one [[upstream.forward]] block. A record is accepted when
/// append() returned (it survives the death of the process), durable when it is on the medium (it survives a power
/// cut), and it stays until acknowledged, expired, evicted or dead-lettered. Thread-safe, all of it; append() takes one
/// lock and at most one write, so it may be called from Paho's arrival callback.
class Lane {
 public:
  virtual ~Lane() = default;

  /// Appends and returns the sequence; nothing when the lane is full and told to reject. Throws SystemError when the
  /// disk refuses; nothing was accepted then.
  [[nodiscard]] virtual std::optional<std::uint64_t> append(const Message& message) = 0;

  /// Highest sequence that is durable; durable is a prefix of accepted.
  [[nodiscard]] virtual std::uint64_t durable() const noexcept = 0;
  /// Asks for a sync now and waits. False when the timeout ran out or the sync failed.
  [[nodiscard]] virtual bool wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) = 0;
  /// Somebody waits, elsewhere, for this sequence to be durable: it is synced even if it is delivered before. Cheap.
  virtual void want_durable(std::uint64_t sequence) = 0;
  /// Called on the sync thread after durable() moved, with its new value. Set before the first append.
  virtual void on_durable(std::function<void(std::uint64_t)> callback) = 0;
  /// Called by append() when a reader that was at the end has something to read again. Short: it runs under no lock of
  /// the lane, but on the appender's thread. Set before the first append.
  virtual void on_readable(std::function<void()> callback) = 0;

  /// The next records in order of acceptance, at most count and about bytes; empty at the end. Each is read once per
  /// opening; the reader starts after what was acknowledged. Expired records are skipped and counted. One reader at a
  /// time.
  [[nodiscard]] virtual std::vector<Record> read(std::size_t count, std::size_t bytes) = 0;
  /// Lets the reader start again after what was acknowledged: a new reader has what the last one left under way.
  virtual void rewind() = 0;
  /// The record has been delivered. Any order among what was read; a second time is ignored.
  virtual void acknowledge(std::uint64_t sequence) = 0;
  /// The record leaves the lane for the given reason, counted. Any order among what was read.
  virtual void discard(std::uint64_t sequence, Discard reason) = 0;

  /// Gateway age now; a record's remaining expiry is reckoned against it.
  [[nodiscard]] virtual Nanoseconds age() const noexcept = 0;
  [[nodiscard]] virtual LaneStatus status() const = 0;
};

}  // namespace tidegate::spool
