// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/folder.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

namespace tidegate::automation {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto settled_after = 200ms;  ///< editors rename, write and remove in quick succession
constexpr auto look_again = 2s;        ///< for a folder that is not there
constexpr std::uint32_t events_wanted =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

bool is_script(const std::string& file) noexcept {
  return file.size() > 3 && file.ends_with(".py") && file.front() != '.' && file.front() != '_' &&
         file.front() != '#' &&
         std::ranges::none_of(file, [](unsigned char letter) { return letter < 0x20 || letter == 0x7F; });
}

std::set<std::string> scripts_in(const fs::path& folder) {
  std::set<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (auto name = at->path().filename().string(); is_script(name) && at->is_regular_file(gone))
      files.insert(std::move(name));
  }
  if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
    log::warning("cannot list {}: {}; let this user read it, with chmod or chown", folder.string(), error.message());
  }
  return files;
}

Folder::Folder(Loop& loop, fs::path path, std::function<void(const std::set<std::string>&)> changed)
    : loop_(loop), path_(std::move(path)), changed_(std::move(changed)), fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!fd_) throw SystemError(errno, "cannot watch a folder");
  events_ = loop_.watch(fd_.get(), EPOLLIN, [this](std::uint32_t) { read(); });
  wait_ = loop_.after(0ns, [this] { begin(); });
}

void Folder::begin() {
  watch_ = inotify_add_watch(fd_.get(), path_.c_str(), events_wanted);
  if (watch_ < 0) {
    wait_ = loop_.after(look_again, [this] { begin(); });
    return;
  }
  wait_ = {};
  // After the watch began, so that nothing falls in between.
  pending_.merge(scripts_in(path_));
  settle();
}

/// The folder was removed or renamed, and with it all that was in it.
void Folder::lose() {
  inotify_rm_watch(fd_.get(), std::exchange(watch_, -1));
  pending_.insert(known_.begin(), known_.end());
  wait_ = loop_.after(settled_after, [this] {
    settle();
    begin();
  });
}

void Folder::read() {
  alignas(inotify_event) std::array<char, 8192> buffer;
  for (ssize_t got = 0; (got = ::read(fd_.get(), buffer.data(), buffer.size())) > 0;) {
    for (const char* at = buffer.data(); at < buffer.data() + got;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof *event + event->len;
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        pending_.merge(scripts_in(path_));
        pending_.insert(known_.begin(), known_.end());
      } else if (event->wd != watch_) {
        continue;
      } else if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0) {
        return lose();
      } else if (event->len > 0 && is_script(event->name)) {
        pending_.insert(event->name);
      }
    }
  }
  if (!pending_.empty()) quiet_ = loop_.after(settled_after, [this] { settle(); });
}

void Folder::settle() {
  quiet_ = {};
  const auto files = std::exchange(pending_, {});
  if (files.empty()) return;
  known_.insert(files.begin(), files.end());
  changed_(files);
}

}  // namespace tidegate::automation
