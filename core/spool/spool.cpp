// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/spool.hpp"

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "base/pulse.hpp"
#include "spool/log.hpp"

namespace tidegate::spool {
namespace {

using std::chrono::steady_clock;
constexpr auto age_interval = std::chrono::minutes{1};
constexpr auto look_interval = std::chrono::seconds{1};

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool valid_name(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && name.size() <= 64 && name.front() != '.' && std::ranges::all_of(name, allowed);
}

void check_name(const std::string& name, const char* what) {
  if (!valid_name(name)) {
    throw ConfigError(
        fmt::format("'{}' cannot name {}: letters, digits, '-', '_' and '.', at most 64, no '.' in front", name, what));
  }
}

/// Holds a folder for one process, by a lock that the kernel lets go when the process ends, however it does.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder) {
    const auto path = folder / "lock";
    fd_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd_) throw SystemError(errno, fmt::format("cannot write the spool's lock {}", path.string()));
    if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
      const auto holder = first_line(path.c_str());
      throw UnavailableError(fmt::format("the spool {} is in use by process {}; one gateway at a time can have it",
                                         folder.string(), holder.empty() ? "?" : holder));
    }
    const auto text = fmt::format("{}\n", getpid());
    if (ftruncate(fd_.get(), 0) != 0 || pwrite(fd_.get(), text.data(), text.size(), 0) < 0) {
      log::debug("spool: cannot write the pid into {}", path.string());
    }
  }

 private:
  Descriptor fd_;
};

std::string read_or_make_uuid(Disk& disk, const std::filesystem::path& folder) {
  const auto path = folder / "identity";
  if (const auto file = disk.open(path, Disk::Open::existing)) {
    std::string text(36, '\0');
    text.resize(file->read(0, std::as_writable_bytes(std::span(text))));
    const bool sound = text.size() == 36 &&
                       std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0 || c == '-'; });
    if (sound) return text;
  }
  auto uuid = first_line("/proc/sys/kernel/random/uuid");
  const auto line = uuid + '\n';
  const auto file = disk.open(path, Disk::Open::create);
  file->truncate(0);
  file->write(0, std::as_bytes(std::span(line)));
  file->sync();
  disk.sync_folder(folder);
  return uuid;
}

}  // namespace

struct Spool::Impl {
  Impl(std::filesystem::path where, Disk& on, const Clock& with, std::string boot_id, SpoolOptions options)
      : folder(std::move(where)), disk(on), clock(with), budget(disk, folder, options) {
    disk.make_folder(folder);
    sync_parent();
    // A simulated disk has no folder to lock.
    if (&disk == &machine_disk()) lock = std::make_unique<FolderLock>(folder);
    uuid = read_or_make_uuid(disk, folder);
    age = std::make_unique<Age>(disk, folder, clock, std::move(boot_id));
    budget.look();
    thread = std::thread([this] { run(); });
  }

  /// The name of the folder itself; a parent that may not be opened is not ours to look after.
  void sync_parent() {
    try {
      disk.sync_folder(std::filesystem::absolute(folder).parent_path());
    } catch (const SystemError& error) {
      log::debug("spool: {}", error.what());
    }
  }

  void run() noexcept {
    auto age_due = steady_clock::now() + age_interval;
    steady_clock::time_point look_due{};
    Pulse pulse("spool");
    std::unique_lock guard(mutex);
    while (!stopping) {
      pulse.beat();
      nudged = false;
      std::vector<Log*> logs;
      for (const auto& log : all) logs.push_back(log.get());
      guard.unlock();
      const auto now = steady_clock::now();
      if (now >= look_due) {
        budget.look();
        if (age->look()) age_due = now;
        look_due = now + look_interval;
      }
      if (now >= age_due) {
        save_age();
        age_due = now + age_interval;
      }
      auto next = std::min(age_due, look_due);
      for (auto* log : logs) next = std::min(next, log->tend(now));
      if (budget.over()) give_way(logs);
      guard.lock();
      condition.wait_until(guard, next, [&] { return nudged || stopping; });
    }
  }

