// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/plugin.hpp>

#include "plugins/common/faults.hpp"

namespace tidegate::plugins {

/// What was found out about one reading of a source.
struct Outcome {
  std::string name;            ///< below the source's; empty: the source has but one reading, with its own name
  std::optional<Value> value;  ///< nothing: it could not be read
  std::string unit = {};
  Quality quality = Quality::good;
  std::string why = {};  ///< there is no value, or it is not good: why. Without a value: empty means no fault unless
                         ///< there has been a value
};

/// The readings of sources that come, fail, vanish and return. Has a channel and the last value of each, publishes that
/// with bad quality while there is no better one, and says in health what is wrong, and that it is well again, once.
/// Thread: loop.
class Roster final {
 public:
  /// When something was read.
  struct Stamp {
    WallTime taken{};
    ClockQuality clock = ClockQuality::unsynced;
    explicit Stamp(const Clock& of) noexcept : taken(of.wall()), clock(of.quality()) {}
  };
  using OptionsOf = std::function<ChannelOptions(std::string_view)>;

  Roster(Context& context, OptionsOf options);

  /// Health is clean, and nothing is known.
  void begin();
  /// Channels are closed; health stays as it is.
  void end() noexcept;

  /// All that a source has to say. A reading that it had before and has no more is a fault.
  void report(const std::string& source, const std::vector<Outcome>& outcomes, const Stamp& stamp);
  /// One reading of many that a source makes; for streams.
  void put(const std::string& source, const Outcome& outcome, const Stamp& stamp);
  /// The source as a whole does not work; all its readings are bad.
  void fail(const std::string& source, std::string_view why, const Stamp& stamp);
  /// The source works again, or is known no more.
  void forget(const std::string& source);
  /// Says in health what does not work, or (empty) that it works again.
  void health(std::string_view what, std::string_view why) { faults_.tell(what, why); }

 private:
  struct Entry {
    std::unique_ptr<Channel> channel;
    std::optional<Value> last;
    std::string unit;
  };

  void publish(const std::string& source, const std::string& name, Entry& entry, Quality quality, const Stamp& stamp);

  Context& context_;
  const OptionsOf options_;
  std::map<std::string, std::map<std::string, Entry>> sources_;
  Faults faults_;
};

/// How readings are published, by name: the blocks "reading" of a plugin's table, over its key json.
[[nodiscard]] Roster::OptionsOf reading_options(const Block& plugin);

}  // namespace tidegate::plugins
