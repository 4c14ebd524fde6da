// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// spool replay and drop: through the gateway that has the spool, or on a spool that no gateway has.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <tidegate/clock.hpp>

#include "gateway/cli/lanes.hpp"
#include "gateway/cli/spool_commands.hpp"
#include "gateway/cli/spool_record.hpp"
#include "gateway/lane_verbs.hpp"
#include "spool/file.hpp"

namespace tidegate::cli {
namespace {

constexpr const char* dead_letter_lane = "dead-letter";

struct Asked {
  SpoolPlace place;
  std::string lane;
  std::vector<std::uint64_t> sequences;
  bool all = false;
  bool stand_in = false;
  bool yes = false;

  void add_options(CLI::App& command, const char* all_help) {
    command.add_option("lane", lane, "Lane, as UPSTREAM/LANE")->required();
    CLI::Option* some = command.add_option("--sequence", sequences, "Messages by their numbers, as peek shows them");
    command.add_flag("--all", all, all_help)->excludes(some);
    command.add_flag("--stand-in", stand_in, "Of the lane that stands in for it, in memory, while the disk refuses");
    place.add_options(command);
  }
  void check() const {
    if (!all && sequences.empty()) throw Quit(Exit::usage, "say which messages: --sequence N … or --all");
  }
};

/// Does a verb's work: in the gateway, or here with the spool held meanwhile.
class Worker {
 public:
  explicit Worker(const Asked& asked) : remote_(asked.place.remote()) {
    if (asked.place.live()) return;
    spool_.emplace(asked.place.folder(asked.stand_in), spool::machine_disk(), machine_clock());
    verbs_.emplace(asked.stand_in ? nullptr : &*spool_, asked.stand_in ? &*spool_ : nullptr);
  }
  [[nodiscard]] Json replay(const Json& request) {
    return verbs_ ? verbs_->replay(request) : remote_.ask("spool.replay", request);
  }
  [[nodiscard]] Json drop(const Json& request) {
    return verbs_ ? verbs_->drop(request) : remote_.ask("spool.drop", request);
  }

 private:
  const Remote& remote_;
  std::optional<spool::Spool> spool_;
  std::optional<gateway::LaneVerbs> verbs_;
};

std::string messages(std::uint64_t count) {
  return fmt::format("{} message{}", count, count == 1 ? "" : "s");
}

Exit replay(Asked& asked) {
  asked.check();
  asked.place.find();
  const auto lane = asked.place.lane(asked.lane, asked.stand_in);
  if (lane.name.lane != dead_letter_lane) {
    throw Quit(Exit::usage, fmt::format("{} holds no dead letters; they are in {}/{}", lane.text(), lane.name.upstream,
                                        dead_letter_lane));
  }
  Worker worker(asked);
  Json request{{"lane", lane.name.text()}, {"stand_in", lane.stand_in}};
  if (!asked.all) request["sequences"] = asked.sequences;
  std::uint64_t replayed = 0;
  auto failed = Json::array();
  for (bool more = true; more;) {
    const Json answer = worker.replay(request);
    replayed += static_cast<std::uint64_t>(number(answer, "replayed"));
    for (const auto& one : answer.value("failed", Json::array())) failed.push_back(one);
    request["from"] = answer.value("next", std::uint64_t{0});
    request["up_to"] = answer.value("up_to", std::uint64_t{0});
    more = answer.value("more", false);
  }
  if (asked.place.json()) {
    fmt::print("{}\n", Json{{"replayed", replayed}, {"failed", failed}}.dump());
  } else {
    for (const auto& one : failed)
      fmt::print(stderr, "tidegate: message {} stays: {}\n", show(one, "sequence"), show(one, "why"));
    fmt::print("{} went back to {} lane{}\n", messages(replayed), replayed == 1 ? "its" : "their",
               replayed == 1 ? "" : "s");
  }
  const bool found = asked.all || replayed + failed.size() == asked.sequences.size();
  if (!found && !asked.place.json()) fmt::print(stderr, "tidegate: the others are not in {}\n", lane.text());
  return found && failed.empty() ? Exit::ok : Exit::failure;
}

/// Of what waits, or of what was named: first to last.
std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_of(Asked& asked, const SpoolLane& lane) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  const auto add = [&](std::uint64_t sequence) {
    const bool goes_on = !ranges.empty() && ranges.back().second + 1 == sequence &&
                         sequence - ranges.back().first < gateway::LaneVerbs::most_dropped;
    if (goes_on) {
      ranges.back().second = sequence;
    } else {
      ranges.emplace_back(sequence, sequence);
    }
  };
  if (!asked.all) {
    std::ranges::sort(asked.sequences);
    const auto twice = std::ranges::unique(asked.sequences);
    asked.sequences.erase(twice.begin(), twice.end());
    for (const auto sequence : asked.sequences) add(sequence);
    return ranges;
  }
  lane.inspector->walk(lane.name, spool::Inspector::Which::waiting, [&](const spool::Seen& seen) {
    add(seen.record.sequence);
    return true;
  });
  return ranges;
}

Exit drop(Asked& asked) {
  asked.check();
  asked.place.find();
  const auto lane = asked.place.lane(asked.lane, asked.stand_in);
  const auto ranges = ranges_of(asked, lane);
  std::uint64_t wanted = 0;
  for (const auto& [first, last] : ranges) wanted += last - first + 1;
  if (!asked.yes) {
    throw Quit(Exit::usage, fmt::format("{} of {} would be gone for good; say --yes to drop {}", messages(wanted),
                                        lane.text(), wanted == 1 ? "it" : "them"));
  }
  Worker worker(asked);
  std::uint64_t dropped = 0;
  for (const auto& [first, last] : ranges) {
    const Json answer =
        worker.drop({{"lane", lane.name.text()}, {"stand_in", lane.stand_in}, {"first", first}, {"last", last}});
    dropped += static_cast<std::uint64_t>(number(answer, "dropped"));
  }
  if (asked.place.json()) {
    fmt::print("{}\n", Json{{"dropped", dropped}}.dump());
  } else {
    fmt::print("{} dropped{}\n", messages(dropped),
               dropped < wanted ? fmt::format("; {} had left {} before", messages(wanted - dropped), lane.text()) : "");
  }
  return asked.all || dropped == wanted ? Exit::ok : Exit::failure;
}

}  // namespace

void add_spool_replay(CLI::App& spool, Run& run) {
  const auto asked = std::make_shared<Asked>();
  CLI::App* command = spool.add_subcommand("replay", "Put dead letters back at the end of the lanes they came from");
  asked->add_options(*command, "All that are there now");
  command->callback([asked, &run] { run = [asked] { return replay(*asked); }; });
}

void add_spool_drop(CLI::App& spool, Run& run) {
  const auto asked = std::make_shared<Asked>();
  CLI::App* command = spool.add_subcommand("drop", "Throw messages of a lane away, undelivered");
  asked->add_options(*command, "All that wait now");
  command->add_flag("--yes", asked->yes, "Without it, only says what would be dropped");
  command->callback([asked, &run] { run = [asked] { return drop(*asked); }; });
}

}  // namespace tidegate::cli
