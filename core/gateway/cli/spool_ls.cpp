// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <fmt/format.h>

#include "gateway/cli/lanes.hpp"
#include "gateway/cli/spool_commands.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

double seconds(Nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

Json end_json(const std::optional<spool::LaneSummary::End>& end) {
  if (!end) return nullptr;
  return {{"sequence", end->sequence},
          {"age_s", seconds(end->age)},
          {"accepted", iso8601(end->wall)},
          {"clock", to_string(end->clock)}};
}

Json lane_json(const spool::LaneSummary& lane, bool stand_in) {
  return {{"name", lane.name.lane},
          {"waiting", lane.waiting},
          {"waiting_bytes", lane.waiting_bytes},
          {"disk_bytes", lane.disk_bytes},
          {"accepted", lane.highest},
          {"oldest_age_s", lane.oldest ? Json(seconds(lane.oldest->age)) : Json(nullptr)},
          {"epoch", lane.epoch},
          {"segments", lane.segments},
          {"settled", lane.settled},
          {"oldest", end_json(lane.oldest)},
          {"newest", end_json(lane.newest)},
          {"upstream", lane.name.upstream},
          {"stand_in", stand_in}};
}

Exit list_dead(SpoolPlace& place) {
  auto lanes = Json::array();
  Table table({"LANE", ">WAITING", ">BYTES", ">OLDEST", ">ACCEPTED EVER", ">ON DISK", "OLDEST ACCEPTED"});
  for (const auto& one : place.lanes()) {
    const auto lane = one.inspector->summary(one.name);
    lanes.push_back(lane_json(lane, one.stand_in));
    table.add({one.text(), std::to_string(lane.waiting), show_bytes(lane.waiting_bytes),
               lane.oldest ? show_duration(seconds(lane.oldest->age)) : "-", std::to_string(lane.highest),
               show_bytes(lane.disk_bytes), lane.oldest ? iso8601(lane.oldest->wall) : "-"});
  }
  if (place.json()) {
    fmt::print("{}\n", Json{{"lanes", lanes}}.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}{}", table.empty() ? "The spool has no lanes.\n" : table.text(),
               place.inspector().live() ? "" : "The gateway is not running.\n");
  }
  return Exit::ok;
}

Exit list(SpoolPlace& place) {
  if (!place.named()) {
    try {
      const Json answer = place.remote().ask("spool.ls");
      const std::string lanes = show_lanes(answer.value("lanes", Json::array()));
      fmt::print("{}", place.json() ? answer.dump() + '\n' : lanes.empty() ? "The spool has no lanes.\n" : lanes);
      return Exit::ok;
    } catch (const Quit& quit) {
      // Who says where the gateway is does not mean another one's spool.
      if (quit.exit() != Exit::unavailable || place.remote().socket || place.remote().runtime) throw;
    }
  }
  place.find();
  return list_dead(place);
}

}  // namespace

void add_spool_ls(CLI::App& spool, Run& run) {
  const auto place = std::make_shared<SpoolPlace>();
  CLI::App* command = spool.add_subcommand("ls", "List the lanes, and what waits in them");
  place->add_options(*command);
  command->callback([place, &run] { run = [place] { return list(*place); }; });
}

}  // namespace tidegate::cli
