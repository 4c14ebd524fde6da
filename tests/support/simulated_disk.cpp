// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "support/simulated_disk.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include <tidegate/error.hpp>

namespace tidegate::test {

namespace fs = std::filesystem;
using Sector = std::array<char, SimulatedDisk::sector>;

namespace {

/// More states of one sector between two syncs than this are not kept apart.
constexpr std::size_t versions_kept = 6;
constexpr std::size_t log_kept = 300;

[[noreturn]] void fail(int code, const char* doing, const fs::path& path) {
  throw SystemError(code, fmt::format("cannot {} {}", doing, path.string()));
}

bool matches(const std::string& path, const std::string& text) {
  return path.find(text) != std::string::npos;
}

Sector sector_of(const std::string& bytes, std::uint64_t index) {
  Sector result{};
  const std::size_t from = index * SimulatedDisk::sector;
  if (from < bytes.size()) {
    std::memcpy(result.data(), bytes.data() + from, std::min(SimulatedDisk::sector, bytes.size() - from));
  }
  return result;
}

void put_sector(std::string& bytes, std::uint64_t index, const Sector& content) {
  const std::size_t from = index * SimulatedDisk::sector;
  if (from < bytes.size()) {
    std::memcpy(bytes.data() + from, content.data(), std::min(SimulatedDisk::sector, bytes.size() - from));
  }
}

}  // namespace

/// A file or a folder; names point at it.
struct SimulatedDisk::Node {
  struct Version {
    std::uint64_t stamp;
    Sector content;
  };

  bool folder = false;
  std::string path;  ///< where it was last, for messages and faults

  std::map<std::string, NodePtr> names;    ///< of a folder, as processes see it
  std::map<std::string, NodePtr> durable;  ///< of a folder, as the medium has it

  std::string bytes;                                       ///< of a file, as processes see it
  std::string medium;                                      ///< of a file, as the medium has it
  std::map<std::uint64_t, std::vector<Version>> unsynced;  ///< states of each sector since it was last synced
  unsigned syncing = 0;

  /// Notes the present state of the sectors from first to last.
  void touch(std::uint64_t first, std::uint64_t last, std::uint64_t stamp) {
    for (std::uint64_t index = first; index <= last; ++index) {
      auto& versions = unsynced[index];
      if (versions.size() >= versions_kept && syncing == 0) versions.erase(versions.begin() + versions_kept / 2);
      versions.push_back({stamp, sector_of(bytes, index)});
    }
  }
  void make_durable(std::uint64_t stamp, std::uint64_t size) {
    medium.resize(size);
    for (auto entry = unsynced.begin(); entry != unsynced.end();) {
      auto& versions = entry->second;
      const auto later =
          std::find_if(versions.begin(), versions.end(), [&](const Version& v) { return v.stamp > stamp; });
      if (later != versions.begin()) put_sector(medium, entry->first, std::prev(later)->content);
      versions.erase(versions.begin(), later);
      entry = versions.empty() ? unsynced.erase(entry) : std::next(entry);
    }
  }
  /// What Linux does after an error of writing back: the pages are clean and will never be written.
  void give_up(std::uint64_t stamp) {
    for (auto entry = unsynced.begin(); entry != unsynced.end();) {
      auto& versions = entry->second;
      std::erase_if(versions, [&](const Version& v) { return v.stamp <= stamp; });
      entry = versions.empty() ? unsynced.erase(entry) : std::next(entry);
    }
  }
};

/// One change of names that is not durable yet: from == null makes a name, to == null removes one, both rename.
struct SimulatedDisk::NameChange {
  NodePtr from;
  std::string old_name;
  NodePtr to;
  std::string new_name;
  NodePtr node;

  template <typename Map>
  void apply(Map Node::* map) const {
    if (from != nullptr) {
      auto& names = (*from).*map;
      if (const auto found = names.find(old_name); found != names.end() && found->second == node) names.erase(found);
    }
    if (to != nullptr) ((*to).*map)[new_name] = node;
  }
  [[nodiscard]] bool touches(const NodePtr& folder) const { return from == folder || to == folder; }
};

class SimulatedDisk::OpenFile final : public spool::File {
 public:
  OpenFile(SimulatedDisk& disk, NodePtr node) : disk_(disk), node_(std::move(node)) {}

