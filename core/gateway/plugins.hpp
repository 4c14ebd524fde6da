// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/plugin.hpp>

#include "config/config.hpp"
#include "gateway/audience.hpp"
#include "gateway/health.hpp"

namespace tidegate::gateway {

/// The plugins that the configuration asks for: made, started, started again with backoff when they cannot, and
/// stopped. Gives each its Context. Thread: loop.
class Plugins {
 public:
  /// What the rest of the gateway does for plugins.
  struct Services {
    std::function<void(Message&&)> publish;        ///< takes every reading as a message
    std::function<bool(std::string_view)> linked;  ///< Context::linked()
  };
  struct Status {
    std::string name;
    bool running;
    std::uint64_t readings;
  };

  /// All references outlive this.
  Plugins(Loop& loop, const config::Config& config, Health& health, Services services);
  ~Plugins();  ///< stop()
  Plugins(const Plugins&) = delete;
  Plugins& operator=(const Plugins&) = delete;

  void start();
  /// After it returned nothing is published.
  void stop() noexcept;
  /// Makes what the configuration, which is another now, has new or changed; starts and stops nothing. Throws what a
  /// plugin throws that cannot be made; then nothing has changed.
  void prepare();
  /// Puts it in the place of what was there, and stops what is there no more. What did not change goes on. Returns the
  /// topics of retained readings that nobody publishes to any more.
  [[nodiscard]] std::vector<std::string> change();
  [[nodiscard]] std::vector<Status> status() const;
  /// The topics that the configuration has put in place of the usual ones, by those, without "<base>/<gateway>/":
  /// "gpio/lamp" -> "loft/lamp".
  [[nodiscard]] std::map<std::string, std::string> own_topics() const;
  /// What they listen for; takes the messages.
  [[nodiscard]] Audience& audience() noexcept { return audience_; }

 private:
  class Part;
  /// The channels that are open.
  struct Channels {
    struct Topic {
      std::string topic;
      int open = 0;
    };
    std::map<std::string, Topic> own;     ///< those with a topic of their own, by the usual one
    std::multiset<std::string> retained;  ///< topics
  };
  class ReadingChannel;

  Loop& loop_;
  const config::Config& config_;
  Health& health_;
  const Services services_;
  Audience audience_;
  Channels channels_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::vector<std::unique_ptr<Part>> former_;  ///< left the configuration; slow work of theirs has not ended
};

/// Makes every plugin from its block without starting anything, so that their complaints are filed.
void read_plugin_blocks(const config::Config& config);

/// The tables that plugins read, by name.
[[nodiscard]] std::vector<std::string> plugin_names();

}  // namespace tidegate::gateway
