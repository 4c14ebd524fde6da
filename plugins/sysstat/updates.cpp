// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/sysstat/updates.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto patience = 2min;
constexpr int look_around_ms = 200;
constexpr std::size_t most_output = 4 << 20;

/// A child with its standard output; killed when it is destroyed before it was waited for.
class Child final {
 public:
  explicit Child(std::vector<std::string> words) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw SystemError(errno, "cannot make a pipe");
    output_ = Descriptor(ends[0]);
    const Descriptor its_output(ends[1]);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::array<std::string, 2> variables = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
    std::array<char*, 3> environment = {variables[0].data(), variables[1].data(), nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, its_output.get(), STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);  // a group of its own
    const int code =
        posix_spawnp(&pid_, words.front().c_str(), &files, &attributes, arguments.data(), environment.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (code != 0) throw SystemError(code, fmt::format("cannot start {}", words.front()));
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    static_cast<void>(wait());
  }

  [[nodiscard]] int output() const noexcept { return output_.get(); }
  /// Until it ends; its wait status.
  int wait() noexcept {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  Descriptor output_;
  pid_t pid_ = 0;
};

}  // namespace

Updates count_updates(std::string_view simulation) {
  // "Inst base-files [12.4] (12.4+deb12u1 Debian:12.1/stable, Debian-Security:12/stable-security [amd64])"
  Updates updates;
  while (!simulation.empty()) {
    const auto end = simulation.find('\n');
    const auto line = simulation.substr(0, end);
    simulation.remove_prefix(end == simulation.npos ? simulation.size() : end + 1);
    if (!line.starts_with("Inst ")) continue;
    ++updates.pending;
    if (line.find("-security") != line.npos || line.find("Debian-Security:") != line.npos) ++updates.security;
  }
  return updates;
}

Updates pending_updates(const std::filesystem::path& root, const std::atomic<bool>& stopping) {
  const auto program = root / "usr/bin/apt-get";
  std::error_code none;
  if (!std::filesystem::exists(program, none)) {
    throw Error(
        fmt::format("there is no {} to count updates with; leave \"updates\" out of collect", program.string()));
  }
  // No locks, so that nobody waits for us; no cache files, which need not be writable.
  std::vector<std::string> words = {"nice",       "-n",
                                    "19",         program.string(),
                                    "--simulate", "-qq",
                                    "-o",         "Debug::NoLocking=true",
                                    "-o",         "Dir::Cache::pkgcache=",
                                    "-o",         "Dir::Cache::srcpkgcache="};
  if (root != "/") words.insert(words.end(), {"-o", fmt::format("RootDir={}", root.string())});
  words.emplace_back("upgrade");
  Child child(std::move(words));
  const auto deadline = Steady::now() + patience;
  std::string text;
  std::array<char, 16 << 10> chunk{};
  for (;;) {
    if (stopping) throw Error("stopped");
    if (Steady::now() > deadline) throw Error("apt-get has not answered for two minutes");
    pollfd ready{child.output(), POLLIN, 0};
    if (poll(&ready, 1, look_around_ms) <= 0) continue;
    const ssize_t got = read(child.output(), chunk.data(), chunk.size());
    if (got == 0) break;
    if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
    if (text.size() > most_output) throw Error("apt-get says more than it should");
  }
  const int status = child.wait();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw Error(fmt::format("\"apt-get --simulate upgrade\" failed with status {}",
                            WIFEXITED(status) ? WEXITSTATUS(status) : -1));
  }
  return count_updates(text);
}

}  // namespace tidegate::plugins
