// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tidegate/clock.hpp>
#include <tidegate/message.hpp>

namespace tidegate {

/// How a StoreLane behaves; the words are those of [[upstream.forward]] in the configuration.
struct StoreLaneOptions {
  std::uint64_t capacity = 512ULL << 20;  ///< bytes on disk, at least three segments of 8 MiB or a 64th of it
  std::uint64_t capacity_messages = 0;    ///< most that wait; 0: as many as the bytes allow
  std::chrono::seconds expiry{std::chrono::hours{24 * 31}};
  std::string when_full = "drop-oldest";  ///< or "reject", "keep-latest"
  std::string sync = "grouped";           ///< or "each", "off"
  std::chrono::milliseconds sync_interval{50};
};

/// A message in a StoreLane.
struct StoreRecord {
  std::uint64_t sequence = 0;
  std::uint32_t epoch = 0;  ///< one more for each opening of the lane
  Nanoseconds age{};        ///< since it was accepted, time without power apart
  WallTime accepted{};      ///< when that was, by the best that is known
  ClockQuality clock = ClockQuality::unsynced;
  Message message;
};

struct StoreStatus {
  std::uint64_t waiting = 0;                       ///< messages accepted and neither acknowledged nor discarded
  std::uint64_t waiting_bytes = 0;                 ///< their bytes in the log
  std::uint64_t disk_bytes = 0;                    ///< bytes of files
  std::uint64_t accepted = 0;                      ///< since the lane was made: the last sequence
  std::uint64_t durable = 0;                       ///< highest sequence that is on the medium
  std::uint64_t delivered = 0;                     ///< acknowledged since it was opened
  std::map<std::string, std::uint64_t> discarded;  ///< by reason, since it was opened
  std::optional<Nanoseconds> oldest_age;           ///< of what waits
  std::string trouble;                             ///< empty, or what is wrong with the disk
};

/// One durable queue of a Store. Lives on when the Store is closed or gone: every call then throws StateError.
/// Thread-safe; one reader at a time.
class StoreLane final {
 public:
  ~StoreLane();
  StoreLane(const StoreLane&) = delete;
  StoreLane& operator=(const StoreLane&) = delete;

  /// Appends and returns the sequence: accepted, it survives the death of this process. Nothing when the lane is full
  /// and told to reject. Throws TopicError, PayloadError; SystemError when the disk refuses.
  [[nodiscard]] std::optional<std::uint64_t> append(const Message& message);
  /// Has it synced now, and waits. False when the timeout ran out or the sync failed.
  [[nodiscard]] bool wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout);
  /// The next in order of acceptance, at most count and about bytes; empty at the end. Each is read once per opening,
  /// or after rewind(). Throws SystemError when the disk cannot be read.
  [[nodiscard]] std::vector<StoreRecord> read(std::size_t count, std::size_t bytes);
  /// What has been read and has not left is read again.
  void rewind();
  /// These were dealt with, and leave. A second time is ignored.
  void acknowledge(std::span<const std::uint64_t> sequences);
  /// It leaves, counted as dead-lettered or as dropped. why: for people.
  void discard(std::uint64_t sequence, bool dead_lettered, const std::string& why);
  [[nodiscard]] StoreStatus status() const;

 private:
  friend class Store;
  struct Impl;
  explicit StoreLane(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// A spool of one's own: durable queues in a folder, as the gateway has them. `tidegate spool --state FOLDER` looks
/// into it. Thread-safe.
class Store final {
 public:
  /// Opens or makes the folder; what is damaged in it is stepped over. Throws UnavailableError when another process has
  /// it, SystemError when it cannot be made or written.
  explicit Store(const std::filesystem::path& folder);
  ~Store();  ///< as close()
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Opens or makes a lane; one that is open is returned as it is. Names: letters, digits, '-', '_', '.', at most 64.
  /// Throws ConfigError for a name or an option that is none, SystemError when the disk refuses.
  [[nodiscard]] std::unique_ptr<StoreLane> lane(const std::string& upstream, const std::string& name,
                                                const StoreLaneOptions& options);
  /// The lanes on disk that have not been opened: (upstream, name).
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> forgotten() const;
  /// A random uuid, made once and kept in the folder.
  [[nodiscard]] std::string uuid() const;
  /// Syncs every lane now, and waits.
  void sync();
  /// Syncs what is not durable yet, and lets the folder go. Waits for calls that are under way.
  void close() noexcept;

 private:
  struct State;
  friend class StoreLane;
  std::shared_ptr<State> state_;
};

}  // namespace tidegate
