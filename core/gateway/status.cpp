// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// What `tidegate status` shows: one JSON object, made from every room's own status.
#include <cmath>

#include <fmt/format.h>

#include <tidegate/version.hpp>

#include "gateway/gateway.hpp"

namespace tidegate::gateway {
namespace {

using control::Json;

double seconds(Nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

const char* to_string(spool::Priority priority) noexcept {
  switch (priority) {
    case spool::Priority::high:
      return "high";
    case spool::Priority::normal:
      return "normal";
    case spool::Priority::low:
      return "low";
  }
  return "?";
}

const char* to_string(spool::WhenFull when_full) noexcept {
  switch (when_full) {
    case spool::WhenFull::drop_oldest:
      return "drop-oldest";
    case spool::WhenFull::reject:
      return "reject";
    case spool::WhenFull::keep_latest:
      return "keep-latest";
  }
  return "?";
}

Json pump_json(const forward::PumpStatus& status) {
  return {{"state", status.stalled ? "stalled" : mqtt::to_string(status.state)},
          {"failure", status.state == mqtt::State::connected ? "" : status.failure.what},
          {"in_flight", status.in_flight},
          {"window", status.window},
          {"queued", status.queued},
          {"delivered", status.delivered},
          {"sent", status.sent},
          {"paced", status.paced},
          {"suspect", status.suspect},
          {"retried", status.retried},
          {"dropped", status.dropped},
          {"dead_lettered", status.dead_lettered},
          {"parked", status.parked}};
}

}  // namespace

Json Gateway::lane_json(const LaneLink& link, const spool::LaneStatus& status) const {
  Json discarded = Json::object();
  for (const auto& [why, count] : status.discarded) discarded[spool::to_string(why)] = count;
  const double in = link.in.per_second();
  const double out = link.out.per_second();
  Json drain = nullptr;
  if (status.waiting == 0) {
    drain = 0;
  } else if (out > in) {
    drain = static_cast<double>(status.waiting) / (out - in);
  }
  const double up = seconds(machine_clock().boot() - started_);
  return {{"name", status.name},
          {"upstream", status.upstream},
          {"waiting", status.waiting},
          {"waiting_bytes", status.waiting_bytes},
          {"disk_bytes", status.disk_bytes},
          {"capacity_bytes", status.capacity},
          {"accepted", status.accepted},
          {"delivered", status.delivered},
          {"durable", status.durable},
          {"oldest_age_s", status.oldest_age ? Json(seconds(*status.oldest_age)) : Json(nullptr)},
          {"in_per_s", in},
          {"out_per_s", out},
          {"drained_in_s", drain},
          {"sync", status.sync == spool::Sync::each  ? "each"
                   : status.sync == spool::Sync::off ? "off"
                                                     : fmt::format("{}ms", status.loss_window.count())},
          {"loss_window_ms", status.sync == spool::Sync::off ? Json(nullptr) : Json(status.loss_window.count())},
          {"written_bytes", status.bytes_written},
          {"written_bytes_per_day",
           up > 0 ? Json(std::round(static_cast<double>(status.bytes_written) / up * 86'400)) : Json(nullptr)},
          {"priority", to_string(status.priority)},
          {"when_full", to_string(status.when_full)},
          {"discarded", discarded},
          {"epoch", status.epoch},
          {"stand_in", link.stand_in},
          {"trouble", status.trouble}};
}

void Gateway::add_lanes(Json& into, const std::vector<LaneLink>& links, bool waiting_only) const {
  for (const auto& link : links) {
    const auto status = link.lane->status();
    // What stands in for a lane is of interest once it has been used.
    const bool idle = waiting_only ? status.waiting == 0 : link.stand_in && status.accepted == 0;
    if (!idle) into.push_back(lane_json(link, status));
  }
}

Json Gateway::list_lanes() const {
  Json lanes = Json::array();
  for (const auto& link : upstreams_) {
    const bool former = !link.config;
    Json its = Json::array();
    add_lanes(its, link.lanes, former);
    add_lanes(its, link.inlets, former);
    add_lanes(its, link.dead_letters, true);
    for (auto& lane : its) {
      lane["configured"] = !former;
      lanes.push_back(std::move(lane));
    }
  }
  return {{"lanes", std::move(lanes)}};
}

std::string Gateway::summary() const {
  std::string text = broker_.state() == broker::Broker::State::up ? "local broker " + broker_.url()
                                                                  : std::string("no local broker yet");
  for (const auto& link : upstreams_) {
    if (!link.sender) continue;
    const auto pump = link.sender->status();
    std::uint64_t waiting = 0;
    for (const auto& lane : link.lanes) waiting += lane.lane->status().waiting;
    text += fmt::format("; {} {}", link.name, pump.stalled ? "stalled" : mqtt::to_string(pump.state));
    if (waiting > 0) text += fmt::format(", {} {}", waiting, waiting == 1 ? "message waits" : "messages wait");
  }
  const auto problems = health_.json()["problems"];
  if (!problems.empty()) {
    text += fmt::format("; not well: {}", problems.front()["what"].get<std::string>());
    if (problems.size() > 1) text += fmt::format(" and {} more", problems.size() - 1);
  }
  return text;
}

Json Gateway::status() const {
  Json upstreams = Json::array();
  for (const auto& link : upstreams_) {
    const bool former = !link.config;
    Json upstream = {{"name", link.name}, {"configured", !former}, {"servers", Json::array()}};
    if (!former) upstream["servers"] = link.config->servers;
    if (!former) upstream.update(pump_json(link.sender ? link.sender->status() : forward::PumpStatus{}));
    upstream["certificate_until"] = link.certificate_until ? Json(iso8601(*link.certificate_until)) : Json(nullptr);
    if (link.held) upstream.update({{"state", "paused"}, {"failure", ""}});
    if (former) upstream.update({{"state", "not configured"}, {"in_flight", 0}, {"window", 0}, {"delivered", 0}});
    Json lanes = Json::array();
    add_lanes(lanes, link.lanes, former);
    Json received = Json::array();
    add_lanes(received, link.inlets, former);
    Json letters = Json::array();
    add_lanes(letters, link.dead_letters, former);
    if (former && lanes.empty() && received.empty() && letters.empty()) continue;
    upstream["lanes"] = std::move(lanes);
    if (!letters.empty()) upstream["dead_letters"] = letters.front();
    if (!received.empty()) upstream["received"] = std::move(received);
    upstreams.push_back(std::move(upstream));
  }
  Json plugins = Json::array();
  for (const auto& plugin : plugins_.status()) {
    plugins.push_back(
        {{"name", plugin.name}, {"state", plugin.running ? "running" : "waiting"}, {"readings", plugin.readings}});
  }
  Json local = {{"state", mqtt::to_string(mqtt::State::stopped)}, {"failure", ""}};
  if (local_) local = pump_json(local_->status());
  Json listener;
  if (const auto& door = config_.broker.listener; door) {
    const auto open = broker_.door_open();
    listener = {{"address", door->address}, {"port", door->port}, {"open", open ? Json(*open) : Json()}};
  }
  const auto counters = intake_->counters();
  return {{"gateway",
           {{"id", config_.gateway.id},
            {"version", version},
            {"phase", stopping_ ? "stopping"
                      : was_up_ ? "running"
                                : "starting"},
            {"uptime_s", seconds(machine_clock().boot() - started_)},
            {"state", config_.gateway.state.string()},
            {"runtime", config_.gateway.runtime.string()},
            {"configuration", config_.files.empty() ? "" : std::filesystem::absolute(config_.files.front()).string()},
            {"uuid", spool().uuid()},
            {"age_s", seconds(spool().age())},
            {"clock", to_string(machine_clock().quality())}}},
          {"health", health_.json()},
          {"broker",
           {{"url", broker_.url()},
            {"state", broker::to_string(broker_.state())},
            {"pid", broker_.pid()},
            {"adopted", broker_.adopted()},
            {"listener", listener},
            {"warnings", broker_.warnings()}}},
          {"local", local},
          {"upstreams", upstreams},
          {"plugins", plugins},
          {"counters",
           {{"local", counters.local},
            {"upstream", counters.upstream},
            {"own", counters.own},
            {"refused", counters.refused},
            {"unrouted", counters.unrouted}}}};
}

}  // namespace tidegate::gateway
