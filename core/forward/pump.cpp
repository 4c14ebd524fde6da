// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/pump.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <tidegate/log.hpp>

#include "base/events.hpp"
#include "base/pulse.hpp"
#include "forward/envelope.hpp"
#include "forward/verdict.hpp"

namespace tidegate::forward {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t read_count = 256;
constexpr std::size_t read_bytes = 256U << 10;
constexpr std::size_t share_unit = 1024;  ///< bytes that cost one unit of a share
constexpr auto stall = std::chrono::seconds{30};
constexpr auto disk_pause = std::chrono::milliseconds{1'000};

constexpr unsigned most_refusals = 10;
constexpr std::uint8_t quota_exceeded = 0x97;

constexpr std::size_t volatile_stream = 0;  ///< in the hunt; then come two for each lane

/// Bytes of a Variable Byte Integer.
std::size_t variable_size(std::size_t value) noexcept {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

/// What a session writes of them on MQTT 5, their length included.
std::size_t properties_size(const Properties& properties) noexcept {
  const auto text = [](const std::string& value) { return value.empty() ? std::size_t{0} : 3 + value.size(); };
  std::size_t size = (properties.expiry ? 5U : 0U) + (properties.utf8 ? 2U : 0U) + text(properties.content_type) +
                     text(properties.response_topic) + text(properties.correlation_data);
  for (const auto& [name, value] : properties.user) size += 5 + name.size() + value.size();
  return variable_size(size) + size;
}

/// What the PUBLISH takes on the wire.
std::size_t packet_size(std::size_t topic, Qos qos, std::size_t properties, std::size_t payload) noexcept {
  const std::size_t remaining = 2 + topic + (qos == Qos::at_most_once ? 0 : 2) + properties + payload;
  return 1 + variable_size(remaining) + remaining;
}

std::vector<unsigned> weights(const std::vector<PumpLane>& lanes) {
  std::vector<unsigned> all;
  for (const auto& lane : lanes) all.push_back(lane.weight);
  return all;
}

}  // namespace

Pump::LaneState::LaneState(PumpLane lane, const std::string& gateway)
    : options(std::move(lane)), key(options.gateway.empty() ? gateway : options.gateway, options.name) {
  if (options.gateway.empty()) options.gateway = gateway;
  streams[1].dry = !has_live();
}

Pump::Pump(PumpOptions options, std::vector<PumpLane> lanes, const MakeSession& make_session, PumpEvents events)
    : options_(std::move(options)),
      events_(std::move(events)),
      sharing_(weights(lanes)),
      bucket_(options_.rate),
      hunt_(2 * lanes.size() + 1),
      rate_(options_.rate) {
  lanes_.reserve(lanes.size());
  for (auto& lane : lanes) lanes_.emplace_back(std::move(lane), options_.gateway);
  session_ = make_session(*this);
}

Pump::~Pump() {
  stop(std::chrono::milliseconds{0});
}

void Pump::start() {
  thread_ = std::thread([this] { run(); });
  session_->start();
}

void Pump::stop(std::chrono::milliseconds drain, Rest rest) noexcept {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    leave_rest_ = rest == Rest::leave;
    drain_until_ = steady_clock::now() + drain;
  }
  condition_.notify_one();
  thread_.join();
  session_->stop(std::chrono::milliseconds{1'000});
}

void Pump::change(std::vector<PumpLane> lanes, Rate rate) {
  {
    const std::lock_guard rounds(round_mutex_);
    for (auto& lane : lanes) {
      const auto found =
          std::ranges::find(lanes_, lane.lane, [](const LaneState& state) { return state.options.lane; });
      if (found == lanes_.end()) {
        lanes_.emplace_back(std::move(lane), options_.gateway);
        continue;
      }
      lane.gateway = found->options.gateway;
      found->options = std::move(lane);
    }
    std::vector<PumpLane> all;
    for (const auto& lane : lanes_) all.push_back(lane.options);
    sharing_ = Sharing(weights(all));
    hunt_.grow(2 * lanes_.size() + 1);
    if (rate != rate_) bucket_ = Bucket(rate);
    rate_ = rate;
  }
  {
    const std::lock_guard lock(mutex_);
    readable_ = true;
  }
  condition_.notify_one();
}

void Pump::wake() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (readable_) return;
    readable_ = true;
  }
  if (!session_->call_soon()) condition_.notify_one();
}

void Pump::send(Message message) {
  {
    const std::lock_guard lock(mutex_);
    queue(std::move(message));
  }
  condition_.notify_one();
}

void Pump::send_here(Message&& message) {
  bool here = false;
  {
    const std::lock_guard lock(mutex_);
    queue(std::move(message));
    here = has_room_ && is_steady();
  }
  round_or_notify(here);
}

void Pump::queue(Message&& message) {
  if (queue_.size() >= options_.queue) {
    queue_.pop_front();
    ++status_.dropped;
  }
  queue_.emplace_back().record.message = std::move(message);
}

bool Pump::is_steady() const noexcept {
  return link_up_ && !new_end_ && !new_limits_ && !stopping_;
}

void Pump::round_or_notify(bool here) noexcept {
  if (std::unique_lock rounds(round_mutex_, std::defer_lock); here && rounds.try_lock()) {
    if (!round(Waits::no)) return;
  }
  condition_.notify_one();
}

void Pump::subscribe(std::vector<mqtt::Subscription> subscriptions) {
  session_->subscribe(std::move(subscriptions));
}

PumpStatus Pump::status() const {
  PumpStatus status;
  {
    const std::lock_guard lock(mutex_);
    status = status_;
    status.queued += queue_.size();
  }
  status.state = session_->state();
  status.failure = session_->last_failure();
  return status;
}

// --- From the session -----------------------------------------------------------------------------------------------

void Pump::on_connected(const mqtt::Limits& limits) {
  {
    const std::lock_guard lock(mutex_);
    new_limits_ = limits;
    link_up_ = true;
    ++connection_;
  }
  condition_.notify_one();
  if (events_.on_connected) events_.on_connected(limits);
}

void Pump::on_disconnected(const mqtt::Failure& failure) {
  {
    const std::lock_guard lock(mutex_);
    // Of an end that the pump has not seen yet the first one counts: nothing was sent on the connections after it.
    if (link_up_ && !new_end_) new_end_ = failure;
    link_up_ = false;
    new_limits_.reset();
    ++connection_;
  }
  condition_.notify_one();
  if (events_.on_disconnected) events_.on_disconnected(failure);
}

void Pump::on_message(mqtt::Arrival&& arrival) {
  if (events_.on_message) events_.on_message(std::move(arrival));
}

void Pump::on_outcome(std::uint64_t slot, const mqtt::Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  told_.push_back({slot, outcome});
}

void Pump::on_outcomes_told() {
  bool here = false;
  {
    const std::lock_guard lock(mutex_);
    const bool told = !told_.empty() && !batch_told_;
    if (!told && !(readable_ && has_room_)) return;
    batch_told_ = !told_.empty();
    here = is_steady();
  }
  round_or_notify(here);
}

// --- The thread -----------------------------------------------------------------------------------------------------

void Pump::run() noexcept {
  Pulse pulse(options_.name);
  for (;;) {
    await_news(pulse);
    const std::lock_guard rounds(round_mutex_);
    static_cast<void>(round(Waits::for_disk));
    pulse.beat();
    if (!news_.stopping) continue;
    std::unique_lock lock(mutex_);
    const auto left = drain_until_ - steady_clock::now();
    if (!connected_ || is_idle() || left <= left.zero()) return;
    condition_.wait_for(lock, std::min<steady_clock::duration>(left, std::chrono::milliseconds{50}),
                        [&] { return batch_told_ || new_end_; });
  }
}

void Pump::await_news(Pulse& pulse) {
  std::unique_lock lock(mutex_);
  while (!batch_told_ && !new_end_ && !new_limits_ && !stopping_ && !(has_room_ && (readable_ || !queue_.empty()))) {
    // The second keeps the stall flag true; nothing else needs it.
    const auto at = now();
    waits_until_ = std::min(wake_at_, at + std::chrono::seconds{1});
    const auto ended = condition_.wait_for(lock, waits_until_ - at);
    pulse.beat();
    if (ended == std::cv_status::no_timeout) continue;
    readable_ = true;
    break;
  }
  waits_until_ = Time::min();
}

bool Pump::round(Waits waits) noexcept {
  may_wait_ = waits == Waits::for_disk;
  unread_ = false;
  {
    const std::lock_guard lock(mutex_);
    take_news();
  }
  work();
  const std::lock_guard lock(mutex_);
  publish_status();
  if (unread_) readable_ = true;
  has_room_ = connected_ && in_flight_.size() < window();
  wake_at_ = next_try_;
  return (has_room_ && (readable_ || !queue_.empty())) || wake_at_ < waits_until_;
}

void Pump::take_news() {
  news_.told.clear();
  news_.told.swap(told_);
  batch_told_ = false;
  news_.ended = std::exchange(new_end_, std::nullopt);
  news_.connected = std::exchange(new_limits_, std::nullopt);
  news_.readable = std::exchange(readable_, false);
  news_.stopping = stopping_;
  news_.leave_rest = leave_rest_;
  filling_ = connection_;
  if (volatile_ready_.empty()) volatile_ready_.swap(queue_);
  for (; !queue_.empty(); queue_.pop_front()) volatile_ready_.push_back(std::move(queue_.front()));
  for (; volatile_ready_.size() > options_.queue; volatile_ready_.pop_front()) ++counts_.dropped;
}

void Pump::publish_status() {
  if (in_flight_.empty() && !blocked_) last_progress_ = round_;
  status_.in_flight = in_flight_.size();
  if (connected_) status_.window = window();
  status_.queued = volatile_ready_.size();
  status_.delivered += counts_.delivered;
  status_.sent += counts_.sent;
  status_.retried += counts_.retried;
  status_.dropped += counts_.dropped;
  status_.dead_lettered += counts_.dead_lettered;
  counts_ = {};
  status_.stalled = connected_ && round_ - last_progress_ >= stall;
  status_.paced = paced_;
  status_.suspect = suspect_words_;
  status_.parked.clear();
  for (const auto& lane : lanes_) {
    if (!lane.parked.empty()) status_.parked.emplace(lane.options.name, lane.parked);
  }
}

bool Pump::is_idle() const {
  const auto empty = [](const Stream& stream) {
    return stream.again.empty() && stream.next == stream.read.size() && stream.dry;
  };
  if (!in_flight_.empty() || !volatile_ready_.empty() || !queue_.empty()) return false;
  return news_.leave_rest || (!readable_ && std::ranges::all_of(lanes_, [&](const LaneState& lane) {
           return std::ranges::all_of(lane.streams, empty);
         }));
}

void Pump::work() noexcept try {
  const log::Field upstream("TIDEGATE_UPSTREAM", options_.upstream);
  round_ = now();
  next_try_ = Time::max();
  paced_ = false;
  blocked_ = false;
  if (news_.readable) {
    for (auto& lane : lanes_) {
      lane.streams[0].dry = false;
      lane.streams[1].dry = !lane.has_live();
    }
  }
  for (auto& told : news_.told) settle(told);
  acknowledge();
  if (news_.ended) ended(*news_.ended);
  if (news_.connected) connected(*news_.connected);
  if (connected_) fill();
  describe_suspect();
} catch (const std::exception& error) {
  log::error("{}: {}", options_.name, error.what());
  next_try_ = std::min(next_try_, round_ + std::min(disk_pause, options_.retry_most));
}

// --- What became of what was sent -----------------------------------------------------------------------------------

Suspect Pump::suspect_of(const Item& item) const {
  if (item.lane != no_lane) return {1 + 2 * item.lane + static_cast<std::size_t>(item.part), item.record.sequence};
  // A life-cycle message comes again with each connection, so it is known by its topic.
  return {volatile_stream, std::hash<std::string>{}(item.record.message.topic)};
}

void Pump::settle(Told& told) {
  auto found = in_flight_.take(told.slot);
  if (!found) return;
  auto& item = *found;
  auto* const lane = item.lane == no_lane ? nullptr : &lanes_[item.lane];
  if (lane != nullptr) --lane->under_way;
  if (told.outcome.kind == mqtt::Outcome::Kind::unknown) {
    ++counts_.retried;
    if (item.sent_with != Qos::at_most_once) lost_.push_back(suspect_of(item));
    put_back(std::move(item));
    return;
  }
  last_progress_ = round_;
  // At QoS 0 an outcome is not the server's.
  if (item.sent_with != Qos::at_most_once) hunt_.answered(suspect_of(item));
  if (told.outcome.kind == mqtt::Outcome::Kind::refused) {
    refused(std::move(item), told.outcome);
    return;
  }
  if (item.sent_with != Qos::at_most_once) ++acknowledged_;
  if (lane == nullptr) return;
  lane->delivered.push_back(item.record.sequence);
  if (item.sent_with == Qos::at_most_once) {
    ++counts_.sent;
    return;
  }
  ++counts_.delivered;
  if (lane->not_before <= round_) lane->parked.clear();
  if (events_.on_delivered && !item.record.message.properties.response_topic.empty()) {
    to_report_.push_back(std::move(item.record));
  }
}

void Pump::acknowledge() {
  for (auto& lane : lanes_) {
    if (lane.delivered.empty()) continue;
    try {
      lane.options.lane->acknowledge(lane.delivered);
      lane.delivered.clear();
    } catch (const std::exception& error) {
      log::error("{}: lane {}: cannot note what was delivered: {}", options_.name, lane.options.name, error.what());
      next_try_ = std::min(next_try_, round_ + std::min(disk_pause, options_.retry_most));
    }
  }
  for (const auto& record : to_report_) events_.on_delivered(record);
  to_report_.clear();
}

void Pump::refused(Item item, const mqtt::Outcome& outcome) {
  const auto why = fmt::format("the server refused it: {} (0x{:02X})", outcome.reason, outcome.reason_code);
  if (item.lane == no_lane) {
    const log::Field topic("TIDEGATE_TOPIC", item.record.message.topic);
    log::warning("{}: dropping a message on {}: {}", options_.name, item.record.message.topic, why);
    ++counts_.dropped;
    return;
  }
  auto& lane = lanes_[item.lane];
  switch (verdict(outcome.reason_code)) {
    case Verdict::dead_letter:
      dead_letter(std::move(item), why);
      return;
    case Verdict::park:
      if (lane.parked.empty()) {
        const log::Field topic("TIDEGATE_TOPIC", item.record.message.topic);
        log::warning("{}: lane {} waits: {} for topic {}; nothing is lost, mend the rights on the server",
                     options_.name, lane.options.name, why, item.record.message.topic);
      }
      lane.parked = why;
      lane.not_before = round_ + options_.retry_most;
      break;
    case Verdict::retry: {
      // A quota says nothing of the message.
      if (outcome.reason_code != quota_exceeded) {
        if (item.refusals++ == 0) item.acknowledged_before = acknowledged_;
        if (item.refusals >= most_refusals && acknowledged_ > item.acknowledged_before) {
          const auto often =
              fmt::format("refused {} times: {} (0x{:02X})", item.refusals, outcome.reason, outcome.reason_code);
          dead_letter(std::move(item), often);
          return;
        }
      }
      const auto wait = std::min(options_.retry_most, options_.retry_first * (1 << std::min(item.attempts, 10U)));
      lane.not_before = round_ + wait;
      ++item.attempts;
      const log::Field topic("TIDEGATE_TOPIC", item.record.message.topic);
      log::info("{}: trying topic {} again in {} ms: {}", options_.name, item.record.message.topic, wait.count(), why);
      break;
    }
  }
  ++counts_.retried;
  put_back(std::move(item));
}

void Pump::ended(const mqtt::Failure& failure) {
  connected_ = false;
  last_end_ = failure.what;
  const bool hunting = hunt_.active();
  // Against a server that ends every connection one hunt follows another: the first is news.
  const auto level = hunt_.in_vain() ? log::Level::debug : log::Level::warning;
  const auto convicted = hunt_.ended(blame(failure), lost_);
  lost_.clear();
  if (!hunting && hunt_.active()) {
    log::print(level,
               "{}: connections end before what was sent is acknowledged; sending one message at a time to find out "
               "whether it is one of them",
               options_.name);
  } else if (hunting && !hunt_.active() && convicted.empty()) {
    log::print(level, "{}: it is not one message that ends the connections; all of them stay and are sent again",
               options_.name);
  }
  for (const auto suspect : convicted) {
    convict(suspect, fmt::format("the connection ended each time it was sent: {}", last_end_));
  }
  describe_suspect();
}

void Pump::connected(const mqtt::Limits& limits) {
  limits_ = limits;
  connected_ = true;
  last_progress_ = round_;
  for (auto& lane : lanes_) {
    // A new connection is a new chance for what the last one refused.
    lane.not_before = {};
    lane.parked.clear();
    lane.streams[0].dry = false;
    if (lane.cut && !lane.options.interleave && lane.under_way == 0) {
      // Told to go in order again: it is read anew from what is first.
      lane.streams = {};
      lane.options.lane->rewind();
      lane.cut = false;
    }
    lane.streams[1].dry = !lane.has_live();
    if (!lane.options.interleave) continue;
    try {
      lane.options.lane->cut();
      lane.cut = true;
    } catch (const std::exception& error) {
      log::error("{}: lane {}: history and live stay one: {}", options_.name, lane.options.name, error.what());
    }
  }
}

void Pump::convict(Suspect suspect, const std::string& why) {
  if (suspect.stream != volatile_stream) {
    if (auto item = take(suspect)) dead_letter(std::move(*item), why);
    return;
  }
  const auto former = volatile_ready_.size();
  std::erase_if(volatile_ready_, [&](const Item& item) {
    if (suspect_of(item) != suspect) return false;
    log::warning("{}: dropping a message on {}: {}", options_.name, item.record.message.topic, why);
    return true;
  });
  counts_.dropped += former - volatile_ready_.size();
}

void Pump::dead_letter(Item item, const std::string& why) {
  auto& lane = lanes_[item.lane];
  if (options_.dead_letters != nullptr) {
    // Stored there before it leaves here; while the disk refuses, it stays here.
    try {
      Message letter = item.record.message;
      letter.properties.expiry.reset();
      letter.properties.user.emplace_back("tidegate-dead-letter", why);
      const auto [accepted, clock] = lane.options.lane->accepted_at(item.record);
      set_key(letter.properties, lane.key.write(item.record, accepted, clock, item.sent));
      if (!options_.dead_letters->append(letter)) throw std::runtime_error("the dead letters are full");
    } catch (const std::exception& error) {
      log::error("{}: cannot move message {} to the dead letters: {}", options_.name, item.record.sequence,
                 error.what());
      lane.not_before = round_ + options_.retry_most;
      put_back(std::move(item));
      return;
    }
  }
  const log::Field topic("TIDEGATE_TOPIC", item.record.message.topic);
  const log::Field event(log::events::field, log::events::dead_letter);
  log::warning("{}: lane {}: message {} on {} can never be delivered, moved to the dead letters: {}", options_.name,
               lane.options.name, item.record.sequence, item.record.message.topic, why);
  ++counts_.dead_lettered;
  leave(item, spool::Discard::dead_lettered, why);
}

void Pump::leave(const Item& item, spool::Discard reason, const std::string& why) {
  hunt_.gone(suspect_of(item));
  auto& lane = lanes_[item.lane];
  try {
    lane.options.lane->discard(item.record.sequence, reason, why);
  } catch (const std::exception& error) {
    log::error("{}: lane {}: cannot note that message {} has left: {}", options_.name, lane.options.name,
               item.record.sequence, error.what());
  }
  if (!item.record.message.properties.response_topic.empty() && events_.on_discarded) {
    events_.on_discarded(item.record, reason, why);
  }
}

void Pump::put_back(Item item) {
  if (item.lane == no_lane) {
    volatile_ready_.push_front(std::move(item));
    return;
  }
  // Outcomes come in any order; the stream's order is that of its sequences.
  auto& items = lanes_[item.lane].streams[static_cast<std::size_t>(item.part)].again;
  const auto place = std::ranges::upper_bound(items, item.record.sequence, {},
                                              [](const Item& other) { return other.record.sequence; });
  items.insert(place, std::move(item));
}

void Pump::describe_suspect() {
  const auto suspect = hunt_.suspect();
  if (suspect == suspect_) return;
  suspect_ = suspect;
  suspect_words_.clear();
  if (!suspect) return;
  const auto& items = again(suspect->stream);
  const auto found = std::ranges::find(items, *suspect, [&](const Item& item) { return suspect_of(item); });
  if (found == items.end()) return;
  suspect_words_ = found->lane == no_lane
                       ? fmt::format("a message on {}: the connection ended when it was sent: {}",
                                     found->record.message.topic, last_end_)
                       : fmt::format("lane {}, message {} on {}: the connection ended when it was sent: {}",
                                     lanes_[found->lane].options.name, found->record.sequence,
                                     found->record.message.topic, last_end_);
}

// --- Sending --------------------------------------------------------------------------------------------------------

std::size_t Pump::window() const noexcept {
  return hunt_.active() ? 1 : std::min<std::size_t>(options_.window, limits_.receive_maximum);
}

void Pump::fill() {
  bool any = false;
  // What was under way on the last connection is settled (its outcomes came before this) or still on its way here.
  // When the connection is another one meanwhile, that comes first: a new message must not overtake it.
  while (in_flight_.size() < window() && filling_ == connection_) {
    auto item = next();
    if (!item) break;
    const auto sent = send_item(std::move(*item));
    blocked_ = sent == Sent::blocked;
    if (blocked_) break;
    any = any || sent == Sent::yes;
  }
  if (any) session_->flush();
}

std::optional<Pump::Item> Pump::next() {
  if (auto item = next_volatile()) return item;
  if (news_.leave_rest) return std::nullopt;
  if (const auto at = bucket_.ready_at(); at > round_) {
    paced_ = something_waits();
    next_try_ = std::min(next_try_, at);  // in any case: a lane that was not read to its end does not call
    return std::nullopt;
  }
  while (const auto trial = hunt_.trial()) {
    if (auto item = take(*trial)) return item;
    hunt_.gone(*trial);
  }
  if (const auto lane = sharing_.next([&](std::size_t index) { return choose(index); })) {
    return take(*lane, lanes_[*lane].chosen);
  }
  while (!hunt_.aside().empty()) {
    const auto suspect = hunt_.aside().front();
    if (auto item = take(suspect)) return item;
    hunt_.gone(suspect);
  }
  return std::nullopt;
}

std::optional<Pump::Item> Pump::next_volatile() {
  const auto found =
      hunt_.aside().empty()
          ? volatile_ready_.begin()
          : std::ranges::find_if(volatile_ready_, [&](const Item& item) { return !hunt_.is_aside(suspect_of(item)); });
  if (found == volatile_ready_.end()) return std::nullopt;
  std::optional<Item> item(std::move(*found));
  volatile_ready_.erase(found);
  return item;
}

bool Pump::choose(std::size_t index) {
  auto& lane = lanes_[index];
  if (lane.not_before > round_) {
    next_try_ = std::min(next_try_, lane.not_before);
    return false;
  }
  const auto part = lane.parts.next([&](std::size_t asked) { return has_next(lane, asked); });
  if (part) lane.chosen = *part;
  return part.has_value();
}

bool Pump::has_next(LaneState& lane, std::size_t part) {
  auto& stream = lane.streams[part];
  if (std::ranges::any_of(stream.again, [&](const Item& item) { return !hunt_.is_aside(suspect_of(item)); })) {
    return true;
  }
  if (stream.next < stream.read.size()) return true;
  if (stream.dry) return false;
  const std::size_t count = lane.options.latest ? 1 : read_count;
  stream.next = 0;
  stream.read.clear();
  try {
    if (may_wait_) {
      stream.read = lane.options.lane->read(count, read_bytes, static_cast<spool::Part>(part));
    } else if (auto some = lane.options.lane->read_memory(count, read_bytes, static_cast<spool::Part>(part))) {
      stream.read = std::move(*some);
    } else {
      unread_ = true;
      return false;
    }
  } catch (const std::exception& error) {
    log::error("{}: lane {}: {}", options_.name, lane.options.name, error.what());
    lane.not_before = round_ + std::min(disk_pause, options_.retry_most);
    next_try_ = std::min(next_try_, lane.not_before);
    return false;
  }
  stream.dry = stream.read.empty();
  return !stream.dry;
}

bool Pump::something_waits() {
  for (auto& lane : lanes_) {
    if (lane.not_before > round_) {
      next_try_ = std::min(next_try_, lane.not_before);
      continue;
    }
    if (lane.options.latest) {
      if (lane.options.lane->status().waiting > lane.under_way) return true;
    } else if (has_next(lane, 0) || has_next(lane, 1)) {
      return true;
    }
  }
  return !hunt_.aside().empty();
}

Pump::Item Pump::take(std::size_t index, std::size_t part) {
  auto& stream = lanes_[index].streams[part];
  const auto found =
      std::ranges::find_if(stream.again, [&](const Item& item) { return !hunt_.is_aside(suspect_of(item)); });
  if (found != stream.again.end()) {
    auto item = std::move(*found);
    stream.again.erase(found);
    return item;
  }
  Item item;
  item.lane = index;
  item.part = static_cast<spool::Part>(part);
  item.record = std::move(stream.read[stream.next++]);
  return item;
}

std::optional<Pump::Item> Pump::take(Suspect suspect) {
  auto& items = again(suspect.stream);
  const auto found = std::ranges::find(items, suspect, [&](const Item& item) { return suspect_of(item); });
  if (found == items.end()) return std::nullopt;
  auto item = std::move(*found);
  items.erase(found);
  return item;
}

std::deque<Pump::Item>& Pump::again(std::size_t stream) {
  return stream == volatile_stream ? volatile_ready_ : lanes_[(stream - 1) / 2].streams[(stream - 1) % 2].again;
}

Pump::Sent Pump::send_item(Item&& item) {
  auto* const lane = item.lane == no_lane ? nullptr : &lanes_[item.lane];
  const auto part = static_cast<std::size_t>(item.part);
  const auto& message = item.record.message;
  const auto left = expiry_left(item);
  if (lane != nullptr && left == std::chrono::seconds{0}) {
    leave(item, spool::Discard::expired, "its expiry ran out before it could be delivered");
    return Sent::gone;
  }
  const bool wrapped = lane != nullptr && lane->options.envelope && !message.payload.empty();
  prepare(item, wrapped);
  outgoing_.properties.expiry = left;
  const auto payload = wrapped ? outgoing_.payload.size() : message.payload.size();
  const auto size = packet_size(message.topic.size(), outgoing_.qos,
                                options_.properties ? properties_size(outgoing_.properties) : 0, payload);
  const auto units = static_cast<std::int64_t>(std::max<std::size_t>(1, (payload + share_unit - 1) / share_unit));
  if (size > limits_.maximum_packet_size) {
    const auto why = fmt::format("it has {} bytes, the server takes {}", size, limits_.maximum_packet_size);
    if (lane != nullptr) {
      dead_letter(std::move(item), why);
    } else {
      log::warning("{}: dropping a message on {}: {}", options_.name, message.topic, why);
      ++counts_.dropped;
      hunt_.gone(suspect_of(item));
    }
    return Sent::gone;
  }
  const bool before = std::exchange(item.sent, true);
  item.sent_with = outgoing_.qos;
  // Under way before it is handed over: its outcome may come before publish() returned. It is lent, not copied.
  const auto [slot, placed] = in_flight_.add(std::move(item));
  auto& lender = placed.record.message;
  outgoing_.topic.swap(lender.topic);
  if (!wrapped) outgoing_.payload.swap(lender.payload);
  const bool taken = session_->publish(slot, outgoing_);
  outgoing_.topic.swap(lender.topic);
  if (!wrapped) outgoing_.payload.swap(lender.payload);
  if (!taken) {
    placed.sent = before;
    put_back(*in_flight_.take(slot));
    return Sent::blocked;
  }
  bucket_.take(size, round_);
  if (lane != nullptr) {
    ++lane->under_way;
    lane->parts.charge(part, units);
    sharing_.charge(static_cast<std::size_t>(lane - lanes_.data()), units);
  }
  return Sent::yes;
}

std::optional<std::chrono::seconds> Pump::expiry_left(const Item& item) const {
  auto left = item.record.message.properties.expiry;
  if (left && item.lane != no_lane) {
    const auto waited =
        std::chrono::floor<std::chrono::seconds>(lanes_[item.lane].options.lane->age() - item.record.age);
    *left -= std::min(*left, waited);
  }
  return left;
}

void Pump::prepare(const Item& item, bool wrapped) {
  auto* const lane = item.lane == no_lane ? nullptr : &lanes_[item.lane];
  const auto& message = item.record.message;
  outgoing_.qos =
      std::min(lane != nullptr ? lane->options.qos.value_or(message.qos) : message.qos, limits_.maximum_qos);
  outgoing_.retain = message.retain && limits_.retain_available;
  WallTime accepted{};
  auto clock = ClockQuality::unsynced;
  if (lane != nullptr && (wrapped || options_.properties)) {
    std::tie(accepted, clock) = lane->options.lane->accepted_at(item.record);
  }
  if (wrapped) {
    outgoing_.payload = envelope({lane->options.gateway, lane->options.name, item.record.epoch, item.record.sequence,
                                  iso8601(accepted), clock, item.sent},
                                 message.payload);
  }
  auto& properties = outgoing_.properties;
  if (!options_.properties) return;
  const auto& given = message.properties;
  properties.content_type = wrapped ? "application/json" : given.content_type;
  properties.utf8 = wrapped || given.utf8;
  if (lane == nullptr || options_.keep_response) {
    properties.response_topic = given.response_topic;
    properties.correlation_data = given.correlation_data;
  } else {
    properties.response_topic.clear();
    properties.correlation_data.clear();
  }
  const std::string_view key =
      lane != nullptr ? lane->key.write(item.record, accepted, clock, item.sent) : std::string_view(options_.gateway);
  if (given.user.empty()) {
    // The usual case, without an allocation.
    properties.user.resize(1);
    properties.user[0].first = key_property;
    properties.user[0].second = key;
  } else {
    properties.user = given.user;
    set_key(properties, key);
  }
}

}  // namespace tidegate::forward
