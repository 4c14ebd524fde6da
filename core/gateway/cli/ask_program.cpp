// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/ask_program.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>

#include "event/process.hpp"

namespace tidegate::cli {
namespace {

/// What is written there stays in memory.
class Memory final {
 public:
  Memory() : fd_(memfd_create("answer", MFD_CLOEXEC)) {
    if (!fd_) throw SystemError(errno, "cannot take what a program says");
  }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
  [[nodiscard]] std::string text() const {
    std::string all;
    std::array<char, 65536> part{};
    ssize_t got = 0;
    while ((got = pread(fd_.get(), part.data(), part.size(), static_cast<off_t>(all.size()))) > 0)
      all.append(part.data(), static_cast<std::size_t>(got));
    return all;
  }

 private:
  Descriptor fd_;
};

}  // namespace

std::optional<Said> ask_program(std::vector<std::string> words, std::chrono::milliseconds patience) {
  const auto program = event::find_program(words.front(), "/usr/local/sbin:/usr/sbin:/sbin");
  if (!program) return std::nullopt;
  const Memory answer;
  event::Launch launch;
  launch.arguments = std::move(words);
  launch.arguments.front() = *program;
  launch.output = answer.descriptor();
  launch.folder = "/";
  launch.death_signal = SIGKILL;
  std::erase_if(launch.environment, [](const std::string& one) { return one.starts_with("LC_ALL="); });
  launch.environment.emplace_back("LC_ALL=C");
  auto process = event::Process::start(launch, [](const event::Process&) {});
  const bool in_time = process.wait(patience);
  if (!in_time) {
    process.signal(SIGKILL);
    if (!process.wait(std::chrono::seconds(1))) return std::nullopt;
  }
  const int status = process.reap();
  if (!in_time) return std::nullopt;
  return Said{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), answer.text()};
}

}  // namespace tidegate::cli