  /// The lanes of the lowest priority give what they have, one segment after the other; those that keep the latest of
  /// each topic after the others.
  void give_way(std::vector<Log*> logs) noexcept {
    std::ranges::stable_sort(logs, {}, [](const Log* log) {
      const auto options = log->options();
      return std::pair(options.priority, options.when_full == WhenFull::keep_latest);
    });
    for (auto* log : logs) {
      while (budget.over()) {
        if (!log->give_way()) break;
        budget.look();
      }
    }
  }

  void save_age() noexcept {
    try {
      age->save();
    } catch (const std::exception& error) {
      log::warning("spool: {}", error.what());
    }
  }

  void nudge() {
    {
      const std::lock_guard guard(mutex);
      nudged = true;
    }
    condition.notify_one();
  }

  const std::filesystem::path folder;
  Disk& disk;
  const Clock& clock;
  std::unique_ptr<FolderLock> lock;
  std::string uuid;
  Budget budget;
  std::unique_ptr<Age> age;

  std::mutex opening;  ///< one lane at a time
  std::mutex mutex;    ///< last in the lock order: a log nudges under its own
  std::condition_variable condition;
  bool nudged = false;
  bool stopping = false;
  std::vector<std::unique_ptr<Log>> all;
  std::map<LaneName, Log*> by_name;
  std::thread thread;
};

Spool::Spool(std::filesystem::path folder, Disk& disk, const Clock& clock, std::string boot_id, SpoolOptions options) {
  if (boot_id.empty()) boot_id = first_line("/proc/sys/kernel/random/boot_id");
  impl_ = std::make_unique<Impl>(std::move(folder), disk, clock, std::move(boot_id), options);
}

Spool::~Spool() {
  {
    const std::lock_guard guard(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->condition.notify_one();
  impl_->thread.join();
  for (const auto& log : impl_->all) log->flush();
  impl_->save_age();
}

Lane& Spool::lane(const std::string& upstream, const std::string& name, const LaneOptions& options) {
  check_name(upstream, "an upstream");
  check_name(name, "a lane");
  const std::lock_guard opening(impl_->opening);
  Log* open = nullptr;
  {
    const std::lock_guard guard(impl_->mutex);
    if (const auto found = impl_->by_name.find({upstream, name}); found != impl_->by_name.end()) open = found->second;
  }
  if (open != nullptr) {
    open->change(options);
    return *open;
  }
  impl_->disk.make_folder(impl_->folder / upstream);
  auto log = std::make_unique<Log>(impl_->disk, impl_->folder / upstream / name, upstream, name, options, *impl_->age,
                                   impl_->clock, impl_->budget, [this] { impl_->nudge(); });
  impl_->disk.sync_folder(impl_->folder / upstream);
  impl_->disk.sync_folder(impl_->folder);
  auto& lane = *log;
  {
    const std::lock_guard guard(impl_->mutex);
    impl_->by_name.emplace(LaneName{upstream, name}, log.get());
    impl_->all.push_back(std::move(log));
  }
  impl_->nudge();
  return lane;
}

std::vector<LaneName> Spool::forgotten() const {
  auto names = lanes_in(impl_->disk, impl_->folder);
  const std::lock_guard guard(impl_->mutex);
  std::erase_if(names, [&](const LaneName& name) {
    return !valid_name(name.upstream) || !valid_name(name.lane) || impl_->by_name.contains(name);
  });
  return names;
}

std::vector<Lane*> Spool::lanes() const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<Lane*> lanes;
  for (const auto& log : impl_->all) lanes.push_back(log.get());
  return lanes;
}

const std::string& Spool::uuid() const noexcept {
  return impl_->uuid;
}

Nanoseconds Spool::age() const noexcept {
  return impl_->age->now();
}

void Spool::sync() {
  std::vector<Log*> logs;
  {
    const std::lock_guard guard(impl_->mutex);
    for (const auto& log : impl_->all) logs.push_back(log.get());
  }
  for (auto* log : logs) static_cast<void>(log->wait_flushed(std::chrono::seconds{30}));
}

}  // namespace tidegate::spool
