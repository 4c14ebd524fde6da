// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace tidegate {

/// The root of everything Tidegate throws. what() says what went wrong, where, and how to mend it.
/// Each class below is one Python class that also inherits the builtin named beside it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The configuration cannot be used (ValueError). what() may hold several lines, one complaint each,
/// every one starting with file:line:column.
class ConfigError final : public Error {
 public:
  using Error::Error;
};

/// A topic or topic filter breaks the rules of MQTT (ValueError).
class TopicError final : public Error {
 public:
  using Error::Error;
};

/// A payload is over the cap, or cannot be encoded (ValueError).
class PayloadError final : public Error {
 public:
  using Error::Error;
};

/// A system call failed (OSError). code() is its errno.
class SystemError final : public Error {
 public:
  /// what() becomes "<what>: <strerror(code)>".
  SystemError(int code, const std::string& what);
  [[nodiscard]] int code() const noexcept { return code_; }

 private:
  int code_;
};

/// Something that is needed is not there now: a broker, a socket, a running gateway (ConnectionError).
class UnavailableError final : public Error {
 public:
  using Error::Error;
};

/// Exit statuses of our programs, after sysexits.h.
enum class Exit : int {
  ok = 0,
  failure = 1,
  timeout = 27,  ///< as mosquitto_sub -W
  usage = 64,
  no_input = 66,
  unavailable = 69,
  os_error = 71,
  permission = 77,
  config = 78,
};

/// The exit status that fits an exception: ConfigError 78, TopicError and PayloadError 64, UnavailableError 69,
/// SystemError 66 (ENOENT), 77 (EACCES, EPERM) or 71, anything else 1.
[[nodiscard]] Exit exit_status(const std::exception& error) noexcept;

}  // namespace tidegate
