// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <sys/types.h>

namespace tidegate::automation {

/// The control group of one script. Destroying it kills all that is in it, and removes it. Move-only.
class Cgroup final {
 public:
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup();

  /// Puts a process, and all that it will start, into it. Throws SystemError.
  void add(pid_t pid) const;
  /// Whether something in it was killed because it had reached its memory limit.
  [[nodiscard]] bool out_of_memory() const;
  [[nodiscard]] bool limits_memory() const noexcept { return memory_; }
  [[nodiscard]] bool limits_cpu() const noexcept { return cpu_; }

 private:
  friend class CgroupTree;
  explicit Cgroup(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
  bool memory_ = false, cpu_ = false;
};

/// The part of the tree of control groups (version 2) that systemd has handed to this program with Delegate=yes.
class CgroupTree final {
 public:
  /// Looks where this process is. When that was handed to us, moves this process to a group of its own in there, for
  /// the kernel has processes in the leaves only.
  [[nodiscard]] static std::optional<CgroupTree> find();

  /// A group with these limits, as far as the controllers for them were handed to us. Throws SystemError.
  [[nodiscard]] Cgroup make(const std::string& name, std::optional<std::uint64_t> memory,
                            std::optional<double> cpu) const;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit CgroupTree(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace tidegate::automation
