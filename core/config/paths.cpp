// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/paths.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "config/config.hpp"

namespace tidegate::config {
namespace {

namespace fs = std::filesystem;

/// The first folder in a variable, for systemd gives several with ':' between; nothing when it is unset or relative.
std::optional<fs::path> from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return {};
  fs::path path = std::string_view(value).substr(0, std::string_view(value).find(':'));
  if (!path.is_absolute()) return {};
  return path;
}

std::optional<fs::path> home() {
  if (auto path = from_environment("HOME")) return path;
  if (const auto* user = ::getpwuid(::geteuid()); user != nullptr && *user->pw_dir == '/') return user->pw_dir;
  return {};
}

/// Whether something is there, though perhaps not for us: load() says so then.
bool is_there(const fs::path& file) {
  std::error_code error;
  return fs::status(file, error).type() != fs::file_type::not_found;
}

}  // namespace

fs::path default_state() {
  if (auto path = from_environment("STATE_DIRECTORY")) return *path;
  if (::geteuid() == 0) return "/var/lib/tidegate";
  if (auto path = from_environment("XDG_STATE_HOME")) return *path / "tidegate";
  if (auto path = home()) return *path / ".local/state/tidegate";
  return fmt::format("/tmp/tidegate-{}/state", ::geteuid());
}

fs::path default_runtime() {
  if (auto path = from_environment("RUNTIME_DIRECTORY")) return *path;
  if (::geteuid() == 0) return "/run/tidegate";
  if (auto path = from_environment("XDG_RUNTIME_DIR")) return *path / "tidegate";
  return fmt::format("/tmp/tidegate-{}", ::geteuid());
}

const char* default_bus() {
  const bool of_a_user =
      std::getenv("XDG_RUNTIME_DIR") != nullptr || std::getenv("DBUS_SESSION_BUS_ADDRESS") != nullptr;
  return ::geteuid() != 0 && of_a_user ? "session" : "system";
}

std::string level_from(std::string_view host) {
  std::string level(host.substr(0, 64));
  std::replace_if(
      level.begin(), level.end(),
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                 c == '.');
      },
      '-');
  return level.empty() ? "gateway" : level;
}

std::string default_id() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return level_from({});
  return level_from(name.data());
}

fs::path default_folder() {
  if (auto path = from_environment("CONFIGURATION_DIRECTORY")) return *path;
  if (::geteuid() == 0) return "/etc/tidegate";
  if (auto path = from_environment("XDG_CONFIG_HOME")) return *path / "tidegate";
  if (auto path = home()) return *path / ".config/tidegate";
  return "/etc/tidegate";
}

std::optional<fs::path> default_file() {
  const auto existing = [](const fs::path& folder) -> std::optional<fs::path> {
    auto file = folder / "tidegate.toml";
    if (is_there(file)) return file;
    return {};
  };
  const auto folder = default_folder();
  if (auto file = existing(folder); file || from_environment("CONFIGURATION_DIRECTORY")) return file;
  return existing("/etc/tidegate");
}

}  // namespace tidegate::config
