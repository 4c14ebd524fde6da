// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <string_view>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/state_error.hpp>
#include <tidegate/store.hpp>
#include <tidegate/topic.hpp>

#include "spool/file.hpp"
#include "spool/spool.hpp"

namespace tidegate {
namespace {

constexpr std::uint64_t usual_segment = 8ULL << 20;
constexpr std::uint64_t least_segment = 64ULL << 10;
constexpr std::uint64_t segments = 64;  ///< that a small lane is cut into

/// The place of a word in a list that has the order of an enumeration.
template <class Enum, std::size_t Count>
Enum meant(const std::array<std::string_view, Count>& words, const std::string& given, const char* option) {
  const auto found = std::ranges::find(words, given);
  if (found != words.end()) return static_cast<Enum>(found - words.begin());
  std::string known;
  for (const auto word : words) known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", word);
  throw ConfigError(fmt::format("{} cannot be \"{}\": it is one of {}", option, given, known));
}

spool::LaneOptions lane_options(const StoreLaneOptions& given) {
  spool::LaneOptions options;
  options.segment_size = std::clamp(given.capacity / segments, least_segment, usual_segment);
  if (given.capacity < 3 * options.segment_size) {
    throw ConfigError(fmt::format("capacity is at least {} bytes, not {}", 3 * options.segment_size, given.capacity));
  }
  options.capacity = given.capacity;
  options.capacity_messages = given.capacity_messages;
  options.expiry = given.expiry;
  options.when_full = meant<spool::WhenFull>(std::array<std::string_view, 3>{"drop-oldest", "reject", "keep-latest"},
                                             given.when_full, "when_full");
  options.sync = meant<spool::Sync>(std::array<std::string_view, 3>{"grouped", "each", "off"}, given.sync, "sync");
  options.sync_interval = given.sync_interval;
  return options;
}

}  // namespace

struct Store::State {
  /// Held shared while the spool is used: close() waits for it.
  class Use final {
   public:
    explicit Use(State& state) : lock_(state.mutex, std::defer_lock) {
      if (!state.closing) lock_.lock();  // the mutex would let new readers pass a writer that waits
      spool_ = lock_ ? state.spool.get() : nullptr;
      if (spool_ == nullptr) throw StateError("this Spool is closed: open a new one");
    }
    spool::Spool* operator->() const noexcept { return spool_; }

   private:
    std::shared_lock<std::shared_mutex> lock_;
    spool::Spool* spool_ = nullptr;
  };

  std::atomic<bool> closing = false;
  std::shared_mutex mutex;
  std::unique_ptr<spool::Spool> spool;  // guarded by mutex
};

struct StoreLane::Impl {
  std::shared_ptr<Store::State> state;
  spool::Lane& lane;
};

StoreLane::StoreLane(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
StoreLane::~StoreLane() = default;

std::optional<std::uint64_t> StoreLane::append(const Message& message) {
  check_topic(message.topic);
  check_payload(message);
  const Store::State::Use use(*impl_->state);
  return impl_->lane.append(message);
}

bool StoreLane::wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) {
  const Store::State::Use use(*impl_->state);
  return impl_->lane.wait_durable(sequence, timeout);
}

std::vector<StoreRecord> StoreLane::read(std::size_t count, std::size_t bytes) {
  const Store::State::Use use(*impl_->state);
  auto records = impl_->lane.read(count, bytes);
  std::vector<StoreRecord> read;
  read.reserve(records.size());
  const auto now = impl_->lane.age();
  for (auto& record : records) {
    const auto [accepted, clock] = impl_->lane.accepted_at(record);
    read.push_back({record.sequence, record.epoch, now - record.age, accepted, clock, std::move(record.message)});
  }
  return read;
}

void StoreLane::rewind() {
  const Store::State::Use use(*impl_->state);
  impl_->lane.rewind();
}

void StoreLane::acknowledge(std::span<const std::uint64_t> sequences) {
  const Store::State::Use use(*impl_->state);
  impl_->lane.acknowledge(sequences);
}

void StoreLane::discard(std::uint64_t sequence, bool dead_lettered, const std::string& why) {
  const Store::State::Use use(*impl_->state);
  impl_->lane.discard(sequence, dead_lettered ? spool::Discard::dead_lettered : spool::Discard::dropped, why);
}

StoreStatus StoreLane::status() const {
  const Store::State::Use use(*impl_->state);
  auto status = impl_->lane.status();
  StoreStatus told{.waiting = status.waiting,
                   .waiting_bytes = status.waiting_bytes,
                   .disk_bytes = status.disk_bytes,
                   .accepted = status.accepted,
                   .durable = status.durable,
                   .delivered = status.delivered,
                   .discarded = {},
                   .oldest_age = status.oldest_age,
                   .trouble = std::move(status.trouble)};
  for (const auto& [why, count] : status.discarded) told.discarded[spool::to_string(why)] = count;
  return told;
}

Store::Store(const std::filesystem::path& folder) : state_(std::make_shared<State>()) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw SystemError(error.value(), fmt::format("cannot make the folder {}", folder.string()));
  state_->spool = std::make_unique<spool::Spool>(folder, spool::machine_disk(), machine_clock());
}

Store::~Store() {
  close();
}

std::unique_ptr<StoreLane> Store::lane(const std::string& upstream, const std::string& name,
                                       const StoreLaneOptions& options) {
  const State::Use use(*state_);
  auto& lane = use->lane(upstream, name, lane_options(options));
  return std::unique_ptr<StoreLane>(new StoreLane(std::make_unique<StoreLane::Impl>(StoreLane::Impl{state_, lane})));
}

std::vector<std::pair<std::string, std::string>> Store::forgotten() const {
  const State::Use use(*state_);
  std::vector<std::pair<std::string, std::string>> names;
  for (auto& name : use->forgotten()) names.emplace_back(std::move(name.upstream), std::move(name.lane));
  return names;
}

std::string Store::uuid() const {
  return State::Use(*state_)->uuid();
}

void Store::sync() {
  State::Use(*state_)->sync();
}

void Store::close() noexcept {
  state_->closing = true;
  const std::unique_lock lock(state_->mutex);
  state_->spool.reset();
}

}  // namespace tidegate
