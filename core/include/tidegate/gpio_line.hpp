// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tidegate/clock.hpp>
#include <tidegate/gpio.hpp>

namespace tidegate::gpio {

enum class Edges : std::uint8_t { none, rising, falling, both };
enum class Bias : std::uint8_t { as_is, disabled, pull_up, pull_down };
enum class Drive : std::uint8_t { push_pull, open_drain, open_source };

/// How a line is to be requested. Active and inactive are after active_low.
struct LineOptions {
  bool as_is = false;  ///< neither made an input nor an output, only to get(); of the rest, only active_low counts
  bool output = false;
  std::optional<bool> value;  ///< of an output, from the moment it is one; nothing: what the line has, without a glitch
  Edges edges = Edges::none;
  Bias bias = Bias::as_is;
  Drive drive = Drive::push_pull;
  bool active_low = false;
  Nanoseconds debounce{};        ///< by the kernel; 0: none
  std::size_t event_buffer = 0;  ///< edges that the kernel keeps until they are read; 0: its default (16), most 1024
  std::string consumer = "tidegate";  ///< what others see as the holder; the kernel keeps 31 bytes

  bool operator==(const LineOptions&) const = default;
};

/// One edge, as the kernel saw it.
struct EdgeEvent {
  bool active = false;         ///< the level after it
  Nanoseconds time{};          ///< CLOCK_MONOTONIC, when it happened
  std::uint32_t sequence = 0;  ///< of this line, from 1; a gap is what the kernel's buffer had no room for
};

/// A line that this process holds, through libgpiod. Released when destroyed. Thread: one at a time.
class Line final {
 public:
  /// Throws SystemError: EBUSY names the holder, EACCES says how to get permission, ENODEV that the chip is gone.
  Line(const LineInfo& info, const LineOptions& options);
  ~Line();
  Line(Line&&) noexcept;
  Line& operator=(Line&&) noexcept;

  /// Readable when there are edges; EPOLLHUP or EPOLLERR when the chip went away.
  [[nodiscard]] int fd() const noexcept;
  /// Whether it is active now; of an output, as it is seen on the line. Throws SystemError.
  [[nodiscard]] bool get() const;
  /// Of an output. Throws SystemError.
  void set(bool active);
  /// Gives an output another bias, drive and active_low; the level on the line stays. Throws SystemError.
  void change(const LineOptions& options);
  /// What the kernel has in store, oldest first; empty when there is nothing. At most 8 more than event_buffer, of
  /// those that come meanwhile. Never waits. Throws SystemError.
  [[nodiscard]] const std::vector<EdgeEvent>& read();
  /// Whether the debounce asked for is not done by the kernel, so the caller has to.
  [[nodiscard]] bool debounce_refused() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate::gpio
