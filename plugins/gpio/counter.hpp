// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "plugins/gpio/part.hpp"
#include "plugins/gpio/pulse_rate.hpp"
#include "plugins/gpio/total_file.hpp"

namespace tidegate::plugins::gpio {

/// One [[gpio.counter]]: counts the edges of a line, publishes total, rate and frequency at an interval, and keeps the
/// total over restarts. What is published as a total has been synced to the disk before, so that it never goes back.
/// Thread: loop.
class Counter final : public Part {
 public:
  Counter(Context& context, const Block& block, const ChannelOptions& fallback);

  [[nodiscard]] const LineKeys& keys() const noexcept { return keys_; }
  bool inherit(Part& other) override;
  void leave() override;

 private:
  void open() override;
  void close() noexcept override;
  void read(std::uint32_t events);
  /// Everything that the kernel has in store.
  void take();
  void publish();
  void publish_total();
  void obey(const Heard& heard);
  void keep(bool sync) noexcept;

  const LineKeys keys_;
  const Edges edges_;
  const Nanoseconds debounce_;
  const double factor_;
  const std::string unit_;
  const double per_;  ///< s
  const std::string rate_unit_;
  const Nanoseconds interval_;
  std::optional<Line> line_;         ///< before open(): inherited, with sequence_
  std::shared_ptr<TotalFile> file_;  ///< null: it cannot be kept
  PulseRate rate_;
  std::unique_ptr<Channel> total_channel_, rate_channel_, frequency_channel_, lost_channel_;
  std::uint64_t total_ = 0;  ///< lost ones among them
  std::int64_t lost_ = 0;
  std::uint32_t sequence_ = 0;
  bool syncing_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  ///< for what comes back from the disk
  Listening listening_;
  Source watch_, look_, timer_;
};

}  // namespace tidegate::plugins::gpio
