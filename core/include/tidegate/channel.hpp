// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tidegate/block.hpp>
#include <tidegate/filters.hpp>
#include <tidegate/message.hpp>
#include <tidegate/reading.hpp>

namespace tidegate {

/// Where one stream of readings goes. Its topic was bound when it was made, so putting is cheap. Thread: loop.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual void put(const Reading& reading) = 0;
};

/// How a stream of readings is published.
struct ChannelOptions {
  std::string topic;  ///< empty: <base>/<gateway>/<plugin>/<name>
  bool json = false;  ///< the payload is to_json(reading); else the bare value, unless its quality is bad
  bool retain = false;
  Qos qos = Qos::at_least_once;
  Filters filters;  ///< what happens to a reading before it is published
};

/// The keys topic, json, retain, qos and filters of a block, over fallback.
[[nodiscard]] ChannelOptions channel_options(const Block& block, ChannelOptions fallback = {});

/// For a plugin that finds its sources by itself: [[<plugin>.reading]] says, by name, how some of its readings are
/// published. A block has of (a topic filter over names, "cpu_thermal/+") and the keys of channel_options(). The last
/// block that matches a name counts.
class ReadingRules final {
 public:
  ReadingRules() = default;
  /// Reads the blocks "reading" of the plugin's table; what they leave out is as fallback.
  ReadingRules(const Block& plugin, const ChannelOptions& fallback);
  [[nodiscard]] const ChannelOptions& of(std::string_view name) const noexcept;

 private:
  ChannelOptions fallback_;
  std::vector<std::pair<std::string, ChannelOptions>> rules_;
};

}  // namespace tidegate
