// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/lane_verbs.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <tidegate/error.hpp>

#include "forward/key.hpp"

namespace tidegate::gateway {
namespace {

using control::Json;

constexpr const char* dead_letter_lane = "dead-letter";
constexpr std::string_view reason_property = "tidegate-dead-letter";
constexpr std::size_t bytes_at_once = 4U << 20;

/// For lanes that are opened only to be tidied: nothing leaves them but what somebody says.
spool::LaneOptions untouched() {
  spool::LaneOptions options;
  options.capacity = 1ULL << 50;
  options.expiry = std::chrono::hours{24 * 365 * 100};
  options.when_full = spool::WhenFull::reject;
  return options;
}

std::uint64_t number(const Json& request, const char* key, std::uint64_t otherwise) {
  const auto found = request.find(key);
  if (found == request.end() || found->is_null()) return otherwise;
  if (!found->is_number_unsigned()) throw PayloadError(fmt::format("{} must be a number, not {}", key, found->dump()));
  return found->get<std::uint64_t>();
}

/// Null when there is none.
spool::Lane* find_in(spool::Spool& spool, const spool::LaneName& name, bool open) {
  for (auto* lane : spool.lanes()) {
    const auto status = lane->status();
    if (status.upstream == name.upstream && status.name == name.lane) return lane;
  }
  const auto others = open ? spool.forgotten() : std::vector<spool::LaneName>{};
  if (std::ranges::find(others, name) == others.end()) return nullptr;
  return &spool.lane(name.upstream, name.lane, untouched());
}

/// The lane takes no more: there is no use in trying the next.
class Full final : public Error {
 public:
  using Error::Error;
};

}  // namespace

void LaneVerbs::add_to(control::Control& control) {
  control.add("spool.replay", [this](const Json& request) { return replay(request); });
  control.add("spool.drop", [this](const Json& request) { return drop(request); });
  control.add("spool.fates", [this](const Json& request) { return fates(request); });
}

spool::Lane& LaneVerbs::find(const Json& request, bool open) {
  auto* const spool = request.value("stand_in", false) ? stand_in_ : spool_;
  if (spool == nullptr) {
    throw UnavailableError(spool_ == nullptr
                               ? "the spool in the state folder is not open; lanes in memory stand in for it"
                               : "nothing stands in for the spool");
  }
  const auto text = request.value("lane", "");
  const auto slash = text.find('/');
  if (slash != text.npos) {
    if (auto* lane = find_in(*spool, {text.substr(0, slash), text.substr(slash + 1)}, open)) return *lane;
  }
  std::string known;
  for (const auto* lane : spool->lanes()) {
    const auto status = lane->status();
    known += fmt::format("{}{}/{}", known.empty() ? "" : ", ", status.upstream, status.name);
  }
  throw PayloadError(fmt::format("there is no lane '{}'; the lanes are {}", text, known.empty() ? "none" : known));
}

void LaneVerbs::replay_one(const spool::Record& letter, const std::string& upstream, spool::Lane& letters) {
  const auto* text = letter.message.properties.find_user(forward::key_property);
  const auto key = text == nullptr ? std::nullopt : forward::parse_key(*text);
  if (!key) throw PayloadError("it does not say which lane it came from");
  spool::Lane* origin = nullptr;
  for (auto* const spool : {spool_, stand_in_}) {
    if (origin == nullptr && spool != nullptr) origin = find_in(*spool, {upstream, key->lane}, true);
  }
  if (origin == nullptr || origin == &letters) {
    throw PayloadError(fmt::format("the lane {}/{} that it came from is not there any more", upstream, key->lane));
  }
  auto message = letter.message;
  std::erase_if(message.properties.user, [](const auto& property) {
    return property.first == forward::key_property || property.first == reason_property;
  });
  const auto sequence = origin->append(message);
  if (!sequence) throw Full(fmt::format("the lane {}/{} is full", upstream, key->lane));
  letters.discard(letter.sequence, spool::Discard::dropped,
                  fmt::format("replayed to {} as message {}", key->lane, *sequence));
}

Json LaneVerbs::replay(const Json& request) {
  auto& letters = find(request, true);
  const auto status = letters.status();
  if (status.name != dead_letter_lane) {
    throw PayloadError(fmt::format("{}/{} holds no dead letters; what waits in it is delivered as soon as it can be",
                                   status.upstream, status.name));
  }
  const auto from = number(request, "from", 1);
  auto up_to = number(request, "up_to", status.accepted);
  std::vector<std::uint64_t> wanted;
  if (const auto chosen = request.find("sequences"); chosen != request.end() && !chosen->is_null()) {
    wanted = chosen->get<std::vector<std::uint64_t>>();
    std::ranges::sort(wanted);
    up_to = wanted.empty() ? 0 : std::min(up_to, wanted.back());
  }
  const bool all = !request.contains("sequences") || request["sequences"].is_null();

  // Nobody else reads this lane; what an interrupted replay had read comes again.
  if (from <= 1) letters.rewind();
  std::uint64_t replayed = 0;
  std::uint64_t next = from;
  auto failed = Json::array();
  bool more = next <= up_to;
  std::vector<spool::Record> read;
  if (more) read = letters.read(most_replayed, bytes_at_once);
  if (read.empty()) more = false;
  try {
    for (const auto& letter : read) {
      next = letter.sequence + 1;
      if (letter.sequence > up_to) {
        more = false;
        break;
      }
      if (letter.sequence < from || (!all && !std::ranges::binary_search(wanted, letter.sequence))) continue;
      try {
        replay_one(letter, status.upstream, letters);
        ++replayed;
      } catch (const PayloadError& error) {
        failed.push_back({{"sequence", letter.sequence}, {"why", error.what()}});
      }
    }
  } catch (...) {
    letters.rewind();
    throw;
  }
  if (next > up_to) more = false;
  if (!more) letters.rewind();
  return {{"replayed", replayed}, {"failed", failed}, {"next", next}, {"up_to", up_to}, {"more", more}};
}

Json LaneVerbs::drop(const Json& request) {
  auto& lane = find(request, true);
  const auto before = lane.status();
  const auto first = number(request, "first", 0);
  const auto last = std::min(number(request, "last", 0), before.accepted);
  if (first == 0) throw PayloadError("first must say which message is the first to drop");
  if (last >= first && last - first >= most_dropped) {
    throw PayloadError(fmt::format("at most {} messages can be dropped at once", most_dropped));
  }
  for (auto sequence = first; sequence <= last; ++sequence) {
    lane.discard(sequence, spool::Discard::dropped, "tidegate spool drop");
  }
  const auto count = [](const spool::LaneStatus& status) {
    const auto found = status.discarded.find(spool::Discard::dropped);
    return found == status.discarded.end() ? 0 : found->second;
  };
  return {{"dropped", count(lane.status()) - count(before)}};
}

Json LaneVerbs::fates(const Json& request) {
  auto fates = Json::array();
  for (const auto& fate : find(request, false).fates()) {
    fates.push_back({{"first", fate.first},
                     {"last", fate.last},
                     {"what", fate.discard ? spool::to_string(*fate.discard) : "delivered"},
                     {"when", iso8601(fate.when)},
                     {"why", fate.why}});
  }
  return {{"fates", std::move(fates)}};
}

}  // namespace tidegate::gateway
