// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A process that appends to a spool on the real disk is killed at random moments; what it said was accepted is there.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/clock.hpp>

#include "spool/file.hpp"
#include "spool/lane.hpp"
#include "spool/spool.hpp"
#include "unit/spool/temporary_folder.hpp"

namespace tidegate::spool {
namespace {

/// What the child says of each message, once it was accepted.
struct Said {
  std::uint64_t id;
  std::uint64_t sequence;
};

LaneOptions options() {
  LaneOptions options;
  options.segment_size = 64U << 10;
  options.sync_interval = std::chrono::milliseconds{2};
  options.memory = 8U << 10;
  return options;
}

Message make(std::uint64_t id) {
  Message message;
  message.topic = std::to_string(id);
  message.payload.assign(id * 37 % 400, static_cast<char>('a' + id % 26));
  return message;
}

/// The life of the child.
[[noreturn]] void append_until_killed(const std::filesystem::path& folder, std::uint64_t id, int said) {
  try {
    Spool spool(folder, machine_disk(), machine_clock());
    auto& lane = spool.lane("cloud", "default", options());
    for (;; ++id) {
      const auto sequence = lane.append(make(id));
      const Said line{id, sequence.value()};
      if (::write(said, &line, sizeof line) != sizeof line) break;
    }
  } catch (...) {
  }
  ::_exit(1);
}

TEST(AKilledProcess, LeavesEveryMessageThatItAcceptedInOrder) {
  const test::TemporaryFolder folder;
  std::mt19937 random(20);
  std::vector<Said> waiting;
  std::uint64_t next_id = 1;
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const auto child = ::fork();
    ASSERT_NE(child, -1);
    if (child == 0) {
      ::close(pipe[0]);
      append_until_killed(folder.path(), next_id, pipe[1]);
    }
    ::close(pipe[1]);
    const auto enough = 1 + random() % 1500;
    Said line{};
    std::size_t heard = 0;
    while (::read(pipe[0], &line, sizeof line) == sizeof line) {
      waiting.push_back(line);
      if (++heard == enough) ::kill(child, SIGKILL);
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself after " << heard;
    ASSERT_GT(heard, 0U);
    next_id = waiting.back().id + 1;

    Spool spool(folder.path(), machine_disk(), machine_clock());
    auto& lane = spool.lane("cloud", "default", options());
    std::vector<Record> records;
    for (;;) {
      auto some = lane.read(500, 1U << 20);
      if (some.empty()) break;
      for (auto& record : some) records.push_back(std::move(record));
    }
    // One more may be there: accepted, and the process killed before it could say so.
    ASSERT_GE(records.size(), waiting.size());
    ASSERT_LE(records.size(), waiting.size() + 1);
    for (std::size_t n = 0; n < waiting.size(); ++n) {
      ASSERT_EQ(records[n].sequence, waiting[n].sequence) << "at " << n;
      ASSERT_EQ(records[n].message, make(waiting[n].id)) << "at " << n;
    }
    if (records.size() > waiting.size()) {
      EXPECT_EQ(records.back().message, make(next_id));
      waiting.push_back({next_id++, records.back().sequence});
    }
    const auto status_now = lane.status();
    EXPECT_TRUE(status_now.discarded.empty());
    EXPECT_EQ(status_now.accepted, waiting.back().sequence);
    const auto settle = round % 3 == 2 ? waiting.size() : random() % waiting.size();
    for (std::size_t n = 0; n < settle; ++n) lane.acknowledge(waiting[n].sequence);
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(settle));
  }
}

}  // namespace
}  // namespace tidegate::spool
