// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "forward/bucket.hpp"
#include "forward/flight.hpp"
#include "forward/hunt.hpp"
#include "forward/key.hpp"
#include "forward/sharing.hpp"
#include "mqtt/session.hpp"
#include "spool/lane.hpp"

namespace tidegate {
class Pulse;
}

namespace tidegate::forward {

/// One lane as a pump sees it.
struct PumpLane {
  spool::Lane* lane = nullptr;  ///< outlives the pump
  std::string name;             ///< goes into dedupe keys
  std::string gateway;          ///< uuid, goes into dedupe keys; empty: the pump's
  std::optional<Qos> qos;       ///< sent with; without: as the message has it
  unsigned weight = 4;          ///< its share of the window beside other lanes, 1 and more
  bool interleave = false;      ///< history and live share the lane's turns while a backlog drains; else in order
  bool latest = false;          ///< read no sooner than it can be sent, since what waits may be superseded
  bool envelope = false;        ///< payload as a JSON object with the key's fields; for MQTT 3.1.1
};

struct PumpOptions {
  std::string name;            ///< for log lines
  std::string upstream;        ///< for the field of theirs; empty: it is none
  std::string gateway;         ///< uuid, goes into dedupe keys
  std::uint16_t window = 100;  ///< most messages under way; the server's Receive Maximum may lower it
  std::size_t queue = 10'000;  ///< most volatile messages that wait; then the oldest is dropped and counted
  bool properties = true;      ///< whether the session speaks MQTT 5, and so can carry the dedupe key
  Rate rate;
  bool keep_response = false;  ///< whether response topic and correlation data travel on (they do not, upstream)
  std::chrono::milliseconds retry_first{1'000};  ///< wait before a refused message is published anew; doubles
  std::chrono::milliseconds retry_most{60'000};  ///< and between looks at a parked lane
  spool::Lane* dead_letters = nullptr;  ///< where messages go that will never pass; none: they are discarded, counted
  std::function<std::chrono::steady_clock::time_point()> now;  ///< for tests; empty: the steady clock
};

/// What a pump tells. Each says its thread; all of them are short.
struct PumpEvents {
  std::function<void(mqtt::Arrival&&)> on_message;        ///< Paho's; what must not be lost is stored before it returns
  std::function<void(const mqtt::Limits&)> on_connected;  ///< Paho's
  std::function<void(const mqtt::Failure&)> on_disconnected;  ///< Paho's
  /// The pump's; only for records whose message has a response topic, and not for what went at QoS 0.
  std::function<void(const spool::Record&)> on_delivered;
  std::function<void(const spool::Record&, spool::Discard, const std::string& why)> on_discarded;
};

struct PumpStatus {
  mqtt::State state = mqtt::State::stopped;
  mqtt::Failure failure;
  std::size_t in_flight = 0;
  std::size_t window = 0;       ///< as allowed on this connection, and 1 while a suspect is hunted
  std::size_t queued = 0;       ///< volatile messages that wait
  std::uint64_t delivered = 0;  ///< from lanes, since start
  std::uint64_t sent = 0;       ///< from lanes at QoS 0: handed to the network, and whether they arrived nobody knows
  std::uint64_t retried = 0;    ///< sent again: refused, or unknown after a lost connection
  std::uint64_t dropped = 0;    ///< volatile messages dropped because the queue was full, or refused
  std::uint64_t dead_lettered = 0;
  bool stalled = false;  ///< connected, messages under way or not taken by the session, and no acknowledgement for 30 s
  bool paced = false;    ///< something waits, and for nothing but the rate
  std::string suspect;   ///< the message that seems to end the connections, and how; or empty
  std::map<std::string, std::string>
      parked;  ///< lanes that wait for somebody to mend the server's rights: name, reason
};

/// Moves records from lanes to one session: keeps a window of messages under way, refills it as acknowledgements come,
/// and lets a record leave its lane only when it was delivered (PUBACK, PUBCOMP) or, at QoS 0, sent. Lanes share the
/// window by weight (Sharing), and history and live share a lane that is told to interleave; within such a stream the
/// order is that of acceptance. Volatile messages go before all lanes. What was under way when a connection ended is
/// sent again, in order, before anything new of its stream. A Bucket paces, and a Hunt finds messages that end
/// connections.
///
/// A message that the server refuses for now (Verdict::retry) is sent again, ever more slowly, and its lane waits. Once
/// it was refused ten times, a quota apart, it is dead-lettered, provided that the server has acknowledged another
/// message of this session since the first time: so it is this message, not the server's state. With a window of 1 no
/// other one of the same lane can be acknowledged meanwhile: then only other lanes and volatile messages bear witness,
/// and where there are none, it is tried for ever.
///
/// It works in rounds: what was told since the last one is worked on as a batch, then the window is filled. Owns its
/// session and one thread, which waits for its condition, never for the network. A round for acknowledgements or new
/// messages alone runs where they came, on Paho's thread or in send_here(), unless another is under way: that saves a
/// change of threads for each batch. Such a round does not wait for the disk: what is not in memory is read on the
/// pump's own thread. Public functions are thread-safe.
class Pump final : private mqtt::SessionListener {
 public:
  using MakeSession = std::function<std::unique_ptr<mqtt::Session>(mqtt::SessionListener&)>;

  /// Throws what make_session throws. The lanes' on_readable must call wake().
  Pump(PumpOptions options, std::vector<PumpLane> lanes, const MakeSession& make_session, PumpEvents events);
  ~Pump() override;  ///< stop(0)

  void start();
  /// What a stop does about messages of lanes that wait: goes on with them, or with what is under way alone.
  enum class Rest : std::uint8_t { deliver, leave };
  /// Goes on delivering until nothing waits or the deadline comes, then disconnects and ends. What is left stays in its
  /// lane.
  void stop(std::chrono::milliseconds drain, Rest rest = Rest::deliver) noexcept;
  /// From now on it empties these lanes, all that it has among them, with these options; and goes at this rate. What
  /// interleave says counts from the next connection on. May wait for the disk.
  void change(std::vector<PumpLane> lanes, Rate rate);
  /// A lane has something to read. Cheap; may be called from Paho's callbacks.
  void wake() noexcept;
  /// Sends a message that lives in memory only, before what lanes have; kept until delivered, over reconnects.
  /// Thread-safe, also from Paho's callbacks.
  void send(Message message);
  /// As send(), and where all is well the message is on its way when this returns: the round runs here, unless another
  /// is under way. Hold no lock; not from a callback.
  void send_here(Message&& message);
  /// As of the session: mqtt::Session.
  void hurry() noexcept { session_->hurry(); }
  void hold(bool held) noexcept { session_->hold(held); }
  void network(bool there) noexcept { session_->network(there); }
  void reconnect(const std::string& why) noexcept { session_->reconnect(why); }
  void subscribe(std::vector<mqtt::Subscription> subscriptions);

  [[nodiscard]] PumpStatus status() const;

 private:
  static constexpr std::size_t no_lane = static_cast<std::size_t>(-1);
  using Time = std::chrono::steady_clock::time_point;

  struct Item {
    std::size_t lane = no_lane;
    spool::Part part = spool::Part::history;
    bool sent = false;                      ///< at least once
    Qos sent_with = Qos::at_least_once;     ///< the last time
    unsigned attempts = 0;                  ///< refused so often
    unsigned refusals = 0;                  ///< of these, not for a quota
    std::uint64_t acknowledged_before = 0;  ///< acknowledged_ at the first of refusals
    spool::Record record;
  };
  /// Records of one part of a lane, in order: those that were under way before, then those that were read ahead.
  struct Stream {
    std::deque<Item> again;
    std::vector<spool::Record> read;
    std::size_t next = 0;  ///< of read
    bool dry = false;      ///< the lane had nothing more; wake() tells when that changes
  };
  /// What the pump keeps for each lane.
  struct LaneState {
    LaneState(PumpLane lane, const std::string& gateway);
    /// Its live part is read on its own.
    [[nodiscard]] bool has_live() const noexcept { return options.interleave || cut; }

    PumpLane options;
    KeyWriter key;
    std::array<Stream, 2> streams;  ///< by part
    Sharing parts{{1, 1}};
    bool cut = false;
    std::size_t chosen = 0;  ///< the part whose turn it is
    std::size_t under_way = 0;
    Time not_before{};                     ///< after a refusal, or when the disk failed
    std::string parked;                    ///< the server's reason
    std::vector<std::uint64_t> delivered;  ///< in this round, to be acknowledged at its end
  };
  struct Told {
    std::uint64_t slot;
    mqtt::Outcome outcome;
  };
  /// What has come in between two rounds.
  struct News {
    std::vector<Told> told;
    std::optional<mqtt::Failure> ended;  ///< of a connection
    std::optional<mqtt::Limits> connected;
    bool readable = false;
    bool stopping = false;
    bool leave_rest = false;
  };
  /// Counted in this round.
  struct Counts {
    std::uint64_t delivered = 0;
    std::uint64_t sent = 0;
    std::uint64_t retried = 0;
    std::uint64_t dropped = 0;
    std::uint64_t dead_lettered = 0;
  };
  enum class Sent : std::uint8_t { yes, gone, blocked };  ///< gone: expired, or dead-lettered instead

  void on_connected(const mqtt::Limits& limits) override;
  void on_disconnected(const mqtt::Failure& failure) override;
  void on_message(mqtt::Arrival&& arrival) override;
  void on_outcome(std::uint64_t slot, const mqtt::Outcome& outcome) override;
  void on_outcomes_told() override;

  enum class Waits : std::uint8_t { no, for_disk };

  // With mutex_ held.
  void queue(Message&& message);
  /// No connection has begun or ended that the last round did not see.
  [[nodiscard]] bool is_steady() const noexcept;
  /// Without any lock held.
  void round_or_notify(bool here) noexcept;

  void run() noexcept;
  void await_news(Pulse& pulse);
  /// With round_mutex_ held. Returns whether something is left for the pump's thread.
  bool round(Waits waits) noexcept;
  void take_news();
  void publish_status();
  [[nodiscard]] bool is_idle() const;

  void work() noexcept;
  void settle(Told& told);
  void acknowledge();
  void refused(Item item, const mqtt::Outcome& outcome);
  void ended(const mqtt::Failure& failure);
  void connected(const mqtt::Limits& limits);
  void convict(Suspect suspect, const std::string& why);
  void dead_letter(Item item, const std::string& why);
  void put_back(Item item);
  [[nodiscard]] Suspect suspect_of(const Item& item) const;
  void leave(const Item& item, spool::Discard reason, const std::string& why);
  void describe_suspect();

  [[nodiscard]] std::size_t window() const noexcept;
  void fill();
  [[nodiscard]] std::optional<Item> next();
  [[nodiscard]] std::optional<Item> next_volatile();
  [[nodiscard]] bool choose(std::size_t lane);
  [[nodiscard]] bool has_next(LaneState& lane, std::size_t part);
  [[nodiscard]] bool something_waits();
  [[nodiscard]] Item take(std::size_t lane, std::size_t part);
  [[nodiscard]] std::optional<Item> take(Suspect suspect);
  [[nodiscard]] std::deque<Item>& again(std::size_t stream);
  Sent send_item(Item&& item);
  [[nodiscard]] std::optional<std::chrono::seconds> expiry_left(const Item& item) const;
  /// Fills outgoing_, but for what is lent to it while it is published: the topic, and the payload unless wrapped.
  void prepare(const Item& item, bool wrapped);

  [[nodiscard]] Time now() const { return options_.now ? options_.now() : std::chrono::steady_clock::now(); }

  // Constant after construction.
  const PumpOptions options_;
  const PumpEvents events_;
  std::unique_ptr<mqtt::Session> session_;

  std::mutex round_mutex_;  ///< held for a round; taken before mutex_
  // Guarded by round_mutex_.
  std::vector<LaneState> lanes_;
  Sharing sharing_;
  Bucket bucket_;
  Hunt hunt_;
  Rate rate_;
  Flight<Item> in_flight_;
  std::deque<Item> volatile_ready_;
  std::vector<Suspect> lost_;             ///< under way when the connection ended
  std::vector<spool::Record> to_report_;  ///< delivered in this round, with a response topic
  std::string last_end_;                  ///< in words
  std::optional<Suspect> suspect_;
  std::string suspect_words_;
  Message outgoing_;  ///< what publish() is given; kept for its memory
  News news_;
  Counts counts_;
  Time round_{};  ///< when this round began
  Time last_progress_{};
  Time next_try_ = Time::max();  ///< when something that waits may go on
  mqtt::Limits limits_;
  bool connected_ = false;
  bool may_wait_ = true;  ///< in this round, for the disk
  bool unread_ = false;   ///< in this round, something was left on the disk
  bool paced_ = false;
  bool blocked_ = false;            ///< the session did not take the last message it was given in this round
  std::uint64_t acknowledged_ = 0;  ///< so many of all, positively
  std::uint64_t filling_ = 0;       ///< the connection that was seen last

  std::atomic<std::uint64_t> connection_{0};  ///< one more at each beginning and each end
  mutable std::mutex mutex_;
  std::condition_variable condition_;
  // Guarded by mutex_.
  std::vector<Told> told_;
  bool batch_told_ = false;  ///< told_ is worth a round
  std::deque<Item> queue_;
  std::optional<mqtt::Failure> new_end_;
  std::optional<mqtt::Limits> new_limits_;
  bool link_up_ = false;
  bool readable_ = true;
  bool has_room_ = false;           ///< connected, and the window not full, after the last round
  Time wake_at_ = Time::max();      ///< when something that waits may go on, after the last round
  Time waits_until_ = Time::max();  ///< the pump's thread
  bool stopping_ = false;
  bool leave_rest_ = false;
  Time drain_until_{};
  PumpStatus status_;

  std::thread thread_;
};

}  // namespace tidegate::forward
