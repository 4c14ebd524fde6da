// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <pthread.h>
#include <sched.h>

#include <tidegate/gpio_pwm.hpp>

namespace tidegate::gpio {

using Monotonic = std::chrono::steady_clock;

SoftPwm::SoftPwm(Line line, Nanoseconds period) : line_(std::move(line)), period_(period), thread_([this] { run(); }) {
  // Only with the right to it; without, the pulses shake more.
  sched_param first{};
  first.sched_priority = 1;
  static_cast<void>(pthread_setschedparam(thread_.native_handle(), SCHED_FIFO, &first));
}

SoftPwm::~SoftPwm() {
  join();
}

Line SoftPwm::stop() {
  join();
  return std::move(line_);
}

void SoftPwm::join() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SoftPwm::set(Nanoseconds active) {
  check();
  {
    const std::lock_guard lock(mutex_);
    active_ = std::clamp(active, Nanoseconds::zero(), period_);
  }
  changed_.notify_all();
}

void SoftPwm::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  if (steady_) static_cast<void>(line_.get());
}

void SoftPwm::run() {
  std::unique_lock lock(mutex_);
  bool on = false;
  const auto drive = [&](bool to) {
    if (on == to) return;
    lock.unlock();
    line_.set(to);
    lock.lock();
    on = to;
  };
  try {
    while (!stopping_) {
      const auto active = active_;
      const auto begin = Monotonic::now();
      const auto different = [&] { return stopping_ || active_ != active; };
      drive(active > Nanoseconds::zero());
      if (active == Nanoseconds::zero() || active == period_) {
        steady_ = true;
        changed_.wait(lock, different);
        steady_ = false;
        continue;
      }
      // A new share counts from the next period on, so that no pulse is cut short.
      changed_.wait_until(lock, begin + active, [&] { return stopping_; });
      drive(false);
      changed_.wait_until(lock, begin + period_, [&] { return stopping_; });
    }
    // What it is left at: steady if it was, inactive if it was between.
    drive(active_ == period_);
  } catch (const std::exception&) {
    if (!lock.owns_lock()) lock.lock();
    failure_ = std::current_exception();
  }
}

}  // namespace tidegate::gpio