  [[nodiscard]] std::size_t read(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::lock_guard lock(disk_.mutex_);
    ++disk_.counts_[node_->path].reads;
    for (auto& fault : disk_.failing_reads_) {
      if (fault.left == 0) continue;
      if (matches(node_->path, fault.matching) && offset < fault.to && offset + into.size() > fault.from) {
        if (fault.left != always) --fault.left;
        fail(fault.code, "read", node_->path);
      }
    }
    if (offset >= node_->bytes.size()) return 0;
    const auto count = std::min<std::size_t>(into.size(), node_->bytes.size() - offset);
    if (count > 0) std::memcpy(into.data(), node_->bytes.data() + offset, count);
    return count;
  }

  void write(std::uint64_t offset, std::span<const std::byte> from) override {
    const std::lock_guard lock(disk_.mutex_);
    const bool cut = disk_.begin(fmt::format("write {} at {}: {} bytes", node_->path, offset, from.size()));
    std::uint64_t count = from.size();
    int code = 0;
    for (auto& fault : disk_.failing_writes_) {
      if (!matches(node_->path, fault.matching)) continue;
      if (fault.left < count) {
        count = fault.left;
        code = fault.code;
      }
      if (fault.left != always) fault.left -= count;
    }
    const std::uint64_t size = node_->bytes.size();
    if (offset + count > size) {
      const std::uint64_t room = size + disk_.free_;
      if (offset + count > room) {
        count = room > offset ? room - offset : 0;
        code = ENOSPC;
      }
    }
    if (count > 0) {
      if (offset + count > size) {
        disk_.free_ -= offset + count - size;
        node_->bytes.resize(offset + count);
        if (offset > size) node_->touch(size / sector, (offset - 1) / sector, ++disk_.stamp_);
      }
      std::memcpy(node_->bytes.data() + offset, from.data(), count);
      node_->touch(offset / sector, (offset + count - 1) / sector, ++disk_.stamp_);
      disk_.counts_[node_->path].written += count;
    }
    if (cut) throw PowerCut();
    if (code != 0) fail(code, "write", node_->path);
  }

  void truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    const bool cut = disk_.begin(fmt::format("truncate {} to {}", node_->path, size));
    const std::uint64_t before = node_->bytes.size();
    if (size > before && size - before > disk_.free_) fail(ENOSPC, "truncate", node_->path);
    disk_.free_ += before;
    disk_.free_ -= size;
    node_->bytes.resize(size);
    if (size != before) {
      node_->touch(std::min(size, before) / sector, (std::max(size, before) - 1) / sector, ++disk_.stamp_);
    }
    if (cut) throw PowerCut();
  }

  void sync() override {
    std::unique_lock lock(disk_.mutex_);
    const bool cut = disk_.begin(fmt::format("sync {}", node_->path));
    ++disk_.counts_[node_->path].syncs;
    if (cut) throw PowerCut();
    const std::uint64_t stamp = disk_.stamp_;
    const std::uint64_t size = node_->bytes.size();
    if (disk_.delay_ > std::chrono::milliseconds{0}) {
      ++node_->syncing;
      const auto delay = disk_.delay_;
      lock.unlock();
      std::this_thread::sleep_for(delay);
      lock.lock();
      --node_->syncing;
      if (disk_.operations_ >= disk_.cut_) throw PowerCut();
    }
    if (disk_.holding_ && matches(node_->path, disk_.held_files_)) {
      ++disk_.waiting_syncs_;
      ++node_->syncing;
      disk_.held_.notify_all();
      disk_.held_.wait(lock, [&] { return !disk_.holding_; });
      --node_->syncing;
      --disk_.waiting_syncs_;
      if (disk_.operations_ >= disk_.cut_) throw PowerCut();
    }
    for (auto& fault : disk_.failing_syncs_) {
      if (fault.left == 0 || !matches(node_->path, fault.matching)) continue;
      if (fault.left != always) --fault.left;
      node_->give_up(stamp);
      fail(fault.code, "sync", node_->path);
    }
    node_->make_durable(stamp, size);
  }

  [[nodiscard]] std::uint64_t size() const override {
    const std::lock_guard lock(disk_.mutex_);
    return node_->bytes.size();
  }

 private:
  SimulatedDisk& disk_;
  NodePtr node_;
};

SimulatedDisk::SimulatedDisk(const fs::path& folder) : root_(std::make_shared<Node>()) {
  root_->folder = true;
  root_->path = "/";
  NodePtr node = root_;
  for (const auto& name : folder.relative_path()) {
    auto next = std::make_shared<Node>();
    next->folder = true;
    next->path = (fs::path(node->path) / name).string();
    node->names[name.string()] = next;
    node->durable[name.string()] = next;
    node = next;
  }
}

SimulatedDisk::SimulatedDisk(Bare) {}

SimulatedDisk::~SimulatedDisk() = default;

