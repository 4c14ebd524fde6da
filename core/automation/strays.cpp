// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/strays.hpp"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>

namespace tidegate::automation {
namespace {

bool has(std::string_view environment, std::string_view mark, bool whole) noexcept {
  while (!environment.empty()) {
    const auto variable = environment.substr(0, environment.find('\0'));
    if (whole ? variable == mark : variable.starts_with(mark)) return true;
    environment.remove_prefix(std::min(variable.size() + 1, environment.size()));
  }
  return false;
}

/// Whether a process without an environment has a program: then it has only just begun it, or was given none.
bool has_program(const std::filesystem::path& process) {
  std::error_code error;
  return !std::filesystem::read_symlink(process / "exe", error).empty();
}

}  // namespace

int end_strays(const std::string& mark, bool whole) noexcept {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  constexpr int most_waits = 20;
  std::set<pid_t> ended;
  try {
    // Again, until there are none: they may have forked meanwhile.
    int waits = 0;
    for (bool again = true; again && std::chrono::steady_clock::now() < deadline;) {
      again = false;
      bool begins = false;
      std::error_code error;
      for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
           entry.increment(error)) {
        const auto name = entry->path().filename().string();
        pid_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{} || pid == getpid()) continue;
        // The descriptor first: what is killed is then what was looked at.
        const Descriptor fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
        if (!fd) continue;
        std::ifstream file(entry->path() / "environ", std::ios::binary);
        const std::string environment{std::istreambuf_iterator<char>(file), {}};
        begins |= environment.empty() && has_program(entry->path());
        if (has(environment, mark, whole) && syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0) == 0) {
          again = true;
          ended.insert(pid);
          pollfd gone{fd.get(), POLLIN, 0};
          static_cast<void>(poll(&gone, 1, 1000));
        }
      }
      if (!again && begins && waits++ < most_waits) {
        static_cast<void>(poll(nullptr, 0, 5));
        again = true;
      }
    }
  } catch (...) {
    // Out of memory: what is left is told by nobody.
  }
  return static_cast<int>(ended.size());
}

}  // namespace tidegate::automation
