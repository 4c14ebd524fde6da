// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tidegate::spool {

/// One open file. Thread-safe as the system calls are. Every function throws SystemError, naming the path.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to into.size() bytes at offset; fewer only at the end of the file.
  [[nodiscard]] virtual std::size_t read(std::uint64_t offset, std::span<std::byte> into) const = 0;
  /// Writes all of from at offset.
  virtual void write(std::uint64_t offset, std::span<const std::byte> from) = 0;
  virtual void truncate(std::uint64_t size) = 0;
  /// fdatasync. After it threw, nothing unsynced in this file may be believed, whatever a later call says.
  virtual void sync() = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
};

/// The only door to the disk: the real one, or a simulated one that forgets or tears what was not synced.
class Disk {
 public:
  virtual ~Disk() = default;
  enum class Open { existing, create, read };
  /// existing: for reading and writing; null when there is none. create: the same, but makes it then. read: for reading
  /// only, which needs no more rights than that; null when there is none.
  [[nodiscard]] virtual std::unique_ptr<File> open(const std::filesystem::path& path, Open how) = 0;
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual void remove(const std::filesystem::path& path) = 0;
  virtual void make_folder(const std::filesystem::path& path) = 0;
  /// Names in a folder, sorted; empty when there is no such folder.
  [[nodiscard]] virtual std::vector<std::string> list(const std::filesystem::path& folder) const = 0;
  /// Makes names (creations, renames, removals) in the folder durable.
  virtual void sync_folder(const std::filesystem::path& folder) = 0;
  /// Bytes that may still be written, and bytes of the whole file system.
  struct Space {
    std::uint64_t free;
    std::uint64_t total;
  };
  [[nodiscard]] virtual Space space(const std::filesystem::path& folder) const = 0;
};

/// The machine's file systems.
[[nodiscard]] Disk& machine_disk() noexcept;

}  // namespace tidegate::spool
