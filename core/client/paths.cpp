// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/paths.hpp>

namespace tidegate {
namespace {

std::string_view environment(const char* name) noexcept {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

/// Only root makes folders in /run; who owns one that nobody else can write to runs a service of this machine's.
bool is_of_service(const std::filesystem::path& folder, uid_t owner) noexcept {
  struct stat status{};
  return folder.parent_path() == "/run" && ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == owner && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// The first line of a file of root's, of this user's, or of a service's. Anybody may make files in /tmp; following one
/// of a stranger would hand over messages and passwords.
std::optional<std::string> first_line(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return std::nullopt;
  struct stat status{};
  char buffer[1024];
  ssize_t length = -1;
  if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) &&
      (status.st_uid == 0 || status.st_uid == ::geteuid() || is_of_service(path.parent_path(), status.st_uid)))
    length = ::read(fd.get(), buffer, sizeof buffer);
  if (length <= 0) return std::nullopt;
  std::string_view text(buffer, static_cast<std::size_t>(length));
  text = text.substr(0, text.find_first_of("\r\n"));
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

}  // namespace

std::filesystem::path runtime_folder() {
  const std::string_view given = environment("RUNTIME_DIRECTORY");  // systemd separates several by colons
  if (!given.empty()) return std::filesystem::path(given.substr(0, given.find(':')));
  if (::geteuid() == 0) return "/run/tidegate";
  const std::string_view xdg = environment("XDG_RUNTIME_DIR");
  if (!xdg.empty()) return std::filesystem::path(xdg) / "tidegate";
  return fmt::format("/tmp/tidegate-{}", ::geteuid());
}

std::string local_broker_url() {
  const std::string_view given = environment("TIDEGATE_BROKER");
  if (!given.empty()) return std::string(given);
  const std::filesystem::path mine = runtime_folder() / "broker.url";
  const std::filesystem::path system = "/run/tidegate/broker.url";
  if (auto url = first_line(mine)) return *url;
  if (mine != system) {
    if (auto url = first_line(system)) return *url;
  }
  throw UnavailableError(fmt::format(
      "No local broker is known: $TIDEGATE_BROKER is not set and there is no {}{}. Start tidegated, or name a "
      "broker: TIDEGATE_BROKER=mqtt://127.0.0.1:1883",
      mine.string(), mine == system ? "" : " and no " + system.string()));
}

std::optional<LocalIdentity> local_identity() {
  const auto user = environment("TIDEGATE_USER");
  const auto password = environment("TIDEGATE_PASSWORD");
  if (user.empty() || password.empty()) return std::nullopt;
  return LocalIdentity{std::string(user), std::string(password)};
}

std::string local_broker_url(const std::filesystem::path& runtime) {
  if (auto url = first_line(runtime / "broker.url")) return *url;
  throw UnavailableError(
      fmt::format("The gateway's broker is not up: there is no {}", (runtime / "broker.url").string()));
}

}  // namespace tidegate
