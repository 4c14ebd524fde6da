// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
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
    {
      const std::lock_guard lock(mutex_);
      if (full) return std::nullopt;
      if (broken) throw SystemError(EIO, "the disk");
      spool::Record record;
      record.sequence = ++last_;
      record.epoch = 1;
      record.age = now;
      record.message = message;
      records_.push_back(std::move(record));
      readable = readable_;
    }
    if (readable) readable();
    return last_;
  }
  std::uint64_t durable() const noexcept override { return durable_up_to; }
  bool wait_durable(std::uint64_t, std::chrono::milliseconds) override { return true; }
  void want_durable(std::uint64_t sequence) override { wanted = sequence; }
  void on_durable(std::function<void(std::uint64_t)>) override {}
  void rewind() override {}
  void on_readable(std::function<void()> callback) override { readable_ = std::move(callback); }
  std::vector<spool::Record> read(std::size_t count, std::size_t) override {
    const std::lock_guard lock(mutex_);
    std::vector<spool::Record> result;
    while (read_ < records_.size() && result.size() < count) result.push_back(records_[read_++]);
    return result;
  }
  void acknowledge(std::uint64_t sequence) override {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(acknowledged.insert(sequence).second) << sequence << " was acknowledged twice";
    condition_.notify_all();
  }
  void discard(std::uint64_t sequence, spool::Discard reason) override {
    const std::lock_guard lock(mutex_);
    discarded.emplace(sequence, reason);
    condition_.notify_all();
  }
  Nanoseconds age() const noexcept override { return now; }
  spool::LaneStatus status() const override { return {}; }

  bool wait_settled(std::size_t count) {
    std::unique_lock lock(mutex_);
    return condition_.wait_for(lock, 5s, [&] { return acknowledged.size() + discarded.size() >= count; });
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
  std::atomic<Nanoseconds> now{0s};
  std::atomic<std::uint64_t> durable_up_to{0};
  std::uint64_t wanted = 0;
  bool full = false;
  bool broken = false;

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  std::vector<spool::Record> records_;
  std::size_t read_ = 0;
  std::uint64_t last_ = 0;
  std::function<void()> readable_;
};

}  // namespace tidegate::test
