// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// How a gateway that runs takes another configuration.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "config/difference.hpp"
#include "gateway/gateway.hpp"

namespace tidegate::gateway {
namespace {

using control::Json;

/// For the answers to what is under way on a connection that is to end.
constexpr std::chrono::milliseconds patience{1'000};
/// Copies that a local broker has sent by a filter that is needed no more have come by then.
constexpr std::chrono::seconds copies_under_way{10};

Json refused(int exit, const Json& because) {
  Json answer = {{"applied", false}, {"exit", exit}};
  answer.update(because);
  return answer;
}

Json refused(const std::exception& error) {
  return refused(static_cast<int>(exit_status(error)), {{"complaints", error.what()}});
}

std::string join(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : "; ") + word;
  return all.empty() ? "nothing" : all;
}

bool tells_of_automations(const config::Difference& difference) {
  const auto does = [](const std::string& what) { return what == "[automations]" || what.starts_with("automation "); };
  return std::ranges::any_of(difference.added, does) || std::ranges::any_of(difference.changed, does) ||
         std::ranges::any_of(difference.removed, does);
}

}  // namespace

Json Gateway::reload() {
  log::notice("reloading the configuration");
  Json answer;
  try {
    if (!load_) throw UnavailableError("this gateway has no configuration file to read again");
    answer = apply(load_());
  } catch (const std::exception& error) {
    answer = refused(error);
  }
  if (answer.contains("complaints")) {
    log::error("nothing is changed, for the configuration cannot be used:\n{}",
               answer["complaints"].get_ref<const std::string&>());
  } else if (answer.contains("restart")) {
    log::error("nothing is changed: a restart is needed for {}",
               join(answer["restart"].get<std::vector<std::string>>()));
  } else {
    const auto all = [&](const char* what) { return join(answer[what].get<std::vector<std::string>>()); };
    log::notice("reloaded: added {}; changed {}; removed {}", all("added"), all("changed"), all("removed"));
  }
  return answer;
}

/// What of it would need a restart.
std::vector<std::string> Gateway::refusals(const config::Config& next) const {
  std::vector<std::string> all;
  for (const auto& upstream : next.upstreams) {
    const auto link = std::ranges::find(upstreams_, upstream.name, &UpstreamLink::name);
    if (link == upstreams_.end()) continue;
    for (const auto& forward : upstream.forwards) {
      for (const auto& lane : link->lanes) {
        const auto status = lane.lane->status();
        if (lane.stand_in || status.name != forward.lane) continue;
        const auto where = fmt::format("upstream {}, lane {}", upstream.name, forward.lane);
        const bool latest = forward.when_full == config::WhenFull::keep_latest;
        if (latest != (status.when_full == spool::WhenFull::keep_latest))
          all.push_back(where + fmt::format(R"(: when_full {} "keep-latest")", latest ? "to" : "from"));
        if (static_cast<spool::Sync>(forward.sync) != status.sync) all.push_back(where + ": sync");
      }
    }
  }
  return all;
}

Json Gateway::apply(config::Config next) {
  auto difference = config::difference(config_, next);
  std::ranges::move(refusals(next), std::back_inserter(difference.restart));
  if (!difference.restart.empty()) {
    return refused(static_cast<int>(Exit::failure), {{"restart", difference.restart}});
  }
  Json warnings = Json::array();
  for (const auto& [where, what] : next.warnings) warnings.push_back(where + ": " + what);

  std::swap(config_, next);
  try {
    plugins_.prepare();
  } catch (...) {
    std::swap(config_, next);
    throw;
  }
  log::set_level(config_.gateway.log_level);
  const auto connections = change_upstreams();
  change_plugins();
  apps_.reload(tells_of_automations(difference));
  line_verbs_.configured();
  announce_info();
  return {{"applied", true},
          {"added", difference.added},
          {"changed", difference.changed},
          {"removed", difference.removed},
          {"kept", difference.kept},
          {"connections", connections},
          {"warnings", warnings}};
}

/// Returns whose sessions begin anew.
std::vector<std::string> Gateway::change_upstreams() {
  for (auto& link : upstreams_) {
    if (!link.config ||
        std::ranges::find(config_.upstreams, link.name, &config::Upstream::name) != config_.upstreams.end())
      continue;
    link.config.reset();
    link.outlets.clear();
    link.inlet = {};
    for (auto& lane : link.lanes) lane.forward.reset();
  }
  for (const auto& upstream : config_.upstreams) {
    auto& link = upstreams_[index_of(upstream.name)];
    link.config = upstream;
    open_lanes(link);
  }
  watch_lanes();

  const auto before = intake_->change(make_routes(&intake_->routes()));
  const auto& router = intake_->routes().router;
  for (const auto& filter : before->router.local_filters()) {
    if (std::ranges::find(leaving_, filter.filter, &route::LocalFilter::filter) == leaving_.end())
      leaving_.push_back(filter);
  }
  std::erase_if(leaving_, [&](const route::LocalFilter& filter) {
    return std::ranges::find(router.local_filters(), filter.filter, &route::LocalFilter::filter) !=
           router.local_filters().end();
  });
  leave_ = leaving_.empty() ? Source() : loop_.after(copies_under_way, [this] {
    leaving_.clear();
    if (local_) local_->subscribe(local_subscriptions());
  });
  if (local_) {
    local_->change(pumped_inlets(), {});
    local_->subscribe(local_subscriptions());
  }

  std::vector<std::string> anew;
  for (std::size_t index = 0; index < upstreams_.size(); ++index) {
    auto& link = upstreams_[index];
    if (!link.sender) {
      if (!link.config) continue;
      if (!link.closing.joinable()) connect(index);
    } else if (!link.config) {
      close(index);
      continue;
    } else if (sessions_of(link) != link.sessions) {
      close(index);
    } else {
      link.sender->change(pumped(link), {link.config->rate.messages, link.config->rate.bytes});
      (link.receiver ? link.receiver : link.sender)->subscribe(subscriptions_of(*link.config));
      continue;
    }
    anew.push_back(link.name);
  }
  // What is retained is published once, so that who comes later has to be told.
  for (const auto& [topic, reading] : retained_) intake_->own(reading, *before);
  Message health;
  health.topic = config_.gateway.topic("health");
  health.payload = announced_health_;
  health.retain = true;
  if (!announced_health_.empty()) intake_->own(health, *before);
  return anew;
}

void Gateway::change_plugins() {
  for (const auto& topic : plugins_.change()) {
    retained_.erase(topic);
    Message nothing;
    nothing.topic = topic;
    nothing.retain = true;
    publish(std::move(nothing));
  }
  if (listening_) {
    listening_->subscribe(plugins_.audience().subscriptions());
  } else if (local_) {
    listen(local_session_);
  }
}

/// Its pumps end on a thread of their own, for that waits for the network.
void Gateway::close(std::size_t index) {
  auto& link = upstreams_[index];
  if (link.state_topic) {
    // A clean disconnect sends no will.
    Message state;
    state.topic = *link.state_topic;
    state.payload = "offline";
    state.retain = true;
    link.sender->send(std::move(state));
  }
  link.waker->point_at(nullptr);
  link.closing =
      std::thread([this, index, sender = std::move(link.sender), receiver = std::move(link.receiver)]() mutable {
        if (receiver) receiver->stop(std::chrono::milliseconds{0});
        receiver.reset();
        sender->stop(patience, forward::Pump::Rest::leave);
        sender.reset();
        loop_.post([this, index] { closed(index); });
      });
}

void Gateway::closed(std::size_t index) {
  auto& link = upstreams_[index];
  link.closing.join();
  for (const auto& lane : link.lanes) lane.lane->rewind();
  health_.set("upstream " + link.name, "", true);
  health_.set("upstream " + link.name + " (receiving)", "", true);
  if (link.config && !stopping_) connect(index);
}

}  // namespace tidegate::gateway
