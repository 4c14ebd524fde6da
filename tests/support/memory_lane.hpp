// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "spool/lane.hpp"

namespace tidegate::test {

using namespace std::chrono_literals;

/// A lane in memory: the contract of spool::Lane without a disk.
class MemoryLane final : public spool::Lane {
 public:
  std::optional<std::uint64_t> append(const Message& message) override {
    std::function<void()> readable;
    std::uint64_t sequence = 0;
    {
      const std::lock_guard lock(mutex_);
      if (full) return std::nullopt;
      if (broken) throw SystemError(EIO, "the disk");
      spool::Record record;
      record.sequence = sequence = ++last_;
      record.epoch = 1;
      record.age = now;
      record.wall = wall;
      record.message = message;
      records_.push_back(record);
      auto& unread = cut_ ? live_ : history_;
      if (keep_latest) {
        const auto same = [&](const spool::Record& other) { return other.message.topic == message.topic; };
        for (auto* part : {&history_, &live_}) {
          for (const auto& other : *part) {
            if (same(other)) discarded.emplace(other.sequence, spool::Discard::superseded);
          }
          std::erase_if(*part, same);
        }
      }
      unread.push_back(std::move(record));
      readable = readable_;
    }
    if (readable) readable();
    return sequence;
  }
  std::uint64_t durable() const noexcept override { return durable_up_to; }
  bool wait_durable(std::uint64_t, std::chrono::milliseconds) override { return true; }
  void want_durable(std::uint64_t sequence) override { wanted = sequence; }
  void on_durable(std::function<void(std::uint64_t)>) override {}
  void rewind() override {
    const std::lock_guard lock(mutex_);
    history_.clear();
    live_.clear();
    cut_ = false;
    for (const auto& record : records_) {
      if (!acknowledged.contains(record.sequence) && !discarded.contains(record.sequence)) history_.push_back(record);
    }
  }
  void on_readable(std::function<void()> callback) override { readable_ = std::move(callback); }
  std::optional<std::vector<spool::Record>> read_memory(std::size_t count, std::size_t bytes,
                                                        spool::Part part) override {
    if (on_disk) return std::nullopt;
    return read(count, bytes, part);
  }
  std::vector<spool::Record> read(std::size_t count, std::size_t, spool::Part part = spool::Part::history) override {
    const std::lock_guard lock(mutex_);
    if (unreadable) throw SystemError(EIO, "reading the segment");
    auto& unread = part == spool::Part::live ? live_ : history_;
    std::vector<spool::Record> result;
    for (; !unread.empty() && result.size() < count; unread.pop_front()) result.push_back(std::move(unread.front()));
    return result;
  }
  void cut() override {
    const std::lock_guard lock(mutex_);
    history_.insert(history_.end(), std::make_move_iterator(live_.begin()), std::make_move_iterator(live_.end()));
    live_.clear();
    cut_ = true;
    ++cuts;
  }
  using Lane::acknowledge;
  void acknowledge(std::span<const std::uint64_t> sequences) override {
    const std::lock_guard lock(mutex_);
    if (unwritable) throw SystemError(EIO, "writing the cursor");
    for (const auto sequence : sequences) {
      EXPECT_TRUE(acknowledged.insert(sequence).second) << sequence << " was acknowledged twice";
    }
    ++acknowledge_calls;
    condition_.notify_all();
  }
  std::pair<WallTime, ClockQuality> accepted_at(const spool::Record& record) const override {
    return {record.wall + correction, correction == 0ns ? record.clock : ClockQuality::ntp};
  }
  std::vector<spool::Fate> fates() const override { return {}; }
  void discard(std::uint64_t sequence, spool::Discard reason, const std::string& why = {}) override {
    const std::lock_guard lock(mutex_);
    discarded.emplace(sequence, reason);
    reasons.emplace(sequence, why);
    condition_.notify_all();
  }
  Nanoseconds age() const noexcept override { return now; }
  spool::LaneStatus status() const override {
    const std::lock_guard lock(mutex_);
    spool::LaneStatus status;
    status.waiting = last_ - acknowledged.size() - discarded.size();
    return status;
  }

  bool wait_settled(std::size_t count) {
    std::unique_lock lock(mutex_);
    return condition_.wait_for(lock, 5s, [&] { return acknowledged.size() + discarded.size() >= count; });
  }
  std::size_t settled() {
    const std::lock_guard lock(mutex_);
    return acknowledged.size() + discarded.size();
  }
  std::size_t appended() {
    const std::lock_guard lock(mutex_);
    return records_.size();
  }

  std::vector<std::string> topics() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> result;
    for (const auto& record : records_) result.push_back(record.message.topic);
    return result;
  }

  std::set<std::uint64_t> acknowledged;
  std::map<std::uint64_t, spool::Discard> discarded;
  std::map<std::uint64_t, std::string> reasons;  ///< given with discarded
  std::size_t acknowledge_calls = 0;
  std::atomic<int> cuts{0};
  std::atomic<Nanoseconds> now{0s};
  std::atomic<std::uint64_t> durable_up_to{0};
  std::uint64_t wanted = 0;
  bool full = false;
  bool broken = false;
  std::atomic<bool> unreadable{false};
  std::atomic<bool> on_disk{false};  ///< read_memory() gives nothing
  std::atomic<bool> unwritable{false};
  bool keep_latest = false;     ///< as WhenFull::keep_latest
  WallTime wall{};              ///< of what is appended
  Nanoseconds correction{0ns};  ///< of wall times, as if the clock had been set since

 private:
  mutable std::mutex mutex_;
  std::condition_variable condition_;
  std::vector<spool::Record> records_;  ///< all there ever were
  std::deque<spool::Record> history_;   ///< not read
  std::deque<spool::Record> live_;
  bool cut_ = false;
  std::uint64_t last_ = 0;
  std::function<void()> readable_;
};

}  // namespace tidegate::test
