// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// Puts messages into one durable store after the other: our log, SQLite, LevelDB, one file per message. A commit is a
// batch of messages; with --cycle 1 each commit also reads the batch before and removes it, as a gateway does whose
// upstream is up.
//
//   spool_load --store STORE --folder FOLDER [--batch N] [--cycle 0|1] [--seconds N] [--rate N] [--warm N] [--bytes N]
//
// STORE: log (returns when accepted; synced in groups) log-wait (each commit is synced when it returns) sqlite-full
// sqlite-normal leveldb leveldb-sync files files-sync. Says "ready" when the warm-up is done, waits for a line on
// standard input, runs for the seconds (with a rate: so many commits a second), prints one JSON object with the times
// that the commits took, and waits for the end of its input, so that a caller can count what reached the device.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <leveldb/db.h>
#include <leveldb/write_batch.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tidegate/clock.hpp>
#include <tidegate/message.hpp>

#include "spool/file.hpp"
#include "spool/spool.hpp"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "spool_load: {}\n", what);
  std::exit(1);
}

/// One way to keep messages. Sequences count from 1 without gaps.
class Store {
 public:
  virtual ~Store() = default;
  /// Keeps the messages as first, first + 1, …; and reads and removes the given number that came before first.
  virtual void commit(std::uint64_t first, const std::vector<tidegate::Message>& messages, std::size_t removed) = 0;
};

class OurLog final : public Store {
 public:
  OurLog(const std::filesystem::path& folder, bool waits)
      : waits_(waits),
        spool_(folder / "spool", tidegate::spool::machine_disk(), tidegate::machine_clock()),
        lane_(spool_.lane("cloud", "default", {})) {}
  void commit(std::uint64_t, const std::vector<tidegate::Message>& messages, std::size_t removed) override {
    std::uint64_t last = 0;
    for (const auto& message : messages) {
      const auto sequence = lane_.append(message);
      if (!sequence) fail("the lane is full");
      last = *sequence;
    }
    if (waits_ && !lane_.wait_durable(last, std::chrono::seconds{60})) fail("no sync within 60 s");
    std::vector<std::uint64_t> read;
    while (read.size() < removed) {
      const auto records = lane_.read(removed - read.size(), 1U << 20);
      if (records.empty()) fail("the log has lost a record");
      for (const auto& record : records) read.push_back(record.sequence);
    }
    if (!read.empty()) lane_.acknowledge(read);
  }

 private:
  const bool waits_;
  tidegate::spool::Spool spool_;
  tidegate::spool::Lane& lane_;
};

