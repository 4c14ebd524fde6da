// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <tidegate/error.hpp>

namespace tidegate {

SystemError::SystemError(int code, const std::string& what)
    : Error(fmt::format("{}: {}", what, std::strerror(code))), code_(code) {}

Exit exit_status(const std::exception& error) noexcept {
  if (dynamic_cast<const ConfigError*>(&error) != nullptr) return Exit::config;
  if (dynamic_cast<const TopicError*>(&error) != nullptr) return Exit::usage;
  if (dynamic_cast<const PayloadError*>(&error) != nullptr) return Exit::usage;
  if (dynamic_cast<const UnavailableError*>(&error) != nullptr) return Exit::unavailable;
  if (const auto* system = dynamic_cast<const SystemError*>(&error)) {
    switch (system->code()) {
      case ENOENT:
        return Exit::no_input;
      case EACCES:
      case EPERM:
        return Exit::permission;
      default:
        return Exit::os_error;
    }
  }
  return Exit::failure;
}

}  // namespace tidegate
