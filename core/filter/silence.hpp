// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <tidegate/clock.hpp>
#include <tidegate/loop.hpp>

namespace tidegate::filter {

/// Says when nothing has happened for a time. One timer, however often something happens: when it is due it looks at
/// the clock, and goes on waiting for what is left. Thread: loop.
class Silence final {
 public:
  Silence(Nanoseconds most, Loop& loop, const Clock& clock, std::function<void()> said)
      : most_(most), loop_(loop), clock_(clock), said_(std::move(said)) {}

  /// Something happened: from now on it waits, until it has called back once.
  void broken() {
    since_ = clock_.boot();
    if (!timer_) wait(most_);
  }
  [[nodiscard]] bool waits() const noexcept { return static_cast<bool>(timer_); }

 private:
  void wait(Nanoseconds time) {
    timer_ = loop_.after(time, [this] { due(); });
  }
  void due() {
    const Nanoseconds left = since_ + most_ - clock_.boot();
    if (left > Nanoseconds::zero()) return wait(left);
    timer_ = Source();
    said_();
  }

  const Nanoseconds most_;
  Loop& loop_;
  const Clock& clock_;
  const std::function<void()> said_;
  Nanoseconds since_{};
  Source timer_;
};

}  // namespace tidegate::filter