SimulatedDisk::NodePtr SimulatedDisk::find(const fs::path& path) const {
  NodePtr node = root_;
  for (const auto& name : path.lexically_normal().relative_path()) {
    if (name.empty()) continue;
    if (!node->folder) return nullptr;
    const auto found = node->names.find(name.string());
    if (found == node->names.end()) return nullptr;
    node = found->second;
  }
  return node;
}

SimulatedDisk::NodePtr SimulatedDisk::parent(const fs::path& path, const char* doing) const {
  auto node = find(path.parent_path());
  if (node == nullptr) fail(ENOENT, doing, path);
  if (!node->folder) fail(ENOTDIR, doing, path);
  return node;
}

SimulatedDisk::NodePtr SimulatedDisk::existing_file(const fs::path& path) const {
  auto node = find(path);
  if (node == nullptr || node->folder) fail(ENOENT, "find", path);
  return node;
}

bool SimulatedDisk::begin(const std::string& what) {
  if (operations_ >= cut_) throw PowerCut();
  ++operations_;
  log_.push_back(fmt::format("{} {}", operations_, what));
  if (log_.size() > log_kept) log_.pop_front();
  return operations_ == cut_;
}

void SimulatedDisk::check_names(const fs::path& path, const char* doing) const {
  for (const auto& fault : failing_names_) {
    if (matches(path.string(), fault.matching)) fail(fault.code, doing, path);
  }
}

void SimulatedDisk::change_name(NameChange change) {
  change.apply(&Node::names);
  pending_.push_back(std::move(change));
}

std::unique_ptr<spool::File> SimulatedDisk::open(const fs::path& path, Open how) {
  const std::lock_guard lock(mutex_);
  if (auto node = find(path)) {
    if (node->folder) fail(EISDIR, "open", path);
    for (const auto& fault : failing_opens_) {
      if (matches(path.string(), fault.matching)) fail(fault.code, "open", path);
    }
    return std::make_unique<OpenFile>(*this, node);
  }
  if (how != Open::create) return nullptr;
  const auto folder = parent(path, "create");
  const bool cut = begin("create " + path.string());
  check_names(path, "create");
  auto node = std::make_shared<Node>();
  node->path = path.string();
  change_name({nullptr, {}, folder, path.filename().string(), node});
  if (cut) throw PowerCut();
  return std::make_unique<OpenFile>(*this, node);
}

void SimulatedDisk::rename(const fs::path& from, const fs::path& to) {
  const std::lock_guard lock(mutex_);
  const auto source = parent(from, "rename");
  const auto target = parent(to, "rename to");
  const bool cut = begin(fmt::format("rename {} to {}", from.string(), to.string()));
  check_names(from, "rename");
  check_names(to, "rename to");
  const auto found = source->names.find(from.filename().string());
  if (found == source->names.end()) fail(ENOENT, "rename", from);
  const auto node = found->second;
  if (const auto old = find(to); old != nullptr && old != node) {
    if (old->folder) fail(EISDIR, "rename to", to);
    free_ += old->bytes.size();
  }
  node->path = to.string();
  change_name({source, from.filename().string(), target, to.filename().string(), node});
  if (cut) throw PowerCut();
}

void SimulatedDisk::remove(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  const auto folder = parent(path, "remove");
  const bool cut = begin("remove " + path.string());
  check_names(path, "remove");
  const auto found = folder->names.find(path.filename().string());
  if (found == folder->names.end()) fail(ENOENT, "remove", path);
  if (found->second->folder) fail(EISDIR, "remove", path);
  free_ += found->second->bytes.size();
  change_name({folder, path.filename().string(), nullptr, {}, found->second});
  if (cut) throw PowerCut();
}

void SimulatedDisk::make_folder(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  NodePtr node = root_;
  fs::path here = "/";
  for (const auto& name : path.lexically_normal().relative_path()) {
    if (name.empty()) continue;
    if (!node->folder) fail(ENOTDIR, "make the folder", path);
    here /= name;
    const auto found = node->names.find(name.string());
    if (found != node->names.end()) {
      node = found->second;
      continue;
    }
    const bool cut = begin("make " + here.string());
    check_names(here, "make the folder");
    auto made = std::make_shared<Node>();
    made->folder = true;
    made->path = here.string();
    change_name({nullptr, {}, node, name.string(), made});
    if (cut) throw PowerCut();
    node = made;
  }
  if (!node->folder) fail(ENOTDIR, "make the folder", path);
}

std::vector<std::string> SimulatedDisk::list(const fs::path& folder) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  if (const auto node = find(folder)) {
    for (const auto& [name, entry] : node->names) names.push_back(name);
  }
  return names;
}

