// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// spool why: where did my message go?
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <tidegate/topic.hpp>

#include "gateway/check.hpp"
#include "gateway/cli/lanes.hpp"
#include "gateway/cli/spool_commands.hpp"
#include "gateway/cli/spool_record.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

constexpr const char* dead_letter_lane = "dead-letter";

struct Why {
  SpoolPlace place;
  std::string topic;
  std::size_t count = 10;
};

/// Where a forward rule sends the topic, and how it is called there.
struct Destination {
  spool::LaneName lane;
  std::string topic;
};

/// A record of the topic, and what can be said of it without looking at others.
struct Trace {
  SpoolLane lane;
  spool::Seen seen;
  std::uint64_t before = 0;  ///< that wait, too
};

/// What a line says, for people and for programs.
struct Answer {
  std::string what;  ///< "waiting", "delivered", "expired", …, or "unknown"
  std::string when;
  std::string why;
};

/// Nothing when it is not known: the gateway is not running and the configuration cannot be read.
std::optional<std::vector<Destination>> destinations_of(const SpoolPlace& place, const std::string& topic) {
  std::vector<Destination> all;
  if (place.live()) {
    const Json answer = place.remote().ask("route", {{"topic", topic}});
    for (const auto& one : answer.value("destinations", Json::array())) {
      all.push_back({{show(one, "upstream"), show(one, "lane")}, show(one, "topic")});
    }
    return all;
  }
  try {
    const auto config = gateway::load_configuration({});
    // Another gateway's configuration says nothing about this spool.
    std::error_code error;
    if (config.files.empty()) return std::nullopt;
    if (!std::filesystem::equivalent(config.gateway.state / "spool", place.folder(), error)) return std::nullopt;
    for (const auto& upstream : config.upstreams) {
      const auto rule = std::ranges::find_if(upstream.forwards, [&](const auto& forward) {
        return std::ranges::any_of(forward.topics, [&](const auto& filter) { return matches(filter, topic); });
      });
      if (rule != upstream.forwards.end()) all.push_back({{upstream.name, rule->lane}, rule->rewrite.apply(topic)});
    }
    return all;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The newest of them, oldest first.
std::vector<Trace> traces_of(Why& asked, const std::vector<Destination>& destinations) {
  const auto lanes = asked.place.lanes();
  std::map<const spool::Inspector*, Nanoseconds> now;  // each spool has an age of its own
  for (const auto& lane : lanes) now.try_emplace(lane.inspector, lane.inspector->since({}));
  std::vector<Trace> all;
  for (const auto& lane : lanes) {
    const auto is_it = [&](const std::string& topic) {
      return topic == asked.topic || std::ranges::any_of(destinations, [&](const Destination& one) {
               return one.topic == topic && one.lane.upstream == lane.name.upstream;
             });
    };
    std::deque<Trace> newest;
    std::uint64_t waiting = 0;
    lane.inspector->walk(lane.name, spool::Inspector::Which::all, [&](const spool::Seen& seen) {
      if (is_it(seen.record.message.topic)) {
        newest.push_back({lane, seen, waiting});
        newest.back().seen.record.message.payload.clear();
        if (newest.size() > asked.count) newest.pop_front();
      }
      waiting += seen.waiting ? 1U : 0U;
      return true;
    });
    all.insert(all.end(), newest.begin(), newest.end());
  }
  const auto ago = [&](const Trace& trace) { return now.at(trace.lane.inspector) - trace.seen.record.age; };
  std::ranges::stable_sort(all, std::ranges::greater{}, ago);
  if (all.size() > asked.count) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(asked.count));
  return all;
}

/// The fates of the lanes that were asked for: from the gateway, which knows the last minute too, or from disk.
class Memory {
 public:
  explicit Memory(SpoolPlace& place) : place_(place) {}

  [[nodiscard]] std::optional<Answer> find(const SpoolLane& lane, std::uint64_t sequence) {
    const auto [known, fresh] = lanes_.try_emplace(lane.text());
    if (fresh) known->second = load(lane);
    const auto& fates = known->second;
    // The newest first: a number does not leave a lane twice, but a file may be patched together.
    const auto fate = std::find_if(fates.rbegin(), fates.rend(),
                                   [&](const Span& one) { return one.first <= sequence && sequence <= one.last; });
    if (fate == fates.rend()) return std::nullopt;
    return fate->answer;
  }

 private:
  struct Span {
    std::uint64_t first, last;
    Answer answer;
  };
  [[nodiscard]] std::vector<Span> load(const SpoolLane& lane) {
    std::vector<Span> spans;
    if (place_.live()) {
      try {
        const Json answer =
            place_.remote().ask("spool.fates", {{"lane", lane.name.text()}, {"stand_in", lane.stand_in}});
        for (const auto& one : answer.value("fates", Json::array())) {
          spans.push_back({one.value("first", std::uint64_t{0}),
                           one.value("last", std::uint64_t{0}),
                           {show(one, "what"), show(one, "when"), one.value("why", "")}});
        }
        return spans;
      } catch (const Quit&) {
        spans.clear();  // a lane that the gateway has not opened
      }
    }
    for (const auto& fate : lane.inspector->fates(lane.name)) {
      spans.push_back({fate.first,
                       fate.last,
                       {fate.discard ? spool::to_string(*fate.discard) : "delivered", iso8601(fate.when), fate.why}});
    }
    return spans;
  }

  SpoolPlace& place_;
  std::map<std::string, std::vector<Span>> lanes_;
};

/// What keeps a lane's messages from being delivered now.
std::string obstacle(const SpoolPlace& place, const spool::LaneName& lane) {
  if (lane.lane == dead_letter_lane) {
    return fmt::format("it can never be delivered as it is; see tidegate spool peek {}", lane.text());
  }
  if (!place.live()) return "the gateway is not running";
  if (lane.upstream == "local") return "for the local broker";
  for (const auto& upstream : place.status().value("upstreams", Json::array())) {
    if (show(upstream, "name") != lane.upstream) continue;
    const auto parked = upstream.value("parked", Json::object());
    if (const auto why = show(parked, lane.lane.c_str()); why != "-") return fmt::format("the lane waits: {}", why);
    const auto state = show(upstream, "state");
    const auto failure = show(upstream, "failure");
    if (state != "connected") {
      return fmt::format("upstream {} is {}{}", lane.upstream, state,
                         failure.empty() || failure == "-" ? "" : ": " + failure);
    }
    if (const auto suspect = show(upstream, "suspect"); suspect != "-" && !suspect.empty()) return suspect;
    if (show(upstream, "paced") == "true")
      return fmt::format("upstream {} is connected, and paced by its rate", lane.upstream);
    return fmt::format("upstream {} is connected", lane.upstream);
  }
  return fmt::format("no upstream {} is configured any more", lane.upstream);
}

Answer answer_of(const Trace& trace, SpoolPlace& place, Memory& memory) {
  const auto sequence = trace.seen.record.sequence;
  if (!trace.seen.waiting) {
    if (auto fate = memory.find(trace.lane, sequence)) return *fate;
    return {"unknown", "", "it left the lane before what is remembered"};
  }
  // It may have left since it was looked at.
  if (auto fate = memory.find(trace.lane, sequence)) return *fate;
  auto why = obstacle(place, trace.lane.name);
  if (trace.lane.name.lane != dead_letter_lane) {
    why += trace.before == 0 ? "; it is the next in its lane" : fmt::format("; {} before it in its lane", trace.before);
  }
  return {"waiting", "", why};
}

/// Why there is nothing to show.
std::string nothing(const std::string& topic, const std::optional<std::vector<Destination>>& destinations) {
  auto text = fmt::format("No message of {} is on disk.\n", harmless(topic));
  if (!destinations) {
    return text + "What the gateway does with the topic is not known here; ask for it as the upstream names it.\n";
  }
  if (destinations->empty()) {
    return text + "No [[upstream.forward]] block matches the topic, so it is forwarded nowhere.\n";
  }
  for (const auto& one : *destinations) {
    text +=
        fmt::format("It would go to {}{}.\n", one.lane.text(), one.topic == topic ? "" : " as " + harmless(one.topic));
  }
  return text +
         "Either none was published, or it left its lane so long ago that its place on disk has been used again: what "
         "was delivered is kept for no longer than that.\n";
}

Exit why(Why& asked) {
  check_topic(asked.topic);
  asked.place.find();
  const auto destinations = destinations_of(asked.place, asked.topic);
  const auto traces = traces_of(asked, destinations.value_or(std::vector<Destination>{}));
  Memory memory(asked.place);
  for (const auto& trace : traces) {
    const auto answer = answer_of(trace, asked.place, memory);
    const auto& record = trace.seen.record;
    const auto& inspector = *trace.lane.inspector;
    if (asked.place.json()) {
      const auto [wall, clock] = inspector.accepted_at(record);
      Json json{{"lane", trace.lane.name.text()},
                {"stand_in", trace.lane.stand_in},
                {"sequence", record.sequence},
                {"topic", record.message.topic},
                {"accepted", iso8601(wall)},
                {"clock", to_string(clock)},
                {"what", answer.what},
                {"when", answer.when.empty() ? Json(nullptr) : Json(answer.when)},
                {"why", answer.why}};
      if (trace.seen.waiting) json["before"] = trace.before;
      fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
      continue;
    }
    fmt::print("{} {}{}{}, accepted {}: {}{}{}\n", trace.lane.name.text(), record.sequence,
               trace.lane.stand_in ? " (in memory)" : "",
               record.message.topic == asked.topic ? "" : " as " + harmless(record.message.topic),
               show_accepted(record, inspector), answer.what == "unknown" ? "gone" : answer.what,
               answer.when.empty() ? "" : " " + answer.when, answer.why.empty() ? "" : ", " + harmless(answer.why));
  }
  if (!traces.empty()) return Exit::ok;
  if (!asked.place.json()) {
    fmt::print("{}", nothing(asked.topic, destinations));
  } else if (destinations) {
    auto all = Json::array();
    for (const auto& one : *destinations) all.push_back({{"lane", one.lane.text()}, {"topic", one.topic}});
    fmt::print("{}\n", Json{{"topic", asked.topic}, {"what", "none"}, {"destinations", all}}.dump());
  }
  return Exit::failure;
}

}  // namespace

void add_spool_why(CLI::App& spool, Run& run) {
  const auto asked = std::make_shared<Why>();
  CLI::App* command = spool.add_subcommand(
      "why",
      "Say what became of the messages of a topic: waiting, and for what; delivered, and when; or lost, and why");
  command->add_option("topic", asked->topic, "Topic, as published here or as named upstream")->required();
  command->add_option("-n,--count", asked->count, "How many at most, the newest (default 10)")
      ->check(CLI::Range(1, 100'000));
  asked->place.add_options(*command);
  command->callback([asked, &run] { run = [asked] { return why(*asked); }; });
}

}  // namespace tidegate::cli
