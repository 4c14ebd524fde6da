// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>

namespace tidegate::spool {
namespace {

[[noreturn]] void fail(int code, std::string_view doing, const std::filesystem::path& path) {
  throw SystemError(code, fmt::format("cannot {} {}", doing, path.string()));
}

/// Repeats a system call for as long as a signal interrupts it.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

class MachineFile final : public File {
 public:
  MachineFile(std::filesystem::path path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  [[nodiscard]] std::size_t read(std::uint64_t offset, std::span<std::byte> into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto part = uninterrupted([&] {
        return ::pread(descriptor_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      });
      if (part == -1) fail(errno, "read", path_);
      if (part == 0) break;
      done += static_cast<std::size_t>(part);
    }
    return done;
  }

  void write(std::uint64_t offset, std::span<const std::byte> from) override {
    std::size_t done = 0;
    while (done < from.size()) {
      const auto part = uninterrupted([&] {
        return ::pwrite(descriptor_.get(), from.data() + done, from.size() - done, static_cast<off_t>(offset + done));
      });
      if (part == -1) fail(errno, "write", path_);
      if (part == 0) fail(EIO, "write", path_);
      done += static_cast<std::size_t>(part);
    }
  }

  void truncate(std::uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size)); }) == -1) {
      fail(errno, "truncate", path_);
    }
  }

  void sync() override {
    if (uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) == -1) fail(errno, "fdatasync", path_);
  }

  [[nodiscard]] std::uint64_t size() const override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) == -1) fail(errno, "stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
};

class MachineDisk final : public Disk {
 public:
  [[nodiscard]] std::unique_ptr<File> open(const std::filesystem::path& path, Open how) override {
    const int flags = (how == Open::read ? O_RDONLY | O_NONBLOCK : O_RDWR) | O_CLOEXEC | O_NOCTTY |
                      (how == Open::create ? O_CREAT : 0);
    Descriptor descriptor(uninterrupted([&] { return ::open(path.c_str(), flags, 0600); }));
    if (!descriptor) {
      if (how != Open::create && errno == ENOENT) return nullptr;
      fail(errno, how == Open::create ? "create" : "open", path);
    }
    return std::make_unique<MachineFile>(path, std::move(descriptor));
  }

  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (::rename(from.c_str(), to.c_str()) == -1) fail(errno, fmt::format("rename {} to", from.string()), to);
  }

  void remove(const std::filesystem::path& path) override {
    if (::unlink(path.c_str()) == -1) fail(errno, "remove", path);
  }

  /// Makes the missing ones above, too; their names are durable on return, as far as the one above lets itself be
  /// opened.
  void make_folder(const std::filesystem::path& path) override {
    if (::mkdir(path.c_str(), 0700) == 0) return;
    if (errno == ENOENT && path.has_parent_path() && path.parent_path() != path) {
      make_folder(path.parent_path());
      sync_name_of(path.parent_path());
      if (::mkdir(path.c_str(), 0700) == 0) return;
    }
    const int code = errno;
    struct stat status{};
    if (code != EEXIST || ::stat(path.c_str(), &status) == -1) fail(code, "make the folder", path);
    if (!S_ISDIR(status.st_mode)) fail(ENOTDIR, "make the folder", path);
  }

  [[nodiscard]] std::vector<std::string> list(const std::filesystem::path& folder) const override {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()),
                                                     [](DIR* dir) { return ::closedir(dir); });
    if (stream == nullptr) {
      if (errno == ENOENT || errno == ENOTDIR) return names;
      fail(errno, "list", folder);
    }
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) break;
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) fail(errno, "list", folder);
    std::sort(names.begin(), names.end());
    return names;
  }

  void sync_folder(const std::filesystem::path& folder) override {
    const Descriptor descriptor(
        uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!descriptor) fail(errno, "open the folder", folder);
    // Some file systems (vfat on old kernels, a few of FUSE) have no sync for folders and say EINVAL: there is nothing
    // better to do on them.
    if (uninterrupted([&] { return ::fsync(descriptor.get()); }) == -1 && errno != EINVAL) {
      fail(errno, "fsync the folder", folder);
    }
  }

  [[nodiscard]] Space space(const std::filesystem::path& folder) const override {
    struct statvfs status{};
    if (uninterrupted([&] { return ::statvfs(folder.c_str(), &status); }) == -1) {
      fail(errno, "ask for the free space of", folder);
    }
    const auto unit = static_cast<std::uint64_t>(status.f_frsize);
    return {.free = unit * status.f_bavail, .total = unit * status.f_blocks};
  }

 private:
  void sync_name_of(const std::filesystem::path& made) {
    try {
      sync_folder(made.has_parent_path() ? made.parent_path() : ".");
    } catch (const SystemError&) {
    }
  }
};

}  // namespace

Disk& machine_disk() noexcept {
  static MachineDisk disk;
  return disk;
}

}  // namespace tidegate::spool