void SimulatedDisk::sync_folder(const fs::path& folder) {
  const std::lock_guard lock(mutex_);
  const auto node = find(folder);
  if (node == nullptr) fail(ENOENT, "open the folder", folder);
  if (!node->folder) fail(ENOTDIR, "open the folder", folder);
  if (begin("sync folder " + folder.string())) throw PowerCut();
  for (auto& fault : failing_syncs_) {
    if (fault.left == 0 || !matches(node->path, fault.matching)) continue;
    if (fault.left != always) --fault.left;
    fail(fault.code, "fsync the folder", folder);
  }
  std::erase_if(pending_, [&](const NameChange& change) {
    if (!change.touches(node)) return false;
    change.apply(&Node::durable);
    return true;
  });
}

SimulatedDisk::Space SimulatedDisk::space(const fs::path& folder) const {
  const std::lock_guard lock(mutex_);
  if (find(folder) == nullptr) fail(ENOENT, "ask for the free space of", folder);
  return {.free = free_, .total = 1ULL << 40};
}

void SimulatedDisk::cut_at(std::uint64_t operation) {
  const std::lock_guard lock(mutex_);
  cut_ = operations_ + operation;
}

bool SimulatedDisk::is_cut() const {
  const std::lock_guard lock(mutex_);
  return operations_ >= cut_;
}

void SimulatedDisk::copy_to(SimulatedDisk& other) const {
  std::unordered_map<const Node*, NodePtr> copies;
  const auto copy = [&](const auto& self, const NodePtr& node) -> NodePtr {
    if (node == nullptr) return nullptr;
    auto& made = copies[node.get()];
    if (made != nullptr) return made;
    made = std::make_shared<Node>(*node);
    const auto result = made;
    result->syncing = 0;
    for (auto* names : {&result->names, &result->durable}) {
      for (auto& [name, entry] : *names) entry = self(self, entry);
    }
    return result;
  };
  other.root_ = copy(copy, root_);
  for (const auto& change : pending_) {
    other.pending_.push_back(
        {copy(copy, change.from), change.old_name, copy(copy, change.to), change.new_name, copy(copy, change.node)});
  }
  other.stamp_ = stamp_;
  other.free_ = free_;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::after_kill() const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<SimulatedDisk> disk(new SimulatedDisk(Bare{}));
  copy_to(*disk);
  return disk;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::after_power_cut(std::uint64_t seed) const {
  std::unique_ptr<SimulatedDisk> disk(new SimulatedDisk(Bare{}));
  {
    const std::lock_guard lock(mutex_);
    copy_to(*disk);
  }
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };

  if (below(2) == 0) {
    disk->pending_.resize(below(disk->pending_.size() + 1), {});
  } else {
    std::set<const Node*> lost;  // of one file, no change without those before it
    std::erase_if(disk->pending_, [&](const NameChange& change) {
      if (below(2) == 0) lost.insert(change.node.get());
      return lost.contains(change.node.get());
    });
  }
  for (const auto& change : disk->pending_) change.apply(&Node::durable);
  disk->pending_.clear();

  std::map<const Node*, bool> seen;
  const auto settle = [&](const auto& self, Node& node, const std::string& path) -> void {
    if (!seen.try_emplace(&node, true).second) return;
    node.path = path;
    node.names = node.durable;
    for (const auto& [name, entry] : node.names) self(self, *entry, (fs::path(path) / name).string());
    if (node.folder) return;
    // All lost, all kept, or each sector by itself: the extremes are rare by chance and likely in life.
    const auto mood = below(4);
    const auto choose = [&](std::size_t versions) -> std::size_t {  // 0: what was synced
      return mood == 0 ? 0 : mood == 1 ? versions : below(versions + 1);
    };
    std::string result = node.medium;
    result.resize(choose(1) == 0 ? node.medium.size() : node.bytes.size());
    for (const auto& [index, versions] : node.unsynced) {
      if (const auto chosen = choose(versions.size()); chosen > 0) {
        put_sector(result, index, versions[chosen - 1].content);
      }
    }
    node.unsynced.clear();
    node.medium = result;
    node.bytes = std::move(result);
  };
  settle(settle, *disk->root_, "/");
  return disk;
}

void SimulatedDisk::fail_syncs(const std::string& matching, std::uint64_t times, int code) {
  const std::lock_guard lock(mutex_);
  failing_syncs_.push_back({matching, times, code});
}

void SimulatedDisk::fail_writes(const std::string& matching, std::uint64_t after_bytes, int code) {
  const std::lock_guard lock(mutex_);
  failing_writes_.push_back({matching, after_bytes, code});
}

