// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// Who may read and change what is ours.
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/accounts.hpp"
#include "gateway/cli/doctor/checks.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;

constexpr mode_t others_change = 002;
constexpr mode_t others_read = 004;
constexpr mode_t any_but_owner = 077;

Finding skip_unreadable(const char* what, const fs::path& path, int code) {
  return {Verdict::skip, what, fmt::format("cannot look at {}: {}", path.string(), std::strerror(code)),
          code == EACCES ? "sudo tidegate doctor" : ""};
}

/// What belongs to somebody else than the folder it is in, at most a few levels down; empty: nothing.
fs::path foreign(const fs::path& folder, uid_t owner) {
  constexpr int deepest = 4;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && at != end; at.increment(error)) {
    struct stat about{};
    if (at.depth() >= deepest) at.disable_recursion_pending();
    if (lstat(at->path().c_str(), &about) == 0 && about.st_uid != owner) return at->path();
  }
  return {};
}

void check_secret(Findings& found, const fs::path& file, mode_t refused) {
  struct stat about{};
  if (stat(file.c_str(), &about) < 0) {
    found.push_back(errno == ENOENT ? Finding{Verdict::fail, "secrets", fmt::format("{} is not there", file.string()),
                                              fmt::format("sudo install -m 600 /dev/stdin {}", file.string())}
                                    : skip_unreadable("secrets", file, errno));
  } else if ((about.st_mode & refused) != 0) {
    found.push_back({Verdict::fail, "secrets",
                     fmt::format("{} can be read or changed by others ({:04o})", file.string(), about.st_mode & 07777),
                     fmt::format("sudo chmod {} {}", refused == any_but_owner ? "600" : "o=", file.string())});
  }
}

}  // namespace

Findings check_secrets(const Patient& patient) {
  const char* const what = "secrets";
  Findings found;
  std::size_t looked_at = 0;
  const auto look = [&](const fs::path& file, mode_t refused) {
    ++looked_at;
    // A place that the configuration of another disk names is on that disk.
    const bool there = file.string().starts_with(patient.root.string());
    check_secret(found, there ? file : patient.in(file), refused);
  };
  for (const auto& redaction : patient.redactions) {
    if (redaction.open) look(redaction.file, any_but_owner);
    for (const auto& file : redaction.secret_files) look(file, any_but_owner);
    // Its group may be the service's.
    for (const auto& file : redaction.key_files) look(file, others_change | others_read);
  }
  if (patient.config && patient.config->broker.listener && !patient.config->broker.listener->users.empty()) {
    const auto& users = patient.config->broker.listener->users;
    ++looked_at;
    try {
      if (broker::Accounts::read(users).all().empty())
        found.push_back({Verdict::warn, what, fmt::format("the file of users {} names nobody", users.string()),
                         "sudo tidegate broker adduser NAME"});
    } catch (const std::exception& error) {
      const int code = access(users.c_str(), R_OK) == 0 ? 0 : errno;
      struct stat about{};
      const bool open = stat(users.c_str(), &about) == 0 && (about.st_mode & others_read) != 0;
      // What else is wrong with it is mended as the error says.
      found.push_back(code == EACCES ? skip_unreadable(what, users, code)
                                     : Finding{Verdict::fail, what, error.what(),
                                               code == ENOENT ? "sudo tidegate broker adduser NAME"
                                               : open         ? fmt::format("sudo chmod o= {}", users.string())
                                                              : ""});
    }
  }
  if (!found.empty()) return found;
  if (looked_at == 0) return {{Verdict::ok, what, "the configuration has none in a file", {}}};
  return {{Verdict::ok,
           what,
           fmt::format("{} {} only who should can read", looked_at, looked_at == 1 ? "file that" : "files that"),
           {}}};
}

Findings check_folders(const Patient& patient) {
  const char* const what = "folders";
  Findings found;
  const auto look = [&](const fs::path& folder, const char* is, mode_t refused) {
    struct stat about{};
    if (stat(folder.c_str(), &about) < 0) {
      if (errno != ENOENT && errno != ENOTDIR) found.push_back(skip_unreadable(what, folder, errno));
      return;
    }
    const auto open = about.st_mode & refused & ~(S_ISVTX & about.st_mode);
    if (open != 0)
      found.push_back({(open & others_change) != 0 ? Verdict::fail : Verdict::warn, what,
                       fmt::format("{} ({}) can be {} by everybody on this machine", folder.string(), is,
                                   (open & others_change) != 0 ? "changed" : "read"),
                       fmt::format("sudo chmod o{} {}", (open & others_read) != 0 ? "=" : "-w", folder.string())});
  };
  const auto look_for_others = [&](const fs::path& folder) {
    struct stat about{};
    if (stat(folder.c_str(), &about) < 0) return;
    const auto other = foreign(folder, about.st_uid);
    if (!other.empty() && patient.file != other)
      found.push_back({Verdict::fail, what,
                       fmt::format("{} belongs to another user than {}: the gateway cannot use it", other.string(),
                                   folder.string()),
                       fmt::format("sudo chown -R --reference={0} {0}", folder.string())});
  };
  look(patient.state / "spool", "messages that wait", others_change | others_read);
  look(patient.state / "broker", "the broker's database", others_change | others_read);
  look(patient.runtime, "sockets", others_change);
  look_for_others(patient.state);
  look_for_others(patient.runtime);
  if (patient.file) {
    struct stat about{};
    for (const auto& file : patient.files) {
      if (stat(file.c_str(), &about) == 0 && (about.st_mode & others_change) != 0)
        found.push_back({Verdict::fail, what,
                         fmt::format("{} can be changed by everybody on this machine", file.string()),
                         fmt::format("sudo chmod o-w {}", file.string())});
    }
    const auto folder = fs::absolute(*patient.file).parent_path();
    if (stat(folder.c_str(), &about) == 0 && (about.st_mode & others_change) != 0 && (about.st_mode & S_ISVTX) == 0)
      found.push_back(
          {Verdict::fail, what,
           fmt::format("{} (the configuration) can be changed by everybody on this machine", folder.string()),
           fmt::format("sudo chmod o-w {}", folder.string())});
  }
  if (found.empty())
    found.push_back({Verdict::ok,
                     what,
                     fmt::format("{} and {} are for the gateway", patient.state.string(), patient.runtime.string()),
                     {}});
  return found;
}

}  // namespace tidegate::cli
