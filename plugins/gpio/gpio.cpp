// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <tidegate/plugin.hpp>

#include "gpio_sample.hpp"
#include "plugins/gpio/counter.hpp"
#include "plugins/gpio/header.hpp"
#include "plugins/gpio/input.hpp"
#include "plugins/gpio/output.hpp"
#include "plugins/gpio/pwm.hpp"
#include "plugins/gpio/rgb.hpp"
#include "plugins/gpio/servo.hpp"

namespace tidegate::plugins {
namespace gpio {
namespace {

/// GPIO lines as inputs, counters and outputs. Thread: loop.
class Gpio final : public Plugin {
 public:
  Gpio(Context& context, const Block& block) {
    ChannelOptions usual;
    usual.json = block.boolean("json", false);
    for (const auto& one : block.tables("input")) {
      auto part = std::make_unique<Input>(context, one, usual);
      claim(one, {{"line", part->keys().line}}, *part);
      parts_.push_back(std::move(part));
    }
    for (const auto& one : block.tables("counter")) {
      auto part = std::make_unique<Counter>(context, one, usual);
      claim(one, {{"line", part->keys().line}}, *part);
      parts_.push_back(std::move(part));
    }
    for (const auto& one : block.tables("output")) {
      auto part = std::make_unique<Output>(context, one, usual);
      claim(one, {{"line", part->keys().line}}, *part);
      join(one, *part);
      parts_.push_back(std::move(part));
    }
    for (const auto& [name, group] : groups_) {
      if (group.interlock->members().size() == 1)
        group.block.complain(
            "interlock",
            fmt::format("\"{}\" has this output alone; give the others that may not be on with it the same word",
                        name));
    }
    dimmed<Pwm>(context, block, "pwm", usual, {"line"});
    dimmed<Rgb>(context, block, "rgb", usual, {"red", "green", "blue"});
    dimmed<Servo>(context, block, "servo", usual, {"line"});
    block.finish();
  }

  void start() override {
    for (const auto& part : parts_) {
      if (!part->is_started()) part->start();
    }
  }
  void stop() noexcept override {
    for (const auto& part : parts_) part->stop();
  }
  bool take_over(Plugin& former) override {
    auto& theirs = dynamic_cast<Gpio&>(former);
    for (auto& part : parts_) {
      const auto same = std::ranges::find_if(theirs.parts_, [&](const auto& old) { return old->is_same(*part); });
      if (same == theirs.parts_.end()) continue;
      (*same)->replace(*part);
      part = std::move(*same);
      theirs.parts_.erase(same);
    }
    for (const auto& part : parts_) {
      if (part->is_started()) continue;
      static_cast<void>(std::ranges::any_of(theirs.parts_, [&](const auto& old) { return part->inherit(*old); }));
    }
    for (const auto& old : theirs.parts_) old->leave();
    return true;
  }

 private:
  struct Claim {
    const char* key;
    std::string line;
  };

  template <class Kind>
  void dimmed(Context& context, const Block& block, const char* key, const ChannelOptions& usual,
              const std::vector<const char*>& keys) {
    for (const auto& one : block.tables(key)) {
      auto part = std::make_unique<Kind>(context, one, usual);
      std::vector<Claim> claims;
      for (std::size_t at = 0; at < keys.size(); ++at) claims.push_back({keys[at], part->names()[at]});
      claim(one, claims, *part);
      parts_.push_back(std::move(part));
    }
  }

  /// Each name and each line once.
  void claim(const Block& block, const std::vector<Claim>& claims, const Part& part) {
    if (!part.name().empty()) {
      const auto [other, fresh] = names_.emplace(part.name(), block.where());
      if (!fresh)
        block.complain("name", fmt::format("\"{}\" is the name of the one at {} already; give it another", part.name(),
                                           other->second));
    }
    if (!part.name().empty()) {
      const auto [other, fresh] = topics_.emplace(part.topic(), block.where());
      if (!fresh)
        block.complain("topic", fmt::format("\"{}\" is the topic of the one at {} already; give it another",
                                            part.topic(), other->second));
    }
    for (const auto& [key, line] : claims) {
      if (line.empty()) continue;
      const auto [other, fresh] =
          lines_.emplace(one_spelling(line), fmt::format("{} at {}", part.name(), block.where(key)));
      if (!fresh)
        block.complain(key, fmt::format("{} belongs to {} already; a line can have one use", line, other->second));
    }
  }

  void join(const Block& block, Output& output) {
    if (output.group().empty()) return;
    auto& group = groups_.try_emplace(output.group(), block).first->second;
    const auto once = [&](bool claims, const char* key, std::string& taken) {
      if (!claims) return;
      if (!taken.empty())
        block.complain(key,
                       fmt::format("\"on\" is what {} of the same interlock group is too; at most one may be", taken));
      taken = output.name();
    };
    once(output.on_at_start(), "initial", group.on_at_start);
    once(output.on_when_safe(), "safe", group.on_when_safe);
    output.join(group.interlock);
  }

  struct Group {
    explicit Group(Block of) : block(std::move(of)) {}
    Block block;  ///< of its first output
    std::shared_ptr<Interlock> interlock = std::make_shared<Interlock>();
    std::string on_at_start, on_when_safe;
  };

  std::map<std::string, std::string> names_, lines_, topics_;
  std::map<std::string, Group> groups_;
  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace
}  // namespace gpio

extern const PluginInfo gpio_plugin;
const PluginInfo gpio_plugin = {
    .name = "gpio",
    .sample = gpio_sample,
    .make = [](Context& context, const Block& block) -> std::unique_ptr<Plugin> {
      return std::make_unique<gpio::Gpio>(context, block);
    },
};

}  // namespace tidegate::plugins
