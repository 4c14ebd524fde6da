// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/secret.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>

namespace tidegate::config {
namespace {

constexpr std::size_t most_bytes = 65535;  // what MQTT has room for

std::string cleaned(std::string text, const std::string& from) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) throw ConfigError(fmt::format("{} is empty; put the secret there", from));
  if (text.size() > most_bytes) throw ConfigError(fmt::format("{} has more than {} bytes", from, most_bytes));
  return text;
}

/// refuse_mode: the permission bits that must not be set.
std::string read(const std::filesystem::path& file, mode_t refuse_mode, const char* mend) {
  const auto unreadable = [&](int code) {
    return ConfigError(fmt::format("cannot read {}: {}; {}", file.string(), std::strerror(code), mend));
  };
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) throw unreadable(errno);
  struct stat status{};
  std::string text;
  char buffer[4096];
  int code = ::fstat(fd.get(), &status) != 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
  while (code == 0 && text.size() <= most_bytes + 2) {
    const auto count = ::read(fd.get(), buffer, sizeof buffer);
    if (count == 0) break;
    if (count > 0) {
      text.append(buffer, static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      code = errno;
    }
  }
  if (code != 0) throw unreadable(code);
  if ((status.st_mode & refuse_mode) != 0) {
    throw ConfigError(
        fmt::format("{0} holds a secret, but others than its owner can read it; run: chmod 600 {0}", file.string()));
  }
  return cleaned(std::move(text), file.string());
}

}  // namespace

std::string read_credential(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find_first_of(std::string_view("/\0", 2)) != name.npos) {
    throw ConfigError("the credential's name is no plain file name");
  }
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || *folder == '\0') {
    throw ConfigError(
        fmt::format("credential \"{0}\" is not there: $CREDENTIALS_DIRECTORY is not set; put "
                    "LoadCredential={0}:/path/of/the/secret into the unit, or use {{ file = \"path\" }}",
                    name));
  }
  // The folder itself is private to the unit; systemd chooses the modes in it.
  return read(std::filesystem::path(folder) / name, 0, "put LoadCredential= with this name into the unit");
}

std::string read_secret_file(const std::filesystem::path& file) {
  return read(file, 077, "make it, with chmod 600, owned by the user that runs tidegated");
}

std::string read_environment(const std::string& name) {
  const char* value = name.empty() || name.find('\0') != name.npos ? nullptr : std::getenv(name.c_str());
  if (value == nullptr)
    throw ConfigError(fmt::format("the environment variable {} is not set; set it for tidegated", name));
  return cleaned(value, fmt::format("the environment variable {}", name));
}

}  // namespace tidegate::config
