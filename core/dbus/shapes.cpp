// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "dbus/shapes.hpp"

namespace tidegate::dbus::shapes {
namespace {

using Type = Field::Type;
using Changes = Field::Changes;

constexpr Field gateway_fields[] = {{"State", Type::text, "phase", Changes::told},
                                    {"Health", Type::text, "health", Changes::told},
                                    {"Problems", Type::problems, "problems", Changes::told},
                                    {"Id", Type::text, "id", Changes::told},
                                    {"Version", Type::text, "version", Changes::never},
                                    {"Uuid", Type::text, "uuid", Changes::never},
                                    {"Configuration", Type::text, "configuration", Changes::told},
                                    {"Clock", Type::text, "clock", Changes::told},
                                    {"BrokerUrl", Type::text, "broker_url", Changes::told},
                                    {"BrokerState", Type::text, "broker_state", Changes::told},
                                    {"Session", Type::text, "session", Changes::told},
                                    {"Uptime", Type::real, "uptime_s", Changes::not_told},
                                    {"Waiting", Type::count, "waiting", Changes::not_told},
                                    {"TakenLocal", Type::count, "count_local", Changes::not_told},
                                    {"TakenUpstream", Type::count, "count_upstream", Changes::not_told},
                                    {"TakenOwn", Type::count, "count_own", Changes::not_told},
                                    {"Refused", Type::count, "count_refused", Changes::not_told},
                                    {"Unrouted", Type::count, "count_unrouted", Changes::not_told}};

constexpr Field upstream_fields[] = {{"Name", Type::text, "name", Changes::never},
                                     {"State", Type::text, "state", Changes::told},
                                     {"Failure", Type::text, "failure", Changes::told},
                                     {"Configured", Type::flag, "configured", Changes::told},
                                     {"Servers", Type::texts, "servers", Changes::told},
                                     {"Suspect", Type::text, "suspect", Changes::told},
                                     {"Waiting", Type::count, "waiting", Changes::not_told},
                                     {"WaitingBytes", Type::count, "waiting_bytes", Changes::not_told},
                                     {"InFlight", Type::count, "in_flight", Changes::not_told},
                                     {"Window", Type::count, "window", Changes::not_told},
                                     {"Delivered", Type::count, "delivered", Changes::not_told},
                                     {"Sent", Type::count, "sent", Changes::not_told},
                                     {"Retried", Type::count, "retried", Changes::not_told},
                                     {"Dropped", Type::count, "dropped", Changes::not_told},
                                     {"DeadLettered", Type::count, "dead_lettered", Changes::not_told}};

constexpr Field lane_fields[] = {{"Name", Type::text, "name", Changes::never},
                                 {"Upstream", Type::text, "upstream", Changes::never},
                                 {"Direction", Type::text, "direction", Changes::never},
                                 {"StandIn", Type::flag, "stand_in", Changes::never},
                                 {"Trouble", Type::text, "trouble", Changes::told},
                                 {"Priority", Type::text, "priority", Changes::told},
                                 {"WhenFull", Type::text, "when_full", Changes::told},
                                 {"Sync", Type::text, "sync", Changes::told},
                                 {"CapacityBytes", Type::count, "capacity_bytes", Changes::told},
                                 {"Waiting", Type::count, "waiting", Changes::not_told},
                                 {"WaitingBytes", Type::count, "waiting_bytes", Changes::not_told},
                                 {"DiskBytes", Type::count, "disk_bytes", Changes::not_told},
                                 {"WrittenBytes", Type::count, "written_bytes", Changes::not_told},
                                 {"Accepted", Type::count, "accepted", Changes::not_told},
                                 {"Durable", Type::count, "durable", Changes::not_told},
                                 {"Delivered", Type::count, "delivered", Changes::not_told},
                                 {"Discarded", Type::counts, "discarded", Changes::not_told},
                                 {"OldestAge", Type::real, "oldest_age_s", Changes::not_told},
                                 {"InRate", Type::real, "in_per_s", Changes::not_told},
                                 {"OutRate", Type::real, "out_per_s", Changes::not_told},
                                 {"DrainedIn", Type::real, "drained_in_s", Changes::not_told}};

constexpr Field source_fields[] = {{"Name", Type::text, "name", Changes::never},
                                   {"State", Type::text, "state", Changes::told},
                                   {"Readings", Type::count, "readings", Changes::not_told}};

constexpr Field line_fields[] = {
    {"Name", Type::text, "name", Changes::never},   {"Kind", Type::text, "kind", Changes::told},
    {"Lines", Type::texts, "lines", Changes::told}, {"Topic", Type::text, "topic", Changes::told},
    {"Value", Type::text, "value", Changes::told},  {"Since", Type::text, "since", Changes::not_told}};

constexpr Field automation_fields[] = {{"Name", Type::text, "name", Changes::never},
                                       {"State", Type::text, "state", Changes::told},
                                       {"Why", Type::text, "why", Changes::told},
                                       {"Pid", Type::count, "pid", Changes::told},
                                       {"Restarts", Type::count, "restarts", Changes::told},
                                       {"Since", Type::text, "since", Changes::told},
                                       {"Limits", Type::text, "limits", Changes::told},
                                       {"Memory", Type::count, "memory", Changes::not_told}};

}  // namespace

const Shape gateway{"org.tidegate.Gateway1", gateway_fields};
const Shape upstream{"org.tidegate.Upstream1", upstream_fields};
const Shape lane{"org.tidegate.Lane1", lane_fields};
const Shape source{"org.tidegate.Source1", source_fields};
const Shape input{"org.tidegate.Input1", line_fields};
const Shape output{"org.tidegate.Output1", line_fields};
const Shape automation{"org.tidegate.Automation1", automation_fields};

}  // namespace tidegate::dbus::shapes
