// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/common/rounds.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <tidegate/error.hpp>

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds patience = 10s;       // with one file
constexpr Nanoseconds gone_for_good = 24h;  // taken for removed, and no longer a fault

/// What a worker brings back.
template <class What>
struct Answer {
  What what;
  std::string failed;
  Roster::Stamp stamp;
};

}  // namespace

Rounds::Rounds(Context& context, Nanoseconds interval, Roster& roster, Find find, Read read, Claim claim)
    : context_(context),
      interval_(interval),
      roster_(roster),
      find_(std::move(find)),
      read_(std::move(read)),
      claim_(std::move(claim)) {}

void Rounds::start() {
  finding_ = std::make_unique<Errand>(context_, "");
  turn();
  timer_ = context_.loop().every(interval_, [this] { turn(); });
}

void Rounds::stop() noexcept {
  timer_ = Source();
  finding_.reset();
  known_.clear();
}

void Rounds::turn() {
  if (finding_->under_way()) {
    const std::string hangs = finding_->for_long(patience);
    if (!hangs.empty()) roster_.health("search", hangs);
    return;
  }
  using Found = Answer<std::vector<Device>>;
  finding_->run(
      [find = find_, &clock = context_.clock()](Doing& doing) {
        doing.now("looking for devices");
        Found found{{}, {}, Roster::Stamp(clock)};
        try {
          found.what = find();
        } catch (const std::exception& error) {
          found.failed = error.what();
        }
        return found;
      },
      [this](Found found_now) {
        roster_.health("search", found_now.failed);
        if (found_now.failed.empty()) found(std::move(found_now.what));
      });
}

void Rounds::found(std::vector<Device> devices) {
  names_.assign(devices);
  if (claim_) claim_(devices);
  const Nanoseconds now = context_.clock().boot();
  const Roster::Stamp stamp(context_.clock());
  for (auto& [name, known] : known_) {
    const auto there = std::ranges::find(devices, name, &Device::name);
    const bool present = there != devices.end();
    if (known->present && !present) known->gone = now;
    known->present = present;
  }
  std::erase_if(known_, [&](const auto& entry) {
    const auto& [name, known] = entry;
    if (known->present || now - known->gone < gone_for_good) return false;
    roster_.forget(name);
    return true;
  });
  for (auto& device : devices) {
    if (device.bus.empty()) device.bus = device.name;
    auto& known = known_[device.name];
    if (!known || (known->device.bus != device.bus && !known->errand.under_way())) {
      known = std::make_unique<Known>(context_, device);
    }
    known->device = device;
  }
  // Those whose bus does not come back wait with it, whoever holds it.
  std::map<std::string, std::string> stuck;
  for (const auto& [name, known] : known_) {
    if (std::string hangs = known->errand.for_long(patience); !hangs.empty()) {
      stuck[known->errand.bus()] = std::move(hangs);
    }
  }
  for (auto& [name, known] : known_) {
    if (const auto hangs = stuck.find(known->errand.bus()); hangs != stuck.end()) {
      roster_.fail(name, hangs->second, stamp);
    } else if (!known->present) {
      roster_.fail(name, vanished, stamp);
    } else if (!known->errand.under_way()) {
      ask(*known);
    }
  }
}

void Rounds::ask(Known& known) {
  using Outcomes = Answer<std::vector<Outcome>>;
  known.errand.run(
      [read = read_, device = known.device, &clock = context_.clock()](Doing& doing) {
        Outcomes outcomes{{}, {}, Roster::Stamp(clock)};
        try {
          outcomes.what = read(device, doing);
        } catch (const std::exception& error) {
          outcomes.failed = error.what();
        }
        outcomes.stamp = Roster::Stamp(clock);
        return outcomes;
      },
      [this, name = known.device.name](const Outcomes& outcomes) {
        if (outcomes.failed.empty()) {
          roster_.report(name, outcomes.what, outcomes.stamp);
        } else {
          roster_.fail(name, outcomes.failed, outcomes.stamp);
        }
      });
}

}  // namespace tidegate::plugins