void SimulatedDisk::fail_reads(const std::string& matching, int code, std::uint64_t times) {
  const std::lock_guard lock(mutex_);
  failing_reads_.push_back({matching, times, code});
}

void SimulatedDisk::fail_reads_of(const std::string& matching, std::uint64_t offset, std::uint64_t end, int code) {
  const std::lock_guard lock(mutex_);
  failing_reads_.push_back({matching, always, code, offset, end});
}

void SimulatedDisk::fail_opens(const std::string& matching, int code) {
  const std::lock_guard lock(mutex_);
  failing_opens_.push_back({matching, always, code});
}

void SimulatedDisk::delay_syncs(std::chrono::milliseconds delay) {
  const std::lock_guard lock(mutex_);
  delay_ = delay;
}

void SimulatedDisk::fail_names(const std::string& matching, int code) {
  const std::lock_guard lock(mutex_);
  failing_names_.push_back({matching, always, code});
}

void SimulatedDisk::limit_space(std::uint64_t free) {
  const std::lock_guard lock(mutex_);
  free_ = free;
}

void SimulatedDisk::heal() {
  const std::lock_guard lock(mutex_);
  failing_syncs_.clear();
  failing_writes_.clear();
  failing_reads_.clear();
  failing_names_.clear();
  failing_opens_.clear();
  free_ = 1ULL << 40;
}

void SimulatedDisk::hold_syncs(const std::string& matching) {
  const std::lock_guard lock(mutex_);
  held_files_ = matching;
  holding_ = true;
}

void SimulatedDisk::release_syncs() {
  const std::lock_guard lock(mutex_);
  holding_ = false;
  held_.notify_all();
}

bool SimulatedDisk::wait_for_held_sync() {
  std::unique_lock lock(mutex_);
  return held_.wait_for(lock, std::chrono::seconds{10}, [&] { return waiting_syncs_ > 0; });
}

bool SimulatedDisk::exists(const fs::path& path) const {
  const std::lock_guard lock(mutex_);
  return find(path) != nullptr;
}

std::string SimulatedDisk::contents(const fs::path& path) const {
  const std::lock_guard lock(mutex_);
  return existing_file(path)->bytes;
}

std::map<std::string, std::uint64_t> SimulatedDisk::sizes(const fs::path& folder) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> sizes;
  if (const auto node = find(folder)) {
    for (const auto& [name, entry] : node->names) {
      if (!entry->folder) sizes[name] = entry->bytes.size();
    }
  }
  return sizes;
}

void SimulatedDisk::replace(const fs::path& path, const std::string& contents) {
  const std::lock_guard lock(mutex_);
  auto node = find(path);
  if (node == nullptr) {
    const auto folder = parent(path, "create");
    node = std::make_shared<Node>();
    node->path = path.string();
    folder->names[path.filename().string()] = node;
    folder->durable[path.filename().string()] = node;
  }
  node->unsynced.clear();
  node->bytes = contents;
  node->medium = contents;
}

void SimulatedDisk::erase(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  const auto folder = parent(path, "remove");
  folder->names.erase(path.filename().string());
  folder->durable.erase(path.filename().string());
  std::erase_if(pending_, [&](const NameChange& change) {
    return change.to == folder && change.new_name == path.filename().string();
  });
}

void SimulatedDisk::flip_bit(const fs::path& path, std::uint64_t offset, unsigned bit) {
  auto bytes = contents(path);
  bytes.at(offset) = static_cast<char>(static_cast<unsigned char>(bytes.at(offset)) ^ (1U << bit));
  replace(path, bytes);
}

void SimulatedDisk::zero(const fs::path& path, std::uint64_t offset, std::uint64_t length) {
  auto bytes = contents(path);
  for (std::uint64_t at = offset; at < offset + length && at < bytes.size(); ++at) bytes[at] = '\0';
  replace(path, bytes);
}

void SimulatedDisk::zero_all(const fs::path& path) {
  zero(path, 0, contents(path).size());
}

std::uint64_t SimulatedDisk::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

std::uint64_t SimulatedDisk::syncs(const std::string& matching) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& [path, count] : counts_) sum += matches(path, matching) ? count.syncs : 0;
  return sum;
}

std::uint64_t SimulatedDisk::reads(const std::string& matching) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& [path, count] : counts_) sum += matches(path, matching) ? count.reads : 0;
  return sum;
}

std::uint64_t SimulatedDisk::bytes_written(const std::string& matching) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& [path, count] : counts_) sum += matches(path, matching) ? count.written : 0;
  return sum;
}

std::string SimulatedDisk::log() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& line : log_) text += line + "\n";
  return text;
}

}  // namespace tidegate::test
