// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include <tidegate/gpio_dimmer.hpp>
#include <tidegate/gpio_line.hpp>

namespace tidegate::gpio {

/// Pulses on a line, made by a thread of its own that sleeps between them. It shakes by what the kernel takes to wake a
/// thread, some 50 µs on an idle Raspberry Pi and more under load: fit for LEDs up to some 200 Hz, for motors, and,
/// with some trembling, for servos. While it is always or never active the thread sleeps.
class SoftPwm final : public Dimmer {
 public:
  /// The line is an output, inactive.
  SoftPwm(Line line, Nanoseconds period);
  ~SoftPwm() override;
  SoftPwm(const SoftPwm&) = delete;
  SoftPwm& operator=(const SoftPwm&) = delete;

  void set(Nanoseconds active) override;
  [[nodiscard]] Nanoseconds period() const noexcept override { return period_; }
  /// Throws what the line threw on the thread, or throws now.
  void check() override;
  /// Ends the pulses and gives the line back: active if it always was, else inactive. The last call.
  [[nodiscard]] Line stop();

 private:
  void join();
  void run();

  Line line_;  ///< the thread's, unless it is steady
  const Nanoseconds period_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Nanoseconds active_{};
  bool steady_ = false;  ///< the thread waits to be told otherwise
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace tidegate::gpio
