// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "plugins/gpio/button.hpp"
#include "plugins/gpio/debounce.hpp"
#include "plugins/gpio/part.hpp"

namespace tidegate::plugins::gpio {

/// One [[gpio.input]]: its state, retained, at the start and at every change; presses, clicks and holds; and how many
/// edges were lost, if ever. Thread: loop.
class Input final : public Part {
 public:
  Input(Context& context, const Block& block, const ChannelOptions& fallback);

  [[nodiscard]] const LineKeys& keys() const noexcept { return keys_; }

 private:
  void open() override;
  void close() noexcept override;
  void read(std::uint32_t events);
  void take(const EdgeEvent& edge);
  void settled(bool active, Nanoseconds at);
  void lost(std::uint32_t count, Nanoseconds at);
  void told(Button::Event event, Nanoseconds at);
  void plan();

  const LineKeys keys_;
  const Edges edges_;
  const Nanoseconds debounce_period_;
  const bool events_;
  Button button_;
  std::optional<Line> line_;
  std::optional<Debounce> debounce_;
  std::unique_ptr<Channel> state_, event_, lost_channel_;
  std::uint32_t sequence_ = 0;
  std::int64_t lost_count_ = 0;
  Source watch_, look_, timer_;
};

/// The key edges: "both", "rising" or "falling".
[[nodiscard]] Edges read_edges(const Block& block, const char* usual);
/// The key debounce; 0: none.
[[nodiscard]] Nanoseconds read_debounce(const Block& block);

}  // namespace tidegate::plugins::gpio
