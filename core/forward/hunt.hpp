// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "forward/verdict.hpp"

namespace tidegate::forward {

/// A message that may be what ends connections: the stream it is in, and what tells it apart there.
struct Suspect {
  std::size_t stream = 0;
  std::uint64_t id = 0;

  auto operator<=>(const Suspect&) const = default;
};

/// Finds messages that make a server end the connection, and gives no reason for. A state machine without thread, clock
/// or I/O; the pump tells it what happens and does what it says.
///
/// A connection that ended with messages of a stream under way and none of that stream answered is a strike against the
/// stream. From two in a row on, one message is under way at a time. One that was alone under way when two connections
/// in a row ended is set aside and the next one is tried. When a message is answered, the server is well: the first of
/// those set aside is put on trial on that connection, before anything new. What was alone on trial at two ends is
/// convicted. So a poisonous message by itself costs six connections: two strikes, two ends alone, two trials; and one
/// more when others were answered before it on the first.
///
/// When three were set aside and none was answered meanwhile, it seems to be the server's fault: all go back to where
/// they were, and the hunt ends. It may have been three poisonous ones in a row, so the next hunt sets aside twice as
/// many, and so on, up to 768, since they are held in memory; a message that is answered makes it three again. A hunt
/// also ends when all that were suspect are answered or gone, and when one is answered that had been alone at an end:
/// then the connections end for other reasons, as on a bad line.
///
/// Where the server's own DISCONNECT says that a message was the reason, the first end begins the hunt, and convicts a
/// message that was alone.
class Hunt {
 public:
  explicit Hunt(std::size_t streams);
  /// There are so many now.
  void grow(std::size_t streams);

  /// The server answered the message, in whatever way.
  void answered(Suspect suspect);
  /// The message left otherwise.
  void gone(Suspect suspect);
  /// The connection ended with these under way. Returns whom that convicts.
  [[nodiscard]] std::vector<Suspect> ended(Blame blame, const std::vector<Suspect>& under_way);

  /// Whether only one message may be under way.
  [[nodiscard]] bool active() const noexcept { return active_; }
  /// Not to be sent, in the order of setting aside, unless it is on trial or nothing else waits.
  [[nodiscard]] const std::vector<Suspect>& aside() const noexcept { return aside_; }
  [[nodiscard]] bool is_aside(Suspect suspect) const noexcept;
  /// To be sent next, before all others.
  [[nodiscard]] std::optional<Suspect> trial() const noexcept { return trial_; }
  /// The first that is under suspicion by itself.
  [[nodiscard]] std::optional<Suspect> suspect() const noexcept;
  /// The last hunt ended as the server's fault, and nothing has been answered since.
  [[nodiscard]] bool in_vain() const noexcept { return in_vain_; }

 private:
  void remove(Suspect suspect);
  void end_if_done();
  void end();

  std::vector<unsigned> strikes_;  ///< by stream, in a row
  std::vector<bool> heard_;        ///< by stream: answered on this connection
  bool active_ = false;
  std::set<Suspect> suspects_;
  std::set<Suspect> accused_;     ///< were alone when a connection ended
  std::optional<Suspect> alone_;  ///< at the last end that counts
  unsigned alone_ends_ = 0;       ///< in a row
  std::vector<Suspect> aside_;
  std::size_t unanswered_ = 0;  ///< set aside since the last answer
  std::size_t allowed_;         ///< of unanswered_: with so many the hunt ends
  bool in_vain_ = false;
  std::optional<Suspect> trial_;
  unsigned trials_ = 0;  ///< ends with the first of aside_ on trial
};

}  // namespace tidegate::forward
