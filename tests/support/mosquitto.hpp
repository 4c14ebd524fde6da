// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <sys/types.h>

namespace tidegate::test {

/// A real Mosquitto of the test's own: on a free port of 127.0.0.1, in a private folder, with its own configuration;
/// the system's service is never touched. It is running and accepts connections when start() returns. One thread uses
/// it, and that thread must outlive it: the broker is killed when that thread ends, so that a crashed test leaves
/// nothing behind.
class RealMosquitto {
 public:
  struct Options {
    /// Lines for its configuration, after the listener's: "max_inflight_messages 1\n". Anonymous clients are allowed
    /// unless allow_anonymous stands here. "{dir}" becomes the private folder.
    std::string config = {};
    bool persistence = false;  ///< keeps sessions and retained messages over a restart (not over a kill)
    bool tls = false;          ///< only for url(); the listener's certificate is set in config
    bool start = true;         ///< else start() is called later; the port is chosen already
  };

  RealMosquitto() : RealMosquitto(Options{}) {}
  explicit RealMosquitto(Options options);  ///< Throws std::runtime_error with the broker's log when it does not start.
  ~RealMosquitto();
  RealMosquitto(const RealMosquitto&) = delete;
  RealMosquitto& operator=(const RealMosquitto&) = delete;

  /// Starts it again, on the same port. Throws std::runtime_error.
  void start();
  void stop();          ///< SIGTERM, and waits
  void kill();          ///< SIGKILL, and waits
  void pause() const;   ///< SIGSTOP: takes connections, answers nothing
  void resume() const;  ///< SIGCONT

  [[nodiscard]] bool running() const noexcept { return pid_ > 0; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string url(const std::string& host = "127.0.0.1") const;
  [[nodiscard]] const std::filesystem::path& dir() const noexcept { return dir_; }
  [[nodiscard]] std::string log() const;
  /// Adds a user to the password file {dir}/passwords; for a config with "password_file {dir}/passwords".
  void add_user(const std::string& name, const std::string& password) const;

 private:
  bool launch();
  void end(int signal);

  Options options_;
  std::filesystem::path dir_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

/// A port of 127.0.0.1 on which nobody listens, and that nobody else is given while this process lives. A server that
/// sets SO_REUSEADDR, as most do, may listen there.
[[nodiscard]] std::uint16_t free_port();

}  // namespace tidegate::test
