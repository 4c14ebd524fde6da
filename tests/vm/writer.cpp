// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// What runs in the guest: uses a lane of a real spool until the power goes away and says what the lane promised, or
// looks after the cut whether it was kept. Everything it says is a line on standard output, in one write().
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <tidegate/clock.hpp>
#include <tidegate/error.hpp>

#include "spool/file.hpp"
#include "spool/lane.hpp"
#include "spool/spool.hpp"
#include "vm/promise.hpp"

namespace tidegate::vm {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using Json = nlohmann::json;

void say(const std::string& line) {
  const auto text = line + '\n';
  if (::write(STDOUT_FILENO, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::exit(74);
}

/// The message that has this place in the lane: what is read can be judged without knowing what was written.
Message make(std::uint32_t epoch, std::uint64_t sequence) {
  std::mt19937_64 random(epoch * 1'000'003ULL + sequence);
  Message message;
  message.topic = fmt::format("t/{}/{}", epoch, sequence);
  const auto kind = random() % 20;
  const auto size = kind < 14 ? random() % 100 : kind < 19 ? random() % 1200 : random() % 9000;
  message.payload.assign(size, static_cast<char>('a' + sequence % 26));
  message.retain = random() % 5 == 0;
  if (random() % 4 == 0) message.properties.user.emplace_back("n", std::to_string(sequence));
  return message;
}

spool::LaneOptions small_segments() {
  spool::LaneOptions options;
  options.segment_size = 128U << 10;  // so that a short life rolls and recycles
  options.capacity = 24U << 20;
  options.memory = 64U << 10;
  return options;
}

/// A place on the raw disk behind the file system: writes there stand in the disk's own log in order with all others.
class Mark {
 public:
  Mark(const std::string& device, off_t offset) : offset_(offset), block_(std::aligned_alloc(size, size), &std::free) {
    fd_ = ::open(device.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC);
    if (fd_ < 0) throw SystemError(errno, fmt::format("cannot open {}", device));
  }
  ~Mark() { ::close(fd_); }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;
  void write(const std::string& line) {
    if (line.size() >= size) throw PayloadError("too long a promise for its block");
    std::memset(block_.get(), 0, size);
    std::memcpy(block_.get(), line.data(), line.size());
    if (::pwrite(fd_, block_.get(), size, offset_) != size) throw SystemError(errno, "cannot write the mark");
  }

 private:
  static constexpr std::size_t size = 4096;
  off_t offset_;
  std::unique_ptr<void, void (*)(void*)> block_;
  int fd_;
};

/// One life of a spool with one lane.
class Life {
 public:
  Life(const std::string& folder, Promise before) : before_(std::move(before)) {
    const auto began = steady_clock::now();
    spool_ = std::make_unique<spool::Spool>(folder, spool::machine_disk(), machine_clock());
    lane_ = &spool_->lane("cloud", "default", small_segments());
    opened_in_ = std::chrono::duration<double>(steady_clock::now() - began).count();
  }

  /// Reads all there is and judges it by what was promised; then the lane has to work. Says the verdict; false when
  /// anything is wrong.
  bool verify() {
    const auto status = lane_->status();
    std::set<std::uint64_t> found;
    std::uint64_t last = 0;
    std::uint64_t again = 0;
    for (;;) {
      const auto records = lane_->read(200, 1U << 20);
      if (records.empty()) break;
      for (const auto& record : records) {
        const auto sequence = record.sequence;
        if (sequence <= last) wrong("{} came after {}", sequence, last);
        last = std::max(last, sequence);
        if (record.message != make(record.epoch, sequence)) wrong("{} is not what was written", sequence);
        if (sequence >= before_.first ? record.epoch != before_.epoch : record.epoch >= before_.epoch) {
          wrong("{} is of epoch {}; epoch {} began with {}", sequence, record.epoch, before_.epoch, before_.first);
        }
        if (sequence <= before_.settled) wrong("{} came back after its cursor was durable", sequence);
        if (sequence > before_.settled && sequence <= before_.acking && !before_.held.contains(sequence)) ++again;
        found.insert(sequence);
      }
    }
    std::uint64_t missing = 0;
    for (auto sequence = before_.settled + 1; sequence <= before_.durable; ++sequence) {
      if (before_.keeps(sequence) && !found.contains(sequence)) {
        ++missing;
        wrong("{} was durable and is lost", sequence);
      }
    }
    std::map<std::uint64_t, std::uint64_t> gone;
    std::uint64_t window = 0;  // not durable, not acknowledged, and gone: what a power cut may take
    for (auto sequence = std::max(before_.durable, before_.acking) + 1; sequence <= status.accepted; ++sequence) {
      if (found.contains(sequence)) continue;
      ++window;
      if (gone.empty() || gone.rbegin()->second + 1 != sequence) gone.emplace(sequence, sequence);
      gone.rbegin()->second = sequence;
    }
    if (status.epoch <= before_.epoch) wrong("epoch {} was used before", status.epoch);
    if (status.accepted < before_.durable) wrong("the sequence fell back to {}", status.accepted);
    if (!status.trouble.empty()) wrong("trouble: {}", status.trouble);
    const auto after = lane_->status();
    std::uint64_t discarded = 0;
    for (const auto& [reason, count] : after.discarded) {
      discarded += count;
      if (reason != spool::Discard::corrupt) wrong("{} were discarded: {}", count, spool::to_string(reason));
    }

    // It works: what is appended now becomes durable.
    epoch_ = status.epoch;
    first_ = status.accepted + 1;
    next_ = first_;
    append();
    if (!lane_->wait_durable(next_ - 1, 60s)) wrong("a new record does not become durable");
    const auto fresh = lane_->read(2, 1U << 20);
    if (fresh.size() != 1 || fresh[0].sequence != first_ || fresh[0].message != make(epoch_, first_)) {
      wrong("a new record cannot be read");
    }
    say("verdict " + Json{{"found", found.size()},
                          {"promised", before_.durable},
                          {"last", last},
                          {"missing", missing},
                          {"again", again},
                          {"window", window},
                          {"counted_corrupt", discarded},
                          {"opened_s", opened_in_},
                          {"wrong", wrong_}}
                         .dump());
    // What came through the cut is on the medium, whether it was promised or not.
    promise_ = {epoch_,          first_, first_,      first_, std::min(before_.acking, first_ - 1),
                before_.settled, {},     before_.gone};
    promise_.gone.merge(gone);
    std::ranges::set_intersection(before_.held, found, std::inserter(promise_.held, promise_.held.end()));
    return wrong_.empty();
  }

  /// Until the power goes away, or the time is up.
  void live(std::uint64_t seed, std::chrono::milliseconds time, Mark* mark) {
    std::mt19937_64 random(seed);
    mark_ = mark;
    lane_->rewind();
    last_read_ = before_.settled;
    tell();
    bool online = true;
    const auto end = steady_clock::now() + time;
    while (steady_clock::now() < end) {
      if (random() % 60 == 0) online = !online;
      if (next_ - last_read_ > 3000) online = true;
      for (auto more = random() % 30; more > 0; --more) append();
      promise_.accepted = next_ - 1;
      if (online) forward(random);
      promise_.durable = std::max(promise_.durable, lane_->durable());
      if (random() % 40 == 0 && lane_->wait_durable(next_ - 1, 60s))
        promise_.durable = std::max(promise_.durable, next_ - 1);
      if (random() % 80 == 0) {
        const auto settled = pending_.empty() ? last_read_ : *pending_.begin() - 1;
        spool_->sync();
        promise_.durable = std::max(promise_.durable, lane_->durable());
        promise_.settled = std::max(promise_.settled, settled);
      }
      tell();
      std::this_thread::sleep_for(std::chrono::microseconds{random() % 4000});
    }
  }

 private:
  template <typename... Values>
  void wrong(fmt::format_string<Values...> format, Values&&... values) {
    if (wrong_.size() < 20) wrong_.push_back(fmt::format(format, std::forward<Values>(values)...));
  }

  void append() {
    const auto sequence = lane_->append(make(epoch_, next_));
    if (sequence != next_) {
      throw std::logic_error(
          fmt::format("{} was expected to be the next sequence, not {}", next_, sequence.value_or(0)));
    }
    ++next_;
  }

  void forward(std::mt19937_64& random) {
    for (const auto& record : lane_->read(1 + random() % 60, 1U << 18)) {
      pending_.insert(record.sequence);
      last_read_ = record.sequence;
    }
    std::vector<std::uint64_t> going;
    for (const auto sequence : pending_) {
      if (random() % 8 != 0) going.push_back(sequence);
    }
    std::shuffle(going.begin(), going.end(), random);
    for (const auto sequence : going) {
      pending_.erase(sequence);
      promise_.acking = std::max(promise_.acking, sequence);
    }
    while (pending_.size() > 20) {
      going.push_back(*pending_.begin());
      pending_.erase(pending_.begin());
    }
    promise_.held.clear();
    for (const auto sequence : pending_) {
      if (sequence <= promise_.acking) promise_.held.insert(sequence);
    }
    std::erase_if(promise_.gone, [&](const auto& range) { return range.second <= promise_.acking; });
    if (going.empty()) return;
    tell();  // before it is done
    lane_->acknowledge(going);
  }

  void tell() {
    if (promise_ == told_) return;
    told_ = promise_;
    const auto line = promise_.line();
    if (mark_ != nullptr) mark_->write(line);
    say(line);
  }

  Promise before_;
  std::unique_ptr<spool::Spool> spool_;
  spool::Lane* lane_ = nullptr;
  double opened_in_ = 0;
  std::vector<std::string> wrong_;
  std::uint32_t epoch_ = 0;
  std::uint64_t first_ = 0;
  std::uint64_t next_ = 0;
  Mark* mark_ = nullptr;
  Promise promise_;
  Promise told_;
  std::set<std::uint64_t> pending_;  ///< read, not acknowledged
  std::uint64_t last_read_ = 0;
};

Promise promise_in(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (file.empty() || !std::getline(in, line)) return {};
  return Promise::parse(line);
}

/// Appends at a fixed rate whatever the disk does, and says how long append() took.
Json stall(const std::string& folder, unsigned rate, std::chrono::seconds time) {
  spool::Spool spool(folder, spool::machine_disk(), machine_clock());
  spool::LaneOptions options;
  options.segment_size = 256U << 10;  // so that it rolls every two seconds or so
  auto& lane = spool.lane("cloud", "default", options);
  Message message;
  message.topic = "device/reading";
  message.payload.assign(64, 'x');
  std::vector<double> took;
  const std::size_t count = rate * static_cast<std::size_t>(time.count());
  took.reserve(count);
  double slip = 0;
  std::uint64_t lag = 0;
  const auto step = std::chrono::nanoseconds{1'000'000'000 / rate};
  for (auto due = steady_clock::now(); took.size() < count; due += step) {
    std::this_thread::sleep_until(due);
    const auto began = steady_clock::now();
    const auto sequence = lane.append(message);
    const auto now = steady_clock::now();
    took.push_back(std::chrono::duration<double, std::milli>(now - began).count());
    slip = std::max(slip, std::chrono::duration<double, std::milli>(now - due).count());
    lag = std::max(lag, sequence.value() - lane.durable());
  }
  std::ranges::sort(took);
  const auto at = [&](double share) {
    return took[static_cast<std::size_t>(share * static_cast<double>(took.size() - 1))];
  };
  return {{"appends", took.size()},
          {"rate", rate},
          {"p50_ms", at(0.5)},
          {"p99_ms", at(0.99)},
          {"p99_9_ms", at(0.999)},
          {"most_ms", took.back()},
          {"over_50_ms", std::ranges::count_if(took, [](double one) { return one > 50; })},
          {"latest_ms", slip},
          {"most_not_durable", lag},
          {"segments", lane.status().disk_bytes / options.segment_size}};
}

int run(int argc, char** argv) {
  CLI::App app("A spool in use until the power goes away");
  std::string folder;
  std::string promised;
  std::string device;
  std::int64_t offset = 0;
  std::uint64_t seed = 1;
  unsigned seconds = 60;
  unsigned rate = 1000;
  app.require_subcommand(1);
  auto* live = app.add_subcommand("live", "verifies, then uses the lane and says what it promises");
  auto* verify = app.add_subcommand("verify", "looks whether the promise was kept");
  auto* stalled = app.add_subcommand("stall", "how long append() takes");
  for (auto* one : {live, verify, stalled}) one->add_option("folder", folder)->required();
  for (auto* one : {live, verify}) one->add_option("--promised", promised, "file with the last promise");
  for (auto* one : {live, stalled}) one->add_option("--seconds", seconds);
  live->add_option("--seed", seed);
  auto* marks = live->add_option("--mark-device", device, "also write each promise there");
  live->add_option("--mark-offset", offset)->needs(marks);
  stalled->add_option("--rate", rate);
  CLI11_PARSE(app, argc, argv);

  if (*stalled) {
    say("stall " + stall(folder, rate, std::chrono::seconds{seconds}).dump());
    return 0;
  }
  Life life(folder, promise_in(promised));
  if (!life.verify()) return 1;
  if (!*live) return 0;
  std::unique_ptr<Mark> mark;
  if (!device.empty()) mark = std::make_unique<Mark>(device, offset);
  life.live(seed, std::chrono::seconds{seconds}, mark.get());
  return 0;
}

}  // namespace
}  // namespace tidegate::vm

int main(int argc, char** argv) {
  try {
    return tidegate::vm::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vm_writer: %s\n", error.what());
    return 70;
  }
}
