// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/difference.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace tidegate::config {
namespace {

/// One thing that has a name in both, in one of them, or stands where the other's stands.
template <class Thing>
struct Named {
  std::string name;
  const Thing* thing;
};

class Comparison {
 public:
  template <class Thing, class Same>
  void compare(const std::vector<Named<Thing>>& before, const std::vector<Named<Thing>>& after, Same same) {
    for (const auto& [name, thing] : after) {
      const auto* const former = find(before, name);
      if (former == nullptr) {
        found_.added.push_back(name);
      } else {
        one(name, same(*former, *thing));
      }
    }
    for (const auto& [name, thing] : before) {
      if (find(after, name) == nullptr) found_.removed.push_back(name);
    }
  }
  void one(const std::string& name, bool same) { (same ? found_.kept : found_.changed).push_back(name); }
  void restart(const char* what, bool same) {
    if (!same) found_.restart.emplace_back(what);
  }
  [[nodiscard]] Difference take() { return std::move(found_); }

 private:
  template <class Thing>
  static const Thing* find(const std::vector<Named<Thing>>& all, const std::string& name) {
    const auto at = std::ranges::find(all, name, &Named<Thing>::name);
    return at == all.end() ? nullptr : at->thing;
  }
  Difference found_;
};

bool same(const std::vector<Receive>& one, const std::vector<Receive>& other) {
  return std::ranges::equal(one, other, [](const Receive& a, const Receive& b) { return same(a, b); });
}

std::vector<Named<Upstream>> named(const std::vector<Upstream>& upstreams) {
  std::vector<Named<Upstream>> all;
  for (const auto& upstream : upstreams) all.push_back({"upstream " + upstream.name, &upstream});
  return all;
}

std::vector<Named<Forward>> forwards_of(const std::vector<Upstream>& upstreams) {
  std::vector<Named<Forward>> all;
  for (const auto& upstream : upstreams) {
    for (const auto& forward : upstream.forwards)
      all.push_back({fmt::format("upstream {}, lane {}", upstream.name, forward.lane), &forward});
  }
  return all;
}

std::vector<Named<std::vector<Receive>>> receives_of(const std::vector<Upstream>& upstreams) {
  std::vector<Named<std::vector<Receive>>> all;
  for (const auto& upstream : upstreams) {
    if (!upstream.receives.empty())
      all.push_back({fmt::format("upstream {}, receive", upstream.name), &upstream.receives});
  }
  return all;
}

/// The entries of a plugin's lists of tables: by name, or by number where they have none.
std::vector<std::pair<std::string, Block>> entries(const PluginBlock& plugin) {
  std::vector<std::pair<std::string, Block>> all;
  for (const auto& key : plugin.block.keys()) {
    if (plugin.block.kind(key) != Kind::tables) continue;
    std::size_t number = 0;
    for (const auto& entry : plugin.block.tables(key)) {
      ++number;
      const auto name = entry.kind("name") == Kind::text ? entry.text("name", "") : std::to_string(number);
      all.emplace_back(fmt::format("[{}] {} {}", plugin.plugin, key, name), entry);
    }
  }
  return all;
}

std::vector<Named<Block>> named(const std::vector<std::pair<std::string, Block>>& entries) {
  std::vector<Named<Block>> all;
  for (const auto& [name, block] : entries) all.push_back({name, &block});
  return all;
}

bool same_settings(const Block& one, const Block& other) {
  auto keys = one.keys();
  for (auto& key : other.keys()) keys.push_back(std::move(key));
  return std::ranges::all_of(keys, [&](const std::string& key) {
    const bool lists = (one.kind(key) == Kind::tables || one.kind(key) == Kind::absent) &&
                       (other.kind(key) == Kind::tables || other.kind(key) == Kind::absent);
    return lists || one.same(other, key);
  });
}

void compare_plugins(Comparison& comparison, const Config& before, const Config& after) {
  const auto tables = [](const Config& config) {
    std::vector<Named<Block>> all;
    for (const auto& plugin : config.plugins) all.push_back({fmt::format("[{}]", plugin.plugin), &plugin.block});
    return all;
  };
  comparison.compare(tables(before), tables(after), same_settings);
  std::vector<std::pair<std::string, Block>> were, are;
  for (const auto& plugin : before.plugins) std::ranges::move(entries(plugin), std::back_inserter(were));
  for (const auto& plugin : after.plugins) std::ranges::move(entries(plugin), std::back_inserter(are));
  comparison.compare(named(were), named(are), [](const Block& one, const Block& other) { return one.same(other); });
}

void compare_automations(Comparison& comparison, const Automations& before, const Automations& after) {
  if (before.configured || after.configured) {
    comparison.one("[automations]",
                   before.folder == after.folder && before.run == after.run && before.usual == after.usual);
  }
  const auto scripts = [](const Automations& automations) {
    std::vector<Named<AutomationOptions>> all;
    for (const auto& script : automations.scripts) all.push_back({"automation " + script.name, &script.options});
    return all;
  };
  comparison.compare(scripts(before), scripts(after), std::equal_to<>());
}

}  // namespace

bool same(const Forward& one, const Forward& other) {
  auto moved = other;
  moved.where = one.where;
  return one == moved;
}

bool same(const Receive& one, const Receive& other) {
  auto moved = other;
  moved.where = one.where;
  return one == moved;
}

bool same_link(const Upstream& one, const Upstream& other) {
  auto moved = other;
  moved.where = one.where;
  moved.forwards = one.forwards;
  moved.receives = one.receives;
  return one == moved;
}

Difference difference(const Config& before, const Config& after) {
  Comparison comparison;
  comparison.restart("[gateway] id", before.gateway.id == after.gateway.id);
  comparison.restart("[gateway] base", before.gateway.base == after.gateway.base);
  comparison.restart("[gateway] state", before.gateway.state == after.gateway.state);
  comparison.restart("[gateway] runtime", before.gateway.runtime == after.gateway.runtime);
  comparison.restart("[gateway] payload_cap", before.gateway.payload_cap == after.gateway.payload_cap);
  comparison.restart("[broker]", before.broker == after.broker);
  comparison.restart("[dbus]", before.dbus == after.dbus);
  comparison.restart("[spool] capacity", before.spool == after.spool);
  comparison.one("[gateway]", before.gateway.log_level == after.gateway.log_level &&
                                  before.gateway.stop_timeout == after.gateway.stop_timeout);
  comparison.compare(named(before.upstreams), named(after.upstreams), same_link);
  comparison.compare(forwards_of(before.upstreams), forwards_of(after.upstreams),
                     [](const Forward& one, const Forward& other) { return same(one, other); });
  comparison.compare(receives_of(before.upstreams), receives_of(after.upstreams),
                     [](const auto& one, const auto& other) { return same(one, other); });
  compare_plugins(comparison, before, after);
  compare_automations(comparison, before.automations, after.automations);
  return comparison.take();
}

}  // namespace tidegate::config
