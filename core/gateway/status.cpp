// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// What `tidegate status` shows: one JSON object, made from every room's own status.
#include <tidegate/version.hpp>

#include "gateway/gateway.hpp"

namespace tidegate::gateway {
namespace {

using control::Json;

double seconds(Nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

Json lane_json(const spool::Lane& lane) {
  const auto status = lane.status();
  Json discarded = Json::object();
  for (const auto& [why, count] : status.discarded) discarded[spool::to_string(why)] = count;
  return {{"name", status.name},
          {"waiting", status.waiting},
          {"waiting_bytes", status.waiting_bytes},
          {"disk_bytes", status.disk_bytes},
          {"accepted", status.accepted},
          {"delivered", status.delivered},
          {"durable", status.durable},
          {"oldest_age_s", status.oldest_age ? Json(seconds(*status.oldest_age)) : Json(nullptr)},
          {"loss_window_ms", status.loss_window.count()},
          {"discarded", discarded},
          {"epoch", status.epoch},
          {"trouble", status.trouble}};
}

Json pump_json(const forward::PumpStatus& status) {
  return {{"state", status.stalled ? "stalled" : mqtt::to_string(status.state)},
          {"failure", status.state == mqtt::State::connected ? "" : status.failure.what},
          {"in_flight", status.in_flight},
          {"window", status.window},
          {"queued", status.queued},
          {"delivered", status.delivered},
          {"retried", status.retried},
          {"dropped", status.dropped},
          {"dead_lettered", status.dead_lettered},
          {"parked", status.parked}};
}

}  // namespace

Json Gateway::status() const {
  Json upstreams = Json::array();
  for (const auto& link : upstreams_) {
    Json upstream = {{"name", link.config->name}, {"servers", link.config->servers}};
    if (link.sender) upstream.update(pump_json(link.sender->status()));
    Json lanes = Json::array();
    for (const auto* lane : link.lanes) lanes.push_back(lane_json(*lane));
    upstream["lanes"] = std::move(lanes);
    if (link.inlet != nullptr) upstream["received"] = lane_json(*link.inlet);
    upstreams.push_back(std::move(upstream));
  }
  Json plugins = Json::array();
  for (const auto& input : inputs_.status()) {
    plugins.push_back(
        {{"name", input.name}, {"state", input.running ? "running" : "waiting"}, {"readings", input.readings}});
  }
  Json local = {{"state", mqtt::to_string(mqtt::State::stopped)}, {"failure", ""}};
  if (local_) local = pump_json(local_->status());
  const auto counters = intake_->counters();
  return {{"gateway",
           {{"id", config_.gateway.id},
            {"version", version},
            {"uptime_s", seconds(machine_clock().boot() - started_)},
            {"state", config_.gateway.state.string()},
            {"uuid", spool_->uuid()},
            {"age_s", seconds(spool_->age())},
            {"clock", to_string(machine_clock().quality())}}},
          {"health", health_.json()},
          {"broker",
           {{"url", broker_.url()},
            {"state", broker::to_string(broker_.state())},
            {"pid", broker_.pid()},
            {"adopted", broker_.adopted()}}},
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
