// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/client.hpp>
#include <tidegate/topic.hpp>

#include "gateway/cli/command.hpp"
#include "gateway/cli/connection.hpp"
#include "gateway/cli/lines.hpp"

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr std::size_t most_messages = 500;     ///< under way at once; below what a Client queues, so it drops nothing
constexpr std::size_t most_bytes = 32U << 20;  ///< the same
constexpr auto patience_first = 15s;           ///< for the first connection
constexpr auto patience_again = 10s;           ///< for another, once one was lost

struct Arguments {
  Connection connection;
  std::string topic;
  std::optional<std::string> message;
  std::optional<std::filesystem::path> file;
  bool lines = false;
  bool null = false;
  bool whole_input = false;
  int qos = 1;
  bool retain = false;
  std::optional<double> timeout;
};

/// Publishes, and knows what has not been acknowledged. Thread: main.
class Outbox final {
 public:
  Outbox(ClientOptions options, std::optional<double> timeout)
      : client_(std::move(options)), lost_since_(Steady::now()), patience_(patience_first) {
    if (timeout)
      deadline_ = lost_since_ + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(*timeout));
    client_.start();
    while (!connected_) look(100ms);
  }

  /// Waits while too much is under way.
  void send(Message message) {
    while (under_way_.size() >= most_messages || bytes_ > most_bytes) look(100ms);
    const std::size_t size = message.payload.size();
    under_way_.emplace(client_.publish(std::move(message), true), size);
    bytes_ += size;
    look(0ms);
  }

  /// Waits until everything is acknowledged. Throws Quit when something was refused or lost.
  void finish() {
    while (!under_way_.empty()) look(100ms);
    if (failed_ > 0) throw Quit(Exit::unavailable, fmt::format("{} of {} messages failed", failed_, sent()));
    client_.stop(1s);
  }

  /// Takes what happened meanwhile. Throws Quit when there is no use in waiting on.
  void look(std::chrono::milliseconds wait) {
    for (const Event& event : client_.wait(256, wait)) take(event);
    const auto now = Steady::now();
    if (now >= deadline_) throw Quit(Exit::timeout, "timed out" + unacknowledged());
    if (!connected_ && now - lost_since_ > patience_) {
      throw Quit(Exit::unavailable,
                 fmt::format("no connection for {} s: {}{}",
                             std::chrono::floor<std::chrono::seconds>(patience_).count(), why_, unacknowledged()));
    }
  }

 private:
  void take(const Event& event) {
    switch (event.kind) {
      case Event::Kind::connected:
        connected_ = true;
        patience_ = patience_again;
        break;
      case Event::Kind::disconnected:
        if (patience_ == patience_first || event.authentication) give_up(event);
        if (std::exchange(connected_, false)) lost_since_ = Steady::now();
        why_ = event.reason;
        break;
      case Event::Kind::refused:
      case Event::Kind::dropped:
        fmt::print(stderr, "tidegate: message {} was not published: {}\n", event.token, event.reason);
        ++failed_;
        settle(event.token);
        break;
      case Event::Kind::delivered:
        settle(event.token);
        break;
      case Event::Kind::message:
        break;
    }
  }
  void settle(std::uint64_t token) {
    const auto found = under_way_.find(token);
    if (found == under_way_.end()) return;
    bytes_ -= found->second;
    under_way_.erase(found);
  }
  [[nodiscard]] std::uint64_t sent() const { return client_.counters().published; }
  [[nodiscard]] std::string unacknowledged() const {
    if (under_way_.empty()) return "";
    return fmt::format("; {} of {} messages are not acknowledged", under_way_.size(), sent());
  }

  Client client_;
  std::unordered_map<std::uint64_t, std::size_t> under_way_;  ///< token to payload bytes
  std::size_t bytes_ = 0;
  std::uint64_t failed_ = 0;
  bool connected_ = false;
  Steady::time_point lost_since_;
  Steady::duration patience_;
  Steady::time_point deadline_ = Steady::time_point::max();
  std::string why_ = "the broker does not answer";
};

/// Reads at most one byte more than a message may carry, so that /dev/zero ends too.
std::string read_whole(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string all(default_payload_cap + 1, '\0');
  if (!file || (!file.read(all.data(), static_cast<std::streamsize>(all.size())) && !file.eof())) {
    throw Quit(errno == EACCES ? Exit::permission : Exit::no_input,
               SystemError(errno, "cannot read " + path.string()).what());
  }
  all.resize(static_cast<std::size_t>(file.gcount()));
  return all;
}

Exit pub(const Arguments& arguments) {
  const int kinds = arguments.message.has_value() + arguments.file.has_value() + arguments.lines + arguments.null +
                    arguments.whole_input;
  if (kinds != 1) {
    throw Quit(Exit::usage,
               "say what to publish with exactly one of -m TEXT, -f FILE, -l (lines), -s (all of the "
               "input) and -n (nothing)");
  }
  Message message;
  message.topic = arguments.topic;
  message.qos = static_cast<Qos>(arguments.qos);
  message.retain = arguments.retain;
  check_topic(message.topic);
  if (arguments.message) message.payload = *arguments.message;
  if (arguments.file) message.payload = read_whole(*arguments.file);
  if (arguments.whole_input) message.payload = read_whole("/dev/stdin");
  check_payload(message);

  Outbox outbox(arguments.connection.client_options(), arguments.timeout);
  if (arguments.lines) {
    Lines lines(STDIN_FILENO, default_payload_cap, [&] { outbox.look(0ms); });
    while (auto line = lines.next()) {
      message.payload = std::move(*line);
      outbox.send(message);
    }
  } else {
    outbox.send(std::move(message));
  }
  outbox.finish();
  return Exit::ok;
}

}  // namespace

void add_pub(CLI::App& program, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("pub", "Publish, and wait until the broker has acknowledged");
  command->add_option("-t,--topic", arguments->topic, "Topic")->required();
  command->add_option("-m,--message", arguments->message, "Publish this text");
  command->add_option("-f,--file", arguments->file, "Publish a file's bytes as one message");
  command->add_flag("-l,--stdin-line", arguments->lines, "Publish each line of standard input");
  command->add_flag("-s,--stdin-file", arguments->whole_input, "Publish all of standard input as one message");
  command->add_flag("-n,--null-message", arguments->null,
                    "Publish an empty message; with -r it removes the retained one");
  command->add_option("-q,--qos", arguments->qos, "Quality of service (default 1)")->check(CLI::Range(0, 2));
  command->add_flag("-r,--retain", arguments->retain, "The broker keeps it for later subscribers");
  command->add_option("-W", arguments->timeout, "Give up after so many seconds, with exit status 27")
      ->check(CLI::PositiveNumber);
  arguments->connection.add_options(*command);
  command->callback([arguments, &run] { run = [arguments] { return pub(*arguments); }; });
}

}  // namespace tidegate::cli
