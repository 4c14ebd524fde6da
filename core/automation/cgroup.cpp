// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/cgroup.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

namespace tidegate::automation {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* own_name = "supervisor";
constexpr int cpu_period = 100'000;  // microseconds

/// 0, or the errno. Files of the kernel: one write each.
int put(const fs::path& file, const std::string& text) noexcept {
  const Descriptor fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return !fd || write(fd.get(), text.data(), text.size()) < 0 ? errno : 0;
}

/// Where version 2 is mounted: alone, or beside version 1.
std::optional<fs::path> mount_point() noexcept {
  for (const char* place : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs status{};
    if (statfs(place, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC) return place;
  }
  return std::nullopt;
}

std::optional<fs::path> own_path() {
  const auto root = mount_point();
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; root && std::getline(file, line);) {
    if (line.starts_with("0::/")) return *root / line.substr(4);
  }
  return std::nullopt;
}

/// systemd marks so what it leaves to others.
bool is_delegated(const fs::path& path) noexcept {
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    char value = 0;
    if (getxattr(path.c_str(), name, &value, 1) == 1 && value == '1') return access(path.c_str(), W_OK) == 0;
  }
  return false;
}

}  // namespace

Cgroup::Cgroup(Cgroup&& other) noexcept
    : path_(std::exchange(other.path_, {})), memory_(other.memory_), cpu_(other.cpu_) {}

Cgroup::~Cgroup() {
  if (path_.empty()) return;
  put(path_ / "cgroup.kill", "1");
  const Descriptor events(open((path_ / "cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (rmdir(path_.c_str()) < 0 && errno == EBUSY && std::chrono::steady_clock::now() < deadline) {
    pollfd empty{events.get(), POLLPRI, 0};
    static_cast<void>(poll(&empty, 1, 20));
  }
}

void Cgroup::add(pid_t pid) const {
  if (const int error = put(path_ / "cgroup.procs", std::to_string(pid)); error != 0) {
    throw SystemError(error, "cannot put a process into " + path_.string());
  }
}

bool Cgroup::out_of_memory() const {
  std::ifstream events(path_ / "memory.events");
  std::string what;
  for (std::uint64_t count = 0; events >> what >> count;) {
    if (what == "oom_kill") return count > 0;
  }
  return false;
}

std::optional<CgroupTree> CgroupTree::find() {
  const auto own = own_path();
  if (!own) return std::nullopt;
  if (is_delegated(*own)) {
    const auto leaf = *own / own_name;
    std::error_code ignored;
    fs::create_directory(leaf, ignored);
    if (const int error = put(leaf / "cgroup.procs", std::to_string(getpid())); error != 0) {
      log::warning("{} is ours, but cannot be used: {}", own->string(), SystemError(error, leaf.string()).what());
      return std::nullopt;
    }
    return CgroupTree(*own);
  }
  if (is_delegated(own->parent_path())) return CgroupTree(own->parent_path());
  return std::nullopt;
}

Cgroup CgroupTree::make(const std::string& name, std::optional<std::uint64_t> memory, std::optional<double> cpu) const {
  for (const char* controller : {"+memory", "+cpu"}) put(path_ / "cgroup.subtree_control", controller);
  const auto path = path_ / ("app-" + name);
  // One that is there was left by a predecessor, with what it started.
  {
    const Cgroup left(path);
  }
  std::error_code error;
  if (!fs::create_directory(path, error) && error) throw SystemError(error.value(), "cannot make " + path.string());
  Cgroup group(path);
  if (memory) {
    group.memory_ = put(path / "memory.max", std::to_string(*memory)) == 0;
    put(path / "memory.oom.group", "1");
  }
  if (cpu) {
    const auto quota = std::max(1000L, std::lround(*cpu * cpu_period));
    group.cpu_ = put(path / "cpu.max", fmt::format("{} {}", quota, cpu_period)) == 0;
  }
  return group;
}

}  // namespace tidegate::automation
