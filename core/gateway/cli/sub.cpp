// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include <tidegate/client.hpp>
#include <tidegate/topic.hpp>

#include "gateway/cli/command.hpp"
#include "gateway/cli/connection.hpp"

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto patience_first = 15s;  ///< for the first connection; later ones are waited for without end

struct Arguments {
  Connection connection;
  std::vector<std::string> topics;
  int qos = 1;
  bool verbose = false;
  std::optional<std::uint64_t> count;
  std::optional<double> timeout;
};

volatile std::sig_atomic_t interrupted = 0;

/// As mosquitto_sub writes it: an empty payload shows only with its topic. False when nobody reads any more.
bool print(const Message& message, bool verbose) {
  if (message.payload.empty()) {
    return !verbose || std::fprintf(stdout, "%s (null)\n", message.topic.c_str()) >= 0;
  }
  if (verbose && std::fprintf(stdout, "%s ", message.topic.c_str()) < 0) return false;
  return std::fwrite(message.payload.data(), 1, message.payload.size(), stdout) == message.payload.size() &&
         std::fputc('\n', stdout) != EOF;
}

Exit sub(const Arguments& arguments) {
  std::vector<ClientSubscription> wanted;
  for (const std::string& topic : arguments.topics) {
    check_filter(topic);
    ClientSubscription subscription;
    subscription.filter = topic;
    subscription.qos = static_cast<Qos>(arguments.qos);
    wanted.push_back(std::move(subscription));
  }
  // Interrupts a write to a reader that has stopped reading; a second one kills.
  struct sigaction interrupt{};
  interrupt.sa_handler = [](int) { interrupted = 1; };
  interrupt.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &interrupt, nullptr);

  Client client(arguments.connection.client_options());
  client.subscribe(std::move(wanted));
  const auto begun = Steady::now();
  auto deadline = Steady::time_point::max();
  if (arguments.timeout) {
    deadline = begun + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(*arguments.timeout));
  }
  client.start();
  std::uint64_t left = arguments.count.value_or(std::numeric_limits<std::uint64_t>::max());
  std::uint64_t dropped = 0;
  bool was_connected = false;
  bool connected = false;
  while (interrupted == 0) {
    const auto now = Steady::now();
    if (now >= deadline) throw Quit(Exit::timeout, "timed out");
    if (!was_connected && now - begun > patience_first) {
      throw Quit(Exit::unavailable, "the broker does not answer");
    }
    // Short, for a signal's sake.
    const auto wait = std::min<Steady::duration>(deadline - now, 100ms);
    for (const Event& event : client.wait(256, std::chrono::ceil<std::chrono::milliseconds>(wait))) {
      if (event.kind == Event::Kind::message) {
        if (!print(event.message, arguments.verbose)) return Exit::ok;
        if (--left == 0) break;
      } else if (event.kind == Event::Kind::connected) {
        if (was_connected) fmt::print(stderr, "tidegate: connected again\n");
        was_connected = connected = true;
      } else if (event.kind == Event::Kind::disconnected) {
        if (!was_connected || event.authentication) give_up(event);
        if (connected) fmt::print(stderr, "tidegate: the connection is lost, trying again: {}\n", event.reason);
        connected = false;
      }
    }
    if (std::fflush(stdout) != 0) return Exit::ok;  // closed by its reader, as `head` does
    if (const std::uint64_t now_dropped = client.counters().dropped_inbox; now_dropped > dropped) {
      fmt::print(stderr, "tidegate: {} messages were dropped, they come faster than they can be written\n",
                 now_dropped - dropped);
      dropped = now_dropped;
    }
    if (left == 0) break;
  }
  client.stop(1s);
  return Exit::ok;
}

}  // namespace

void add_sub(CLI::App& program, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand("sub", "Subscribe, and print each payload on a line");
  command->add_option("-t,--topic", arguments->topics, "Topic filter; may be given several times")
      ->required()
      ->allow_extra_args(false);
  command->add_option("-q,--qos", arguments->qos, "Quality of service (default 1)")->check(CLI::Range(0, 2));
  command->add_flag("-v,--verbose", arguments->verbose, "Print the topic before the payload");
  command->add_option("-C", arguments->count, "End after so many messages")->check(CLI::PositiveNumber);
  command->add_option("-W", arguments->timeout, "Give up after so many seconds, with exit status 27")
      ->check(CLI::PositiveNumber);
  arguments->connection.add_options(*command);
  command->callback([arguments, &run] { run = [arguments] { return sub(*arguments); }; });
}

}  // namespace tidegate::cli
