// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "support/mosquitto.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tidegate::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Whether a Mosquitto runs behind the port. The kernel takes connections for it before that, and a signal that it gets
/// by then it forgets or dies of.
bool serves(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const timeval patience{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char bytes[16] = {};  // neither MQTT nor TLS: it hangs up
  bool yes = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
             ::send(socket, bytes, sizeof bytes, MSG_NOSIGNAL) > 0;
  ssize_t got = 1;
  while (yes && got > 0) got = ::recv(socket, bytes, sizeof bytes, 0);
  yes = yes && (got == 0 || errno == ECONNRESET);
  ::close(socket);
  return yes;
}

std::string program(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"}) {
    if (std::filesystem::exists(folder + name)) return folder + name;
  }
  throw std::runtime_error(name + " was not found. Install it with: apt-get install mosquitto");
}

std::string user_name() {
  const passwd* const entry = ::getpwuid(::geteuid());
  return entry == nullptr ? "root" : entry->pw_name;
}

}  // namespace

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    ::close(socket);
    throw std::runtime_error("no free port");
  }
  return ntohs(address.sin_port);  // the socket stays, and the port with it
}

RealMosquitto::RealMosquitto(Options options) : options_(std::move(options)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tidegate-mosquitto-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder for Mosquitto");
  dir_ = pattern;
  port_ = free_port();
  if (options_.config.find("{dir}/passwords") != std::string::npos) {
    std::ofstream(dir_ / "passwords").flush();
    std::filesystem::permissions(dir_ / "passwords",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  if (!options_.start) return;
  // A first start may choose another port.
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (launch()) return;
    port_ = free_port();
  }
  throw std::runtime_error("Mosquitto does not start:\n" + log());
}

RealMosquitto::~RealMosquitto() {
  end(SIGKILL);
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void RealMosquitto::start() {
  if (running()) return;
  if (!launch()) throw std::runtime_error("Mosquitto does not start again:\n" + log());
}

bool RealMosquitto::launch() {
  std::string config = options_.config;
  for (std::size_t at = 0; (at = config.find("{dir}", at)) != std::string::npos;) config.replace(at, 5, dir_.string());
  {
    std::ofstream file(dir_ / "mosquitto.conf");
    file << "user " << user_name() << "\n"
         << "listener " << port_ << " 127.0.0.1\n"
         << "persistence " << (options_.persistence ? "true" : "false") << "\n"
         << "persistence_location " << dir_.string() << "/\n"
         << "log_dest stderr\nlog_type all\nlog_timestamp false\n";
    if (config.find("allow_anonymous") == std::string::npos) file << "allow_anonymous true\n";
    file << config << "\n";
  }
  const std::string executable = program("mosquitto");
  const std::string file = (dir_ / "mosquitto.conf").string();
  const std::string log_file = (dir_ / "mosquitto.log").string();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    const int out = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execl(executable.c_str(), "mosquitto", "-c", file.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  pid_ = child;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    if (serves(port_)) return true;
    ::poll(nullptr, 0, 2);
  }
  end(SIGKILL);
  return false;
}

void RealMosquitto::end(int signal) {
  if (pid_ <= 0) return;
  ::kill(pid_, signal);
  ::kill(pid_, SIGCONT);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
}

void RealMosquitto::stop() {
  end(SIGTERM);
}

void RealMosquitto::kill() {
  end(SIGKILL);
}

void RealMosquitto::pause() const {
  if (running()) ::kill(pid_, SIGSTOP);
}

void RealMosquitto::resume() const {
  if (running()) ::kill(pid_, SIGCONT);
}

std::string RealMosquitto::url(const std::string& host) const {
  return fmt::format("{}://{}:{}", options_.tls ? "mqtts" : "mqtt", host, port_);
}

std::string RealMosquitto::log() const {
  std::ifstream file(dir_ / "mosquitto.log");
  return {std::istreambuf_iterator<char>(file), {}};
}

void RealMosquitto::add_user(const std::string& name, const std::string& password) const {
  const std::string executable = program("mosquitto_passwd");
  const std::string file = (dir_ / "passwords").string();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
    ::execl(executable.c_str(), "mosquitto_passwd", "-b", file.c_str(), name.c_str(), password.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) throw std::runtime_error("mosquitto_passwd failed");
  if (running()) ::kill(pid_, SIGHUP);
}

}  // namespace tidegate::test
