// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>

#include <tidegate/clock.hpp>
#include <tidegate/error.hpp>

#include "config/quantity.hpp"
#include "gateway/cli/gpio/commands.hpp"
#include "gateway/cli/gpio/target.hpp"

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t event_buffer = 1024;
constexpr int idle_ms = 100;  ///< short, for a signal's sake

struct Arguments {
  OurLines ours;
  LineSettings settings;
  std::vector<std::string> lines;
  std::string edges = "both";
  std::optional<std::string> debounce;
  std::optional<std::uint64_t> count;
  bool json = false;
};

struct Watched {
  std::string word;
  gpio::Line line;
  std::uint32_t sequence = 0;
};

/// "2026-11-20T18:38:58.123456Z" of a time on CLOCK_MONOTONIC.
std::string show_time(Nanoseconds monotonic) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto since = std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec) - monotonic;
  const auto wall = std::chrono::floor<std::chrono::microseconds>(machine_clock().wall() - since);
  const auto second = std::chrono::floor<std::chrono::seconds>(wall);
  std::string text = iso8601(second);  // "….000Z"
  return text.replace(text.find('.'), 4, fmt::format(".{:06}", (wall - second).count()));
}

/// False when nobody reads any more.
bool print(const Watched& watched, const gpio::EdgeEvent& edge, std::uint32_t lost, bool json) {
  const std::string time = show_time(edge.time);
  const char* way = edge.active ? "rising" : "falling";
  std::string text;
  if (json) {
    text =
        nlohmann::ordered_json{
            {"time", time}, {"line", watched.word}, {"edge", way}, {"sequence", edge.sequence}, {"lost", lost}}
            .dump();
  } else {
    text = fmt::format("{} {} {}", time, watched.word, way);
    if (lost > 0) text += fmt::format("  ({} before it lost: the kernel's buffer was full)", lost);
  }
  return std::fprintf(stdout, "%s\n", text.c_str()) >= 0;
}

gpio::LineOptions options_of(const Arguments& arguments, const Target& target) {
  gpio::LineOptions options = arguments.settings.of(target);
  options.edges = arguments.edges == "rising"    ? gpio::Edges::rising
                  : arguments.edges == "falling" ? gpio::Edges::falling
                                                 : gpio::Edges::both;
  options.event_buffer = event_buffer;
  try {
    if (arguments.debounce) options.debounce = config::parse_duration(*arguments.debounce, "ms");
  } catch (const ConfigError& error) {
    throw Quit(Exit::usage, fmt::format("--debounce: {}", error.what()));
  }
  return options;
}

std::vector<Watched> watch(Arguments& arguments) {
  arguments.ours.load();
  const gpio::Chips chips = gpio::chips();
  std::vector<Watched> all;
  for (const std::string& word : arguments.lines) {
    const Target target = find_target(word, arguments.ours, chips);
    const gpio::LineOptions options = options_of(arguments, target);
    if (target.gateway_has_it) {
      throw Quit(Exit::unavailable,
                 fmt::format("the gateway holds {}; it tells of every change on its topic: tidegate sub "
                             "-v -t '{}/#'",
                             word, target.ours->topic));
    }
    if (target.line->output) {
      throw Quit(Exit::usage, fmt::format("{} is an output, and watching would make an input of it", word));
    }
    all.push_back({word, gpio::Line(*target.line, options)});
    if (all.back().line.debounce_refused()) {
      fmt::print(stderr, "tidegate: the kernel does not debounce {}; all of its edges are shown\n", word);
    }
  }
  return all;
}

Exit mon(Arguments& arguments) {
  catch_interrupts();
  std::vector<Watched> all = watch(arguments);
  std::vector<pollfd> ready;
  for (const Watched& watched : all) ready.push_back({watched.line.fd(), POLLIN, 0});
  std::uint64_t left = arguments.count.value_or(std::numeric_limits<std::uint64_t>::max());
  while (!interrupted()) {
    if (poll(ready.data(), ready.size(), idle_ms) < 0 && errno != EINTR) {
      throw SystemError(errno, "cannot wait for edges");
    }
    for (std::size_t at = 0; at < all.size(); ++at) {
      if (ready[at].revents == 0) continue;
      if ((ready[at].revents & (POLLERR | POLLHUP)) != 0) {
        throw Quit(Exit::unavailable, fmt::format("the chip of {} is gone", all[at].word));
      }
      for (const gpio::EdgeEvent& edge : all[at].line.read()) {
        const std::uint32_t lost = edge.sequence - all[at].sequence - 1;
        all[at].sequence = edge.sequence;
        if (!print(all[at], edge, lost, arguments.json)) return Exit::ok;
        if (--left == 0) return Exit::ok;
      }
    }
    if (std::fflush(stdout) != 0) return Exit::ok;  // closed by its reader, as `head` does
  }
  return Exit::ok;
}

}  // namespace

void add_gpio_mon(CLI::App& gpio, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = gpio.add_subcommand("mon", "Watch lines, and print each edge on a line until Ctrl-C");
  command->add_option("lines", arguments->lines, "Lines, or our names for them")->required();
  command->add_option("--edges", arguments->edges, "rising, falling or both (default)")
      ->check(CLI::IsMember({"rising", "falling", "both"}));
  command->add_option("--debounce", arguments->debounce, "Edges count once the level has been still for so long: 10ms");
  command->add_option("-n,--count", arguments->count, "End after so many edges")->check(CLI::PositiveNumber);
  command->add_flag("--json", arguments->json, "Print each edge as a JSON object");
  arguments->settings.add_options(*command);
  arguments->ours.add_options(*command);
  command->callback([arguments, &run] { run = [arguments] { return mon(*arguments); }; });
}

}  // namespace tidegate::cli
