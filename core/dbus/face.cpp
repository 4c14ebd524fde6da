// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "dbus/face.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <tidegate/log.hpp>

#include "dbus/shapes.hpp"

namespace tidegate::dbus {
namespace {

using namespace std::chrono_literals;
using control::Json;

constexpr const char* bus_name = "org.tidegate.Gateway1";
constexpr const char* root = "/org/tidegate/Gateway1";
constexpr auto look_interval = 1s;
constexpr auto look_at_apps_interval = 2s;
constexpr auto drain_interval = 100ms;
constexpr double most_patience = 3'600;  ///< s
constexpr std::size_t most_waiting = 1'000;

constexpr const char* may_publish = "org.tidegate.gateway.publish";
constexpr const char* may_set_line = "org.tidegate.gateway.set-line";
constexpr const char* may_manage = "org.tidegate.gateway.manage";

sdbus::Error error_of(std::string_view kind, const std::string& text) {
  static constexpr std::pair<std::string_view, const char*> names[] = {
      {"unknown", "Unknown"}, {"argument", "Argument"}, {"refused", "Refused"}, {"configuration", "Configuration"},
      {"topic", "Topic"},     {"payload", "Payload"},   {"system", "System"},   {"unavailable", "Unavailable"},
      {"timeout", "Timeout"}};
  const auto* const found = std::ranges::find(names, kind, &std::pair<std::string_view, const char*>::first);
  return make_error(fmt::format("org.tidegate.Error.{}", found == std::end(names) ? "Failed" : found->second),
                    clean(text));
}

/// The result in an answer of Control::call(). Throws the error that it is.
Json result_of(const Json& answer) {
  if (answer.value("ok", false)) return answer.value("result", Json());
  throw error_of(answer.value("kind", "failed"), answer.value("error", "the gateway refused without a reason"));
}

/// A JSON object as a{sv}: texts, numbers (whole ones that are not negative as t, others as d), truths, lists of texts.
std::map<std::string, sdbus::Variant> details_of(const Json& object) {
  std::map<std::string, sdbus::Variant> all;
  for (const auto& [name, value] : object.items()) {
    const auto key = clean(name);
    if (value.is_string()) {
      all.emplace(key, sdbus::Variant{clean(value.get<std::string>())});
    } else if (value.is_boolean()) {
      all.emplace(key, sdbus::Variant{value.get<bool>()});
    } else if (value.is_number_unsigned()) {
      all.emplace(key, sdbus::Variant{value.get<std::uint64_t>()});
    } else if (value.is_number()) {
      all.emplace(key, sdbus::Variant{value.get<double>()});
    } else if (value.is_array()) {
      std::vector<std::string> texts;
      for (const auto& one : value) texts.push_back(clean(one.is_string() ? one.get<std::string>() : one.dump()));
      all.emplace(key, sdbus::Variant{texts});
    }
  }
  return all;
}

template <class Type>
std::optional<Type> option(const std::map<std::string, sdbus::Variant>& options, const char* key) {
  const auto found = options.find(key);
  if (found == options.end()) return std::nullopt;
  if (!found->second.containsValueOfType<Type>()) {
    throw error_of("argument", fmt::format("the option {} has the type {}, which is not the one that it has to have; "
                                           "docs/dbus.md has the types",
                                           key, found->second.peekValueType()));
  }
  return found->second.get<Type>();
}

double seconds(double given, const char* what) {
  if (std::isfinite(given) && given >= 0 && given <= most_patience) return given;
  throw error_of("argument", fmt::format("{} has to be from 0 to {} seconds", what, most_patience));
}

Loop::Duration duration(double in_seconds) {
  return std::chrono::duration_cast<Loop::Duration>(std::chrono::duration<double>(in_seconds));
}

/// Runs work for a method's caller, who is told whatever it throws. Nothing may pass into the bus's C frames.
template <class Result, class Work>
void answered(const std::shared_ptr<Result>& reply, const Work& work) noexcept {
  try {
    try {
      work();
    } catch (const sdbus::Error& error) {
      reply->returnError(error);
    } catch (const std::exception& error) {
      reply->returnError(error_of("failed", error.what()));
    }
  } catch (const std::exception& error) {
    log::debug("D-Bus: an answer cannot be sent: {}", error.what());
  }
}

Json sum(const Json& lanes, const char* key) {
  std::uint64_t all = 0;
  for (const auto& lane : lanes) all += lane.value(key, std::uint64_t{0});
  return all;
}

}  // namespace

Face::Face(Loop& loop, control::Control& control, control::Peer& apps, Bus::Kind kind)
    : loop_(loop),
      control_(control),
      apps_peer_(apps),
      kind_(kind),
      alive_(std::make_shared<int>()),
      bus_(loop, {kind, bus_name, {}, [this](sdbus::IConnection& connection) { up(connection); }, [this] { down(); }}) {
}

Face::~Face() {
  alive_.reset();
}

void Face::up(sdbus::IConnection& connection) {
  permission_ = std::make_unique<Permission>(connection, kind_ == Bus::Kind::system);
  gateway_ = std::make_unique<Thing>(connection, root, shapes::gateway, Json::object(),
                                     [this](Interface& interface) { add_methods(interface); });
  gateway_->object().addObjectManager();
  ear_ = control_.listen([this](const Json& event) { heard(event); });
  look_ = loop_.every(look_interval, [this] { refresh(); });
  look_at_apps_ = loop_.every(look_at_apps_interval, [this] { ask_apps(); });
  refresh();
  ask_apps();
  log::notice("D-Bus: {} is on the {} bus", bus_name, bus_.name_of_kind());
}

void Face::down() {
  look_ = {};
  look_at_apps_ = {};
  ear_.reset();
  waiting_.clear();
  drains_.clear();
  restarts_.clear();
  things_.clear();
  gateway_.reset();
  permission_.reset();
}

// --- What is called -------------------------------------------------------------------------------------------------

Json Face::call(const char* verb, Json arguments) const {
  arguments["verb"] = verb;
  return result_of(control_.call(arguments));
}

template <class Result, class Work>
void Face::permitted(const char* action, std::shared_ptr<Result> reply, Work work) {
  answered(reply, [&] {
    permission_->ask(sender_of(gateway_->object()), action, [reply, work](const std::string& why_not) {
      answered(reply, [&] {
        if (!why_not.empty()) throw make_error("org.tidegate.Error.Denied", clean(why_not));
        work(reply);
      });
    });
  });
}

void Face::add_methods(Interface& interface) {
  using sdbus::Result;
  interface.method("GetStatus", {}, {"json"}, [this](Result<std::string>&& result) {
    const auto reply = std::make_shared<Result<std::string>>(std::move(result));
    answered(reply,
             [&] { reply->returnResults(clean(call("status").dump(-1, ' ', false, Json::error_handler_t::replace))); });
  });
  interface.method("ReadLine", {"name"}, {"value"}, [this](Result<std::string>&& result, const std::string& name) {
    const auto reply = std::make_shared<Result<std::string>>(std::move(result));
    answered(reply, [&] { reply->returnResults(clean(call("line.read", {{"name", name}}).value("value", ""))); });
  });
  interface.method("SetLine", {"name", "value"}, {"value"},
                   [this](Result<std::string>&& result, const std::string& name, const std::string& value) {
                     permitted(may_set_line, std::make_shared<Result<std::string>>(std::move(result)),
                               [this, name, value](const Reply<std::string>& reply) {
                                 const auto line = call("line.set", {{"name", name}, {"value", value}});
                                 reply->returnResults(clean(line.value("value", "")));
                               });
                   });
  interface.method(
      "Publish", {"topic", "payload", "options"}, {"receipt"},
      [this](Result<Details>&& result, const std::string& topic, const Bytes& payload, const Details& options) {
        permitted(
            may_publish, std::make_shared<Result<Details>>(std::move(result)),
            [this, topic, payload, options](const Reply<Details>& reply) { publish(topic, payload, options, reply); });
      });
  const auto manages = [this](const char* verb) {
    return [this, verb](Result<>&& result, const std::string& name) {
      permitted(may_manage, std::make_shared<Result<>>(std::move(result)), [this, verb, name](const Reply<>& reply) {
        static_cast<void>(call(verb, {{"name", name}}));
        reply->returnResults();
        refresh_soon();
      });
    };
  };
  interface.method("PauseUpstream", {"name"}, {}, manages("upstream.pause"));
  interface.method("ResumeUpstream", {"name"}, {}, manages("upstream.resume"));
  interface.method("Reload", {}, {}, [this](Result<>&& result) {
    permitted(may_manage, std::make_shared<Result<>>(std::move(result)), [this](const Reply<>& reply) {
      static_cast<void>(call("reload"));
      reply->returnResults();
      refresh_soon();
    });
  });
  interface.method("RestartAutomation", {"name"}, {}, [this](Result<>&& result, const std::string& name) {
    permitted(may_manage, std::make_shared<Result<>>(std::move(result)),
              [this, name](const Reply<>& reply) { restart(name, reply); });
  });
  interface.method("Drain", {"timeout"}, {"waiting"}, [this](Result<std::uint64_t>&& result, double timeout) {
    permitted(may_manage, std::make_shared<Result<std::uint64_t>>(std::move(result)),
              [this, timeout](const Reply<std::uint64_t>& reply) { drain(timeout, reply); });
  });
  interface.signal<std::string>("StateChanged", {"state"});
  interface.signal<std::string, std::vector<sdbus::Struct<std::string, std::string>>>("HealthChanged",
                                                                                      {"health", "problems"});
  interface.signal<std::string, Details>("Event", {"kind", "details"});
}

void Face::publish(const std::string& topic, const Bytes& payload, const Details& options,
                   const Reply<Details>& reply) {
  static constexpr std::array known = {"qos", "retain", "content-type", "user", "until", "timeout"};
  for (const auto& [name, value] : options) {
    if (std::ranges::find(known, name) == known.end()) {
      throw error_of("argument", fmt::format("there is no option '{}'; the options are qos, retain, content-type, "
                                             "user, until and timeout",
                                             name));
    }
  }
  const auto stage = option<std::string>(options, "until").value_or("accepted");
  if (stage != "accepted" && stage != "durable" && stage != "delivered") {
    throw error_of("argument", fmt::format("until is accepted, durable or delivered, not '{}'", stage));
  }
  const auto patience = seconds(option<double>(options, "timeout").value_or(20), "timeout");
  const bool wait = stage != "accepted";
  if (wait && waiting_.size() >= most_waiting) {
    throw error_of("unavailable", fmt::format("{} callers wait for receipts already", most_waiting));
  }
  const auto told = call(
      "publish",
      {{"topic", topic},
       {"payload", std::string(payload.begin(), payload.end())},
       {"qos", option<std::uint8_t>(options, "qos").value_or(1)},
       {"retain", option<bool>(options, "retain").value_or(false)},
       {"content_type", option<std::string>(options, "content-type").value_or("")},
       {"user",
        option<std::map<std::string, std::string>>(options, "user").value_or(std::map<std::string, std::string>())},
       {"receipt", wait}});
  const auto upstreams = told.value("upstreams", std::vector<std::string>());
  Details receipt{{"upstreams", sdbus::Variant{upstreams}},
                  {"stage", sdbus::Variant{std::string(upstreams.empty() ? "local" : stage)}}};
  if (!wait || upstreams.empty()) return reply->returnResults(receipt);
  const auto one = waiting_.emplace(waiting_.end());
  one->id = told.value("receipt", "");
  one->stage = stage;
  one->upstreams.insert(upstreams.begin(), upstreams.end());
  one->receipt = std::move(receipt);
  one->reply = reply;
  one->patience = loop_.after(duration(patience), [this, one, patience] {
    std::string left;
    for (const auto& upstream : one->upstreams) left += (left.empty() ? "" : ", ") + upstream;
    const auto late = std::move(*one);
    waiting_.erase(one);
    answered(late.reply, [&]() {
      throw error_of("timeout", fmt::format("accepted, but not {} by {} within {} s; it stays in the spool", late.stage,
                                            left, patience));
    });
    bus_.sent();
  });
}

void Face::receipt(const Json& event) {
  const auto one = std::ranges::find(waiting_, event.value("id", ""), &Waiting::id);
  if (one == waiting_.end()) return;
  const auto what = event.value("receipt", "");
  const auto upstream = event.value("upstream", "");
  if (what == "discarded") {
    const auto lost = std::move(*one);
    waiting_.erase(one);
    answered(lost.reply, [&]() {
      throw error_of("refused",
                     fmt::format("it left the spool for {} undelivered: {}", upstream, event.value("reason", "?")));
    });
  } else if (what == one->stage || (what == "delivered" && one->stage == "durable")) {
    // What is delivered needs no medium any more.
    one->upstreams.erase(upstream);
    if (!one->upstreams.empty()) return;
    const auto done = std::move(*one);
    waiting_.erase(one);
    answered(done.reply, [&] { done.reply->returnResults(done.receipt); });
  }
  bus_.sent();
}

void Face::drain(double timeout, const Reply<std::uint64_t>& reply) {
  const auto left = call("drain").value("waiting", std::uint64_t{0});
  const auto until = std::chrono::steady_clock::now() + duration(seconds(timeout, "timeout"));
  if (left == 0 || timeout == 0) return reply->returnResults(left);
  if (drains_.size() >= most_waiting) throw error_of("unavailable", "too many callers drain already");
  const auto look = drains_.emplace(drains_.end());
  *look = loop_.every(drain_interval, [this, look, reply, until] {
    std::uint64_t still = 0;
    bool done = true;
    answered(reply, [&] {
      still = call("drain", {{"hurry", false}}).value("waiting", std::uint64_t{0});
      done = still == 0 || std::chrono::steady_clock::now() >= until;
      if (done) reply->returnResults(still);
    });
    if (!done) return;
    bus_.sent();
    drains_.erase(look);
  });
}

void Face::restart(const std::string& name, const Reply<>& reply) {
  // Kept here: a reply must not outlive its connection, and the answer may come after that.
  restarts_.insert(reply);
  apps_peer_.ask({{"verb", "app.restart"}, {"name", name}},
                 [this, asked = std::weak_ptr(reply), alive = std::weak_ptr<int>(alive_)](const Json& answer) {
                   if (alive.expired()) return;
                   const auto caller = asked.lock();
                   if (!caller) return;
                   restarts_.erase(caller);
                   answered(caller, [&] {
                     static_cast<void>(result_of(answer));
                     caller->returnResults();
                   });
                   bus_.sent();
                   ask_apps();
                 });
}

// --- What is shown --------------------------------------------------------------------------------------------------

void Face::refresh_soon() {
  if (refresh_posted_ || !gateway_) return;
  refresh_posted_ = true;
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    refresh_posted_ = false;
    refresh();
  });
}