class Sqlite final : public Store {
 public:
  Sqlite(const std::filesystem::path& folder, bool full) {
    check(sqlite3_open((folder / "queue.db").c_str(), &db_));
    run("PRAGMA journal_mode=WAL");
    run(full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    run("CREATE TABLE queue(sequence INTEGER PRIMARY KEY, wall INTEGER, topic TEXT, payload BLOB)");
    prepare("BEGIN IMMEDIATE", begin_);
    prepare("COMMIT", end_);
    prepare("INSERT INTO queue VALUES(?,?,?,?)", insert_);
    prepare("SELECT sequence, topic, payload FROM queue WHERE sequence>=? AND sequence<?", select_);
    prepare("DELETE FROM queue WHERE sequence>=? AND sequence<?", remove_);
  }
  ~Sqlite() override {
    for (auto* statement : {begin_, end_, insert_, select_, remove_}) sqlite3_finalize(statement);
    sqlite3_close(db_);
  }
  void commit(std::uint64_t first, const std::vector<tidegate::Message>& messages, std::size_t removed) override {
    finish(begin_);
    auto sequence = static_cast<sqlite3_int64>(first);
    for (const auto& message : messages) {
      sqlite3_bind_int64(insert_, 1, sequence++);
      sqlite3_bind_int64(insert_, 2, tidegate::machine_clock().wall().time_since_epoch().count());
      sqlite3_bind_text(insert_, 3, message.topic.data(), static_cast<int>(message.topic.size()), SQLITE_STATIC);
      sqlite3_bind_blob(insert_, 4, message.payload.data(), static_cast<int>(message.payload.size()), SQLITE_STATIC);
      finish(insert_);
    }
    if (removed != 0) {
      for (auto* statement : {select_, remove_}) {
        sqlite3_bind_int64(statement, 1, static_cast<sqlite3_int64>(first - removed));
        sqlite3_bind_int64(statement, 2, static_cast<sqlite3_int64>(first));
      }
      std::size_t rows = 0;
      while (sqlite3_step(select_) == SQLITE_ROW) rows += sqlite3_column_bytes(select_, 2) != 0 ? 1 : 0;
      sqlite3_reset(select_);
      if (rows != removed) fail("SQLite has lost a row");
      finish(remove_);
    }
    finish(end_);
  }

 private:
  void check(int result) {
    if (result != SQLITE_OK && result != SQLITE_DONE) fail(sqlite3_errmsg(db_));
  }
  void run(const char* words) { check(sqlite3_exec(db_, words, nullptr, nullptr, nullptr)); }
  void prepare(const char* words, sqlite3_stmt*& into) { check(sqlite3_prepare_v2(db_, words, -1, &into, nullptr)); }
  void finish(sqlite3_stmt* statement) {
    check(sqlite3_step(statement));
    sqlite3_reset(statement);
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt *begin_ = nullptr, *end_ = nullptr, *insert_ = nullptr, *select_ = nullptr, *remove_ = nullptr;
};

std::string key(std::uint64_t sequence) {
  return fmt::format("{:016x}", sequence);
}

class LevelDb final : public Store {
 public:
  LevelDb(const std::filesystem::path& folder, bool sync) {
    leveldb::Options options;
    options.create_if_missing = true;
    leveldb::DB* db = nullptr;
    check(leveldb::DB::Open(options, folder / "leveldb", &db));
    db_.reset(db);
    how_.sync = sync;
  }
  void commit(std::uint64_t first, const std::vector<tidegate::Message>& messages, std::size_t removed) override {
    leveldb::WriteBatch batch;
    auto sequence = first;
    for (const auto& message : messages) {
      const auto wall = tidegate::machine_clock().wall().time_since_epoch().count();
      batch.Put(key(sequence++),
                fmt::format("{:016x}{:04x}{}{}", wall, message.topic.size(), message.topic, message.payload));
    }
    std::string value;
    for (auto old = first - removed; old < first; ++old) {
      check(db_->Get({}, key(old), &value));
      batch.Delete(key(old));
    }
    check(db_->Write(how_, &batch));
  }

 private:
  static void check(const leveldb::Status& status) {
    if (!status.ok()) fail(status.ToString());
  }
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions how_;
};

class Files final : public Store {
 public:
  Files(const std::filesystem::path& folder, bool sync) : folder_(folder / "files"), sync_(sync) {
    std::filesystem::create_directory(folder_);
    directory_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_ < 0) fail("cannot open the folder");
  }
  ~Files() override { ::close(directory_); }
  void commit(std::uint64_t first, const std::vector<tidegate::Message>& messages, std::size_t removed) override {
    auto sequence = first;
    for (const auto& message : messages) {
      const auto name = key(sequence++);
      const int fd = openat(directory_, name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      const auto text = message.topic + '\n' + message.payload;
      if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        fail("cannot write a file");
      if (sync_ && fdatasync(fd) != 0) fail("cannot sync a file");
      ::close(fd);
    }
    if (sync_ && fsync(directory_) != 0) fail("cannot sync the folder");
    char buffer[4096];
    for (auto old = first - removed; old < first; ++old) {
      const auto name = key(old);
      const int fd = openat(directory_, name.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0 || read(fd, buffer, sizeof buffer) <= 0) fail("a file is gone");
      ::close(fd);
      if (unlinkat(directory_, name.c_str(), 0) != 0) fail("cannot remove a file");
    }
  }

 private:
  const std::filesystem::path folder_;
  const bool sync_;
  int directory_;
};

std::unique_ptr<Store> make(const std::string& name, const std::filesystem::path& folder) {
  if (name == "log" || name == "log-wait") return std::make_unique<OurLog>(folder, name == "log-wait");
  if (name == "sqlite-full" || name == "sqlite-normal") return std::make_unique<Sqlite>(folder, name == "sqlite-full");
  if (name == "leveldb" || name == "leveldb-sync") return std::make_unique<LevelDb>(folder, name == "leveldb-sync");
  if (name == "files" || name == "files-sync") return std::make_unique<Files>(folder, name == "files-sync");
  fail("there is no store '" + name + "'");
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> given{{"--store", ""}, {"--folder", ""},   {"--batch", "1"}, {"--cycle", "0"},
                                           {"--rate", "0"}, {"--seconds", "2"}, {"--warm", "0"},  {"--bytes", "64"}};
  for (int at = 1; at < argc; at += 2) {
    if (at + 1 == argc || given.count(argv[at]) == 0) fail(fmt::format("what is '{}'?", argv[at]));
    given[argv[at]] = argv[at + 1];
  }
  const auto number = [&](const char* name) { return static_cast<std::size_t>(std::stoul(given[name])); };
  const auto store = make(given["--store"], given["--folder"]);
  const bool cycle = number("--cycle") != 0;
  prctl(PR_SET_TIMERSLACK, 1UL);

  std::uint64_t next = 1;
  std::size_t before = 0;
  const auto messages = [&](std::size_t count) {
    return std::vector<tidegate::Message>(count, {"device/bench", std::string(number("--bytes"), 'x'), {}, false, {}});
  };
  const auto commit = [&](const std::vector<tidegate::Message>& batch) {
    store->commit(next, batch, cycle ? before : 0);
    next += batch.size();
    before = batch.size();
  };
  for (const auto batch = messages(100); next <= number("--warm");) commit(batch);
  std::string line;
  std::cout << "ready" << std::endl;
  std::getline(std::cin, line);

  const auto batch = messages(number("--batch"));
  const auto rate = number("--rate");
  const auto first = next;
  std::vector<std::int64_t> times;
  const double cpu = cpu_seconds();
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::seconds{number("--seconds")};
  auto now = begin;
  while (now < end) {
    if (rate != 0) {
      std::this_thread::sleep_until(begin + std::chrono::nanoseconds{1'000'000'000ULL * times.size() / rate});
      now = Clock::now();
    }
    commit(batch);
    const auto done = Clock::now();
    times.push_back((done - now).count());
    now = done;
  }
  const double seconds = std::chrono::duration<double>(now - begin).count();
  const auto count = static_cast<double>(next - first);
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) {
    return static_cast<double>(times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))]) / 1e3;
  };
  fmt::print(
      "{{\"rate\":{:.1f},\"count\":{:.0f},\"cpu_s_per_million\":{:.3f},\"p50_us\":{:.1f},\"p99_us\":{:.1f},\"p999_us\":"
      "{:.1f},\"max_us\":{:.1f}}}\n",
      count / seconds, count, (cpu_seconds() - cpu) / count * 1e6, at(0.5), at(0.99), at(0.999), at(1));
  std::fflush(stdout);
  while (std::getline(std::cin, line)) {
  }
}
