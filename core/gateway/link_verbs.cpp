// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// What can be asked of the gateway beside status: publishing, and how its upstreams are held back and hurried; and what
// the machine tells it of its network, sleep and clock.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <tidegate/log.hpp>
#include <tidegate/topic.hpp>

#include "base/text.hpp"
#include "gateway/gateway.hpp"

namespace tidegate::gateway {
namespace {

using control::Json;
using control::Refusal;

constexpr std::size_t most_properties = 64U << 10;

template <class Value>
Value value(const Json& request, const char* key, Value otherwise) {
  const auto found = request.find(key);
  if (found == request.end() || found->is_null()) return otherwise;
  try {
    return found->get<Value>();
  } catch (const Json::exception&) {
    throw Refusal(Refusal::Kind::argument, fmt::format("{} is not of the type that it has to be", key));
  }
}

/// MQTT leaves it to brokers whether control characters pass. Mosquitto ends the connection that they come by, which
/// would be ours.
void check_text(std::string_view text, const char* what) {
  constexpr std::size_t most_bytes = 65535;
  if (text.size() > most_bytes) {
    throw Refusal(Refusal::Kind::argument,
                  fmt::format("the {} has {} bytes, MQTT allows {}", what, text.size(), most_bytes));
  }
  while (!text.empty()) {
    const auto character = take_character(text);
    if (!character || *character < 0x20 || (*character >= 0x7F && *character < 0xA0)) {
      throw Refusal(Refusal::Kind::argument,
                    fmt::format("the {} has a control character, or is no UTF-8: a broker would refuse it", what));
    }
  }
}

}  // namespace

void Gateway::add_link_verbs() {
  control_.add("publish", [this](const Json& request) { return publish(request); });
  control_.add("upstream.pause", [this](const Json& request) { return hold(request, true); });
  control_.add("upstream.resume", [this](const Json& request) { return hold(request, false); });
  // Asked again, by who waits, with hurry: false.
  control_.add("drain", [this](const Json& request) {
    if (value<bool>(request, "hurry", true)) hurry();
    return Json{{"waiting", waiting()}};
  });
}

/// {topic, payload, qos, retain, content_type, user: {…}, receipt}: with receipt, what becomes of it is told as events.
Json Gateway::publish(const Json& request) {
  Message message;
  message.topic = value<std::string>(request, "topic", {});
  message.payload = value<std::string>(request, "payload", {});
  const auto qos = value<std::int64_t>(request, "qos", 1);
  if (qos < 0 || qos > 2) throw Refusal(Refusal::Kind::argument, fmt::format("qos is 0, 1 or 2, not {}", qos));
  message.qos = static_cast<Qos>(qos);
  message.retain = value<bool>(request, "retain", false);
  message.properties.content_type = value<std::string>(request, "content_type", {});
  std::size_t properties_size = 0;
  for (auto& [name, text] : value<std::map<std::string, std::string>>(request, "user", {})) {
    check_text(name, "name of a user property");
    check_text(text, "user property");
    properties_size += name.size() + text.size();
    message.properties.user.emplace_back(name, std::move(text));
  }
  if (properties_size > most_properties) {
    throw Refusal(Refusal::Kind::argument,
                  fmt::format("the user properties have {} bytes, {} is the most", properties_size, most_properties));
  }
  check_text(message.properties.content_type, "content type");
  check_topic(message.topic);
  check_text(message.topic, "topic");
  check_payload(message, config_.gateway.payload_cap);

  std::string receipt;
  if (value<bool>(request, "receipt", false)) {
    // Of this process alone: what is delivered after a restart asks nobody.
    receipt = fmt::format("{}-{}", started_.count(), ++receipts_asked_);
    message.properties.response_topic = control_topic;
    message.properties.correlation_data = receipt;
  }
  const auto kept = intake_->own(message);
  if (kept.accepted.empty() && !kept.why.empty()) {
    throw Refusal(Refusal::Kind::refused, fmt::format("the message on {} is not taken: {}", message.topic, kept.why));
  }
  auto upstreams = Json::array();
  for (const auto& place : kept.accepted) upstreams.push_back(place.upstream);
  message.properties.response_topic.clear();
  message.properties.correlation_data.clear();
  if (local_) local_->send_here(std::move(message));
  return {{"upstreams", std::move(upstreams)}, {"receipt", receipt}};
}

void Gateway::tell_receipt(const Message& receipt) {
  loop_.post([this, id = receipt.properties.correlation_data, body = receipt.payload] {
    auto event = Json::parse(body, nullptr, false);
    if (!event.is_object() || !control_.heard()) return;
    event["event"] = "receipt";
    event["id"] = id;
    control_.tell(event);
  });
}

Json Gateway::hold(const Json& request, bool held) {
  const auto name = value<std::string>(request, "name", {});
  const auto found = std::ranges::find(upstreams_, name, &UpstreamLink::name);
  if (found == upstreams_.end() || !found->sender) {
    std::string known;
    for (const auto& link : upstreams_) {
      if (link.sender) known += (known.empty() ? "" : ", ") + link.name;
    }
    throw Refusal(Refusal::Kind::unknown,
                  fmt::format("there is no upstream '{}'; the upstreams are {}", name, known.empty() ? "none" : known));
  }
  if (found->held != held) log::notice("upstream {}: {}", name, held ? "paused by command" : "goes on");
  found->held = held;
  for (auto* const pump : found->pumps()) pump->hold(held);
  watch_links();
  return {{"name", name}, {"paused", held}};
}

std::uint64_t Gateway::waiting() const {
  std::uint64_t all = 0;
  for (const auto& link : upstreams_) {
    if (!link.sender || link.held) continue;
    for (const auto& lane : link.lanes) all += lane.lane->status().waiting;
  }
  return all;
}

void Gateway::network(bool there, const std::string& why) {
  health_.set("network", there
                             ? std::string()
                             : fmt::format("{}; until that changes, upstreams are tried at their longest pause", why));
  network_ = there;
  for (const auto& link : upstreams_) {
    for (auto* const pump : link.pumps()) pump->network(there);
  }
}

void Gateway::hurry() {
  for (const auto& link : upstreams_) {
    for (auto* const pump : link.pumps()) pump->hurry();
  }
}

void Gateway::woke() {
  log::notice("the machine has slept: all upstreams are connected anew");
  for (const auto& link : upstreams_) {
    for (auto* const pump : link.pumps()) pump->reconnect("the machine has slept");
  }
}

void Gateway::flush(std::function<void()> done) {
  flushed_.push_back(std::move(done));
  if (flushed_.size() > 1) return;  // one is under way
  if (flusher_.joinable()) flusher_.join();
  flusher_ = std::thread([this] {
    for (auto* const spool : {spool_.get(), stand_in_.get()}) {
      try {
        if (spool != nullptr) spool->sync();
      } catch (const std::exception& error) {
        log::error("the spool cannot be put on the medium: {}", error.what());
      }
    }
    loop_.post([this] {
      for (const auto& call : std::exchange(flushed_, {})) call();
    });
  });
}

void Gateway::clock_synchronized(const std::string& by) {
  log::notice("the clock is set, says {}", by);
  control_.tell({{"event", "clock"}, {"quality", "ntp"}, {"by", by}});
}

}  // namespace tidegate::gateway