void Face::refresh() try {
  if (!gateway_) return;
  const auto status = call("status");
  const auto problems_json = status["health"]["problems"];
  auto own = status["gateway"];
  own["health"] = status["health"].value("ok", false) ? "ok" : "degraded";
  own["problems"] = problems_json;
  own["broker_url"] = status["broker"].value("url", "");
  own["broker_state"] = status["broker"].value("state", "");
  own["session"] = status["local"].value("state", "");
  for (const auto& [name, count] : status["counters"].items()) own["count_" + name] = count;

  std::map<std::string, std::pair<const Shape*, Json>> wanted;
  const auto path = [](const char* kind, const Json& values) {
    return fmt::format("{}/{}/{}", root, kind, path_element(values.value("name", "")));
  };
  std::uint64_t waiting = 0;
  for (const auto& upstream : status["upstreams"]) {
    auto shown = upstream;
    const auto lanes = upstream.value("lanes", Json::array());
    shown["waiting"] = sum(lanes, "waiting");
    shown["waiting_bytes"] = sum(lanes, "waiting_bytes");
    waiting += shown["waiting"].get<std::uint64_t>();
    const auto at = path("upstream", upstream);
    const auto add = [&](const Json& lane, const char* direction) {
      auto lane_shown = lane;
      lane_shown["direction"] = direction;
      // What stands in for a lane has its name.
      const char* const apart = lane.value("stand_in", false) ? "_standin" : "";
      wanted[fmt::format("{}/{}/{}{}", at, direction, path_element(lane.value("name", "")), apart)] = {
          &shapes::lane, std::move(lane_shown)};
    };
    for (const auto& lane : lanes) add(lane, "up");
    for (const auto& lane : upstream.value("received", Json::array())) add(lane, "down");
    if (upstream.contains("dead_letters")) add(upstream["dead_letters"], "dead");
    wanted[at] = {&shapes::upstream, std::move(shown)};
  }
  own["waiting"] = waiting;
  for (const auto& plugin : status["plugins"]) wanted[path("source", plugin)] = {&shapes::source, plugin};
  const auto lines = call("line.list");
  for (const auto& line : lines["lines"]) {
    const bool output = line.value("output", false);
    wanted[path(output ? "output" : "input", line)] = {output ? &shapes::output : &shapes::input, line};
  }
  for (const auto& app : apps_) wanted[path("automation", app)] = {&shapes::automation, app};

  const auto before = gateway_->values();
  gateway_->update(own);
  const auto changed = [&](const char* key) { return before.value(key, Json()) != own.value(key, Json()); };
  if (changed("phase")) {
    gateway_->object()
        .emitSignal("StateChanged")
        .onInterface(InterfaceName{bus_name})
        .withArguments(own.value("phase", ""));
  }
  if (changed("health") || changed("problems")) {
    gateway_->object()
        .emitSignal("HealthChanged")
        .onInterface(InterfaceName{bus_name})
        .withArguments(own.value("health", ""), problems(problems_json));
  }
  show(std::move(wanted));
  bus_.sent();
} catch (const std::exception& error) {
  log::debug("D-Bus: not all can be shown: {}", error.what());
  bus_.sent();  // which finds out, if the connection ended
}

