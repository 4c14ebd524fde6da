// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "spool/file.hpp"

namespace tidegate::test {

/// The power went away: nothing after this reaches the disk.
class PowerCut final : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the power was cut"; }
};

/// A disk in memory that keeps two images: what a process sees (volatile) and what is on the medium (durable). Contents
/// become durable, in sectors of 512 bytes, only by File::sync; names only by sync_folder. A rename is atomic, as on
/// every file system with a journal. Sectors are never torn, writes of several sectors are. Thread-safe.
///
/// Paths are absolute. Only "/" and the folder given to the constructor exist, durably, at the start.
class SimulatedDisk final : public spool::Disk {
 public:
  static constexpr std::size_t sector = 512;
  static constexpr std::uint64_t always = std::numeric_limits<std::uint64_t>::max();

  explicit SimulatedDisk(const std::filesystem::path& folder = "/state");
  ~SimulatedDisk() override;
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  [[nodiscard]] std::unique_ptr<spool::File> open(const std::filesystem::path& path, Open how) override;
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void remove(const std::filesystem::path& path) override;
  void make_folder(const std::filesystem::path& path) override;
  [[nodiscard]] std::vector<std::string> list(const std::filesystem::path& folder) const override;
  void sync_folder(const std::filesystem::path& folder) override;
  [[nodiscard]] Space space(const std::filesystem::path& folder) const override;

  /// The n-th operation from now (1 is the next) that changes something throws PowerCut, and so does every later one.
  /// Operations that change something: write, sync, create, rename, remove, truncate, make and sync a folder.
  void cut_at(std::uint64_t operation);
  [[nodiscard]] bool is_cut() const;
  /// The disk as it comes back: the durable image, and of each unsynced sector, size and name what the seed says: lost,
  /// kept, or one of the states in between. Half of the seeds lose names in their order (a journal), half file by file.
  [[nodiscard]] std::unique_ptr<SimulatedDisk> after_power_cut(std::uint64_t seed) const;
  /// The disk as the next process finds it when this one died: everything that was written, durable or not.
  [[nodiscard]] std::unique_ptr<SimulatedDisk> after_kill() const;

  // Faults. A path matches when it contains the text; an empty text matches every path.

  /// The next so many syncs of matching files and folders fail with the code; what they should have made durable is
  /// dropped from the list of what is still to be written, as Linux does: a later sync succeeds without it.
  void fail_syncs(const std::string& matching, std::uint64_t times = always, int code = 5);
  /// Writes to matching files fail with the code once so many more bytes have been written.
  void fail_writes(const std::string& matching, std::uint64_t after_bytes = 0, int code = 28);
  void fail_reads(const std::string& matching, int code = 5, std::uint64_t times = always);
  /// Reads of matching files fail that touch bytes from offset to before end.
  void fail_reads_of(const std::string& matching, std::uint64_t offset, std::uint64_t end, int code = 5);
  /// Opening what is there fails.
  void fail_opens(const std::string& matching, int code = 13);
  /// Creations, renames and removals that match fail with the code.
  void fail_names(const std::string& matching, int code = 30);
  /// Files may grow by so many bytes in total, then ENOSPC. Overwriting needs none.
  void limit_space(std::uint64_t free);
  /// Ends all faults.
  void heal();
  /// From now on a sync of matching files waits until release_syncs(). What it makes durable is what was there when it
  /// began.
  void hold_syncs(const std::string& matching = {});
  void release_syncs();
  /// From now on each sync of a file takes so long.
  void delay_syncs(std::chrono::milliseconds delay);
  /// Waits until a sync is being held; false after ten seconds.
  [[nodiscard]] bool wait_for_held_sync();

  // Damage, and looking in from outside: both images, no operation counted.

  [[nodiscard]] bool exists(const std::filesystem::path& path) const;
  [[nodiscard]] std::string contents(const std::filesystem::path& path) const;
  /// The files of the folder with their bytes, all at one moment: a sync thread may take some of them away at the next.
  [[nodiscard]] std::map<std::string, std::uint64_t> sizes(const std::filesystem::path& folder) const;
  void replace(const std::filesystem::path& path, const std::string& contents);
  void erase(const std::filesystem::path& path);
  void flip_bit(const std::filesystem::path& path, std::uint64_t offset, unsigned bit = 0);
  void zero(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t length);
  void zero_all(const std::filesystem::path& path);

  // Counts since this disk was made.

  [[nodiscard]] std::uint64_t operations() const;
  [[nodiscard]] std::uint64_t syncs(const std::string& matching = {}) const;  ///< of files, failed ones included
  [[nodiscard]] std::uint64_t reads(const std::string& matching = {}) const;
  [[nodiscard]] std::uint64_t bytes_written(const std::string& matching = {}) const;
  /// The last operations, one a line, for the message of a failed test.
  [[nodiscard]] std::string log() const;

 private:
  class OpenFile;
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  struct NameChange;
  struct Count {
    std::uint64_t syncs = 0;
    std::uint64_t reads = 0;
    std::uint64_t written = 0;
  };
  struct Fault {
    std::string matching;
    std::uint64_t left;  ///< times or bytes
    int code;
    std::uint64_t from = 0;  ///< bytes of the file, …
    std::uint64_t to = always;
  };
  struct Bare {};
  explicit SimulatedDisk(Bare);

  /// All of these with the mutex held.
  [[nodiscard]] NodePtr find(const std::filesystem::path& path) const;
  [[nodiscard]] NodePtr parent(const std::filesystem::path& path, const char* doing) const;
  [[nodiscard]] NodePtr existing_file(const std::filesystem::path& path) const;
  /// Notes the operation; true when it is the one during which the power goes away. Throws when it is away already.
  [[nodiscard]] bool begin(const std::string& what);
  void change_name(NameChange change);
  void check_names(const std::filesystem::path& path, const char* doing) const;
  /// The graph of nodes and the pending changes of names, copied.
  void copy_to(SimulatedDisk& other) const;

  mutable std::mutex mutex_;
  std::condition_variable held_;
  NodePtr root_;
  std::vector<NameChange> pending_;  ///< changes of names that are not durable, in order
  std::uint64_t operations_ = 0;
  std::uint64_t stamp_ = 0;     ///< orders versions of sectors
  std::uint64_t cut_ = always;  ///< the number of the operation that is cut
  std::vector<Fault> failing_syncs_;
  std::vector<Fault> failing_writes_;
  std::vector<Fault> failing_reads_;
  std::vector<Fault> failing_names_;
  std::vector<Fault> failing_opens_;
  std::chrono::milliseconds delay_{0};
  std::uint64_t free_ = 1ULL << 40;
  bool holding_ = false;
  std::string held_files_;  ///< what they match
  unsigned waiting_syncs_ = 0;
  mutable std::map<std::string, Count> counts_;
  std::deque<std::string> log_;
};

}  // namespace tidegate::test
