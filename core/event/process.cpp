// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "event/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/error.hpp>

namespace tidegate::event {
namespace {

// glibc 2.36 declares its own without extern "C".
int open_pidfd(pid_t pid) noexcept {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

std::string read_proc(pid_t pid, const char* name) {
  std::ifstream file(fmt::format("/proc/{}/{}", pid, name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Field 22 of /proc/<pid>/stat, or nothing when there is no such process. The name, field 2, may hold anything.
std::optional<std::uint64_t> start_time(pid_t pid) {
  const std::string stat = read_proc(pid, "stat");
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return std::nullopt;
  for (int field = 2; field < 22; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string::npos) return std::nullopt;
  }
  return std::strtoull(stat.c_str() + at, nullptr, 10);
}

Descriptor opened(int fd, const std::string& what) {
  if (fd < 0) throw SystemError(errno, what);
  return Descriptor(fd);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

/// What the new process does before it is the program. Only calls that are safe after a fork beside other threads.
[[noreturn]] void become(const Launch& launch, char* const* arguments, char* const* variables, int input, int gate,
                         pid_t parent) noexcept {
  setsid();
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  umask(launch.mask);
  if (launch.death_signal != 0) prctl(PR_SET_PDEATHSIG, launch.death_signal);
  char go = 0;
  ssize_t got = 0;
  do {
    got = read(gate, &go, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1 || (launch.death_signal != 0 && getppid() != parent)) _exit(127);
  if (dup2(input, 0) < 0 || dup2(launch.output, 1) < 0 || dup2(1, 2) < 0) _exit(127);
  close_range(3, ~0U, 0);
  const char* failed = "work in";
  const char* where = launch.folder.c_str();
  if (*where == '\0' || chdir(where) == 0) {
    failed = "run";
    where = arguments[0];
    for (const auto& [resource, limit] : launch.limits) setrlimit(static_cast<decltype(RLIMIT_AS)>(resource), &limit);
    execve(arguments[0], arguments, variables);
  }
  const char* reason = strerrordesc_np(errno);
  for (const char* text : {"Error: cannot ", failed, " ", where, ": ", reason, "\n"}) {
    if (write(2, text, std::strlen(text)) < 0) break;
  }
  _exit(127);
}

}  // namespace

Process::Process(pid_t pid, std::uint64_t started, Descriptor descriptor) noexcept
    : pid_(pid), started_(started), descriptor_(std::move(descriptor)) {}

std::vector<std::string> environment() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto names = {"NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_"};
    if (std::none_of(names.begin(), names.end(), [&](const char* name) { return text.starts_with(name); })) {
      kept.emplace_back(text);
    }
  }
  return kept;
}

std::optional<std::string> find_program(const std::string& name, const std::string& more) {
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) == 0) return name;
    return std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(fmt::format("{}:{}", path != nullptr ? path : "", more));
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string candidate = folder + '/' + name;
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

std::optional<std::string> find_beside(const std::string& name) {
  std::error_code error;
  const auto ours = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::nullopt : find_program((ours.parent_path() / name).string());
}

Process Process::start(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                       const std::function<void(const Process&)>& record) {
  const Descriptor output =
      opened(open(log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600), "cannot write " + log.string());
  Launch launch;
  launch.arguments = arguments;
  launch.output = output.get();
  launch.mask = 077;
  return start(launch, record);
}

Process Process::start(const Launch& launch, const std::function<void(const Process&)>& record) {
  const std::vector<char*> arguments = pointers(launch.arguments);
  const std::vector<char*> variables = pointers(launch.environment);
  const std::string& program = launch.arguments.front();
  const Descriptor input = opened(open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) < 0) throw SystemError(errno, "cannot make a pipe");
  const Descriptor gate(ends[0]);
  Descriptor opener(ends[1]);
  const pid_t parent = getpid();

  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  const int error = errno;
  if (pid == 0) {
    close(opener.get());
    become(launch, arguments.data(), variables.data(), input.get(), gate.get(), parent);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) throw SystemError(error, "cannot start " + program);
  try {
    Descriptor descriptor = opened(open_pidfd(pid), "cannot watch " + program);
    Process process(pid, start_time(pid).value_or(0), std::move(descriptor));
    record(process);
    if (write(opener.get(), "", 1) != 1) throw SystemError(errno, "cannot start " + program);
    return process;
  } catch (...) {
    opener = Descriptor();
    waitpid(pid, nullptr, 0);
    throw;
  }
}

std::optional<Process> Process::find(pid_t pid, std::uint64_t started, const std::string& argument) {
  if (pid <= 1) return std::nullopt;
  Descriptor descriptor(open_pidfd(pid));
  if (!descriptor || start_time(pid) != started) return std::nullopt;
  // Empty for a zombie.
  std::string line = read_proc(pid, "cmdline");
  if (line.find('\0' + argument + '\0') == std::string::npos) return std::nullopt;
  return Process(pid, started, std::move(descriptor));
}

void Process::signal(int number) const noexcept {
  if (descriptor_) syscall(SYS_pidfd_send_signal, descriptor_.get(), number, nullptr, 0);
}

bool Process::wait(std::chrono::milliseconds timeout) const noexcept {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  pollfd ended{descriptor_.get(), POLLIN, 0};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = poll(&ended, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

int Process::reap() {
  int status = 0;
  const bool ours = waitpid(pid_, &status, WNOHANG) == pid_;
  *this = Process();
  return ours ? status : -1;
}

std::string show_end(int status) {
  if (status < 0) return "it ended";  // adopted: its status went to init
  if (WIFSIGNALED(status)) {
    return fmt::format("it was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return fmt::format("it ended with status {}", WEXITSTATUS(status));
}

}  // namespace tidegate::event