void Face::show(std::map<std::string, std::pair<const Shape*, Json>> wanted) {
  for (auto thing = things_.begin(); thing != things_.end();) {
    if (wanted.contains(thing->first)) {
      ++thing;
      continue;
    }
    thing->second->object().emitInterfacesRemovedSignal();
    thing = things_.erase(thing);
  }
  for (auto& [path, what] : wanted) {
    if (const auto known = things_.find(path); known != things_.end()) {
      known->second->update(std::move(what.second));
    } else {
      auto thing = std::make_unique<Thing>(*bus_.connection(), path, *what.first, std::move(what.second));
      things_.emplace(path, std::move(thing)).first->second->object().emitInterfacesAddedSignal();
    }
  }
}

void Face::ask_apps() {
  if (asking_apps_) return;
  asking_apps_ = true;
  apps_peer_.ask({{"verb", "app.list"}}, [this, alive = std::weak_ptr<int>(alive_)](const Json& answer) {
    if (alive.expired()) return;
    asking_apps_ = false;
    auto apps = Json::array();
    if (answer.value("ok", false)) apps = answer["result"].value("apps", Json::array());
    if (apps == apps_) return;
    apps_ = std::move(apps);
    refresh_soon();
  });
}

void Face::heard(const Json& event) {
  const auto kind = event.value("event", "");
  if (kind == "receipt") return receipt(event);
  if (kind == "state") return refresh();  // StateChanged says it, at once: the loop may turn no more
  refresh_soon();
  if (kind == "health") return;  // HealthChanged says it
  auto details = event;
  details.erase("event");
  gateway_->object().emitSignal("Event").onInterface(InterfaceName{bus_name}).withArguments(kind, details_of(details));
  bus_.sent();
}

}  // namespace tidegate::dbus
