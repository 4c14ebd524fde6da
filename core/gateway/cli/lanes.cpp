// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/lanes.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

std::string bytes(const Json& object, const char* key) {
  return show_bytes(static_cast<std::uint64_t>(number(object, key)));
}

/// "expired 3, evicted 12": what left the lane undelivered, by reason.
std::string discarded(const Json& lane) {
  std::string text;
  const Json counts = lane.value("discarded", Json::object());
  for (const auto& [why, count] : counts.items()) {
    if (count != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", why, count.dump());
  }
  return text.empty() ? "none" : text;
}

/// How much of what was accepted a power cut could take now.
std::string undurable(const Json& lane) {
  if (show(lane, "sync") == "off") return "all, sync is off";
  // What was delivered before its sync was due needs none, and cannot be lost here any more.
  const double count = std::clamp(number(lane, "accepted") - number(lane, "durable"), 0.0, number(lane, "waiting"));
  return fmt::format("{:.0f} in {:.0f} ms", count, number(lane, "loss_window_ms"));
}

std::string rate(const Json& lane, const char* key) {
  const double rate = number(lane, key);
  return rate >= 10 ? fmt::format("{:.0f}/s", rate) : rate >= 0.01 ? fmt::format("{:.2g}/s", rate) : "-";
}

/// When it will be empty, as things go.
std::string drained(const Json& lane) {
  if (number(lane, "waiting") == 0) return "-";
  const auto left = lane.find("drained_in_s");
  return left != lane.end() && left->is_number() ? show_duration(left->get<double>()) : "not at this rate";
}

}  // namespace

std::string show(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

double number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string show_lanes(const Json& lanes) {
  Table table({"LANE", ">WAITING", ">BYTES", ">OLDEST", ">IN", ">OUT", ">EMPTY IN", ">NOT DURABLE", ">WRITTEN A DAY",
               "DISCARDED"});
  std::string trouble;
  for (const Json& lane : lanes) {
    std::string name = show(lane, "upstream") + '/' + show(lane, "name");
    if (lane.value("stand_in", false)) name += " (in memory)";
    if (!lane.value("configured", true)) name += " (not configured)";
    const bool waits = number(lane, "oldest_age_s") > 0;
    table.add({name, show(lane, "waiting"), bytes(lane, "waiting_bytes"),
               waits ? show_duration(number(lane, "oldest_age_s")) : "-", rate(lane, "in_per_s"),
               rate(lane, "out_per_s"), drained(lane), undurable(lane), bytes(lane, "written_bytes_per_day"),
               discarded(lane)});
    if (const std::string text = show(lane, "trouble"); text != "-" && !text.empty()) {
      trouble += fmt::format("{}: {}\n", name, text);
    }
  }
  return table.empty() ? "" : table.text() + trouble;
}

}  // namespace tidegate::cli
