// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace tidegate::forward {

/// A token bucket: what may be sent on average, with a burst of one second's worth, of one message at least.
struct Rate {
  double messages = 0;  ///< a second; 0: no limit
  double bytes = 0;     ///< a second, of packets; 0: no limit

  bool operator==(const Rate&) const = default;
};

/// Tells when the next message may go. Holds no thread and no clock; a rate of one message in fifteen seconds is as
/// good as one of ten thousand a second. Bytes may be taken on credit, so a message larger than the burst passes, and
/// is paid for before the next one.
class Bucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Bucket(Rate rate) noexcept;
  /// When the next message may go; it may go now when that is not after now.
  [[nodiscard]] Time ready_at() const noexcept;
  /// A message has gone. Also for those that did not ask.
  void take(std::size_t bytes, Time now) noexcept;

 private:
  /// A full bucket is one whose due is past; each unit taken moves due on by what it takes to earn it.
  struct Limit {
    Limit(double rate, Time::duration leeway) noexcept;
    void take(double units, Time now) noexcept;

    double per_unit = 0;   ///< ns; 0: no limit
    Time::duration ahead;  ///< how far due may lie ahead of what is allowed to go
    Time due{};
  };

  Limit messages_;
  Limit bytes_;
};

}  // namespace tidegate::forward
