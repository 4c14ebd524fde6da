// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "base/pulse.hpp"

#include <mutex>
#include <set>

#include <pthread.h>

namespace tidegate {
namespace {

using std::chrono::steady_clock;

struct Registry {
  std::mutex mutex;
  std::set<const Pulse*> all;
};

/// Never destroyed: a thread may outlive main().
Registry& registry() {
  static auto& made = *new Registry;
  return made;
}

}  // namespace

Pulse::Pulse(const std::string& name) : name_(name), last_(steady_clock::now().time_since_epoch().count()) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  const std::lock_guard lock(registry().mutex);
  registry().all.insert(this);
}

Pulse::~Pulse() {
  const std::lock_guard lock(registry().mutex);
  registry().all.erase(this);
}

void Pulse::beat() noexcept {
  last_.store(steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
}

void Pulse::rest() noexcept {
  last_.store(0, std::memory_order_relaxed);
}

std::vector<std::string> Pulse::stuck(std::chrono::nanoseconds limit) {
  const auto now = steady_clock::now();
  std::vector<std::string> names;
  const std::lock_guard lock(registry().mutex);
  for (const auto* pulse : registry().all) {
    const auto last = pulse->last_.load(std::memory_order_relaxed);
    if (last != 0 && now - steady_clock::time_point(steady_clock::duration(last)) > limit)
      names.push_back(pulse->name_);
  }
  return names;
}

}  // namespace tidegate
