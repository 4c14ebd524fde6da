// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/spool_place.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/clock.hpp>

#include "gateway/check.hpp"
#include "gateway/cli/command.hpp"
#include "gateway/cli/lanes.hpp"
#include "spool/file.hpp"

namespace tidegate::cli {

void SpoolPlace::add_options(CLI::App& command) {
  command.add_option("--state", state_,
                     "State folder of the gateway (default: the running one's, else as the configuration says)");
  remote_.add_options(command);
}

/// Nothing when no gateway runs.
std::optional<Json> SpoolPlace::ask_status() const {
  try {
    return remote_.ask("status");
  } catch (const Quit& quit) {
    // Who says where the gateway is does not mean another one's spool.
    const bool meant = remote_.socket || remote_.runtime;
    if (!meant && (state_ || quit.exit() == Exit::unavailable)) return std::nullopt;
    throw;
  }
}

void SpoolPlace::find() {
  auto status = ask_status();
  if (status && status->contains("gateway")) {
    const auto theirs = std::filesystem::path(show(status->at("gateway"), "state"));
    std::error_code error;
    if (!state_ || std::filesystem::equivalent(theirs, *state_, error)) {
      folder_ = theirs / "spool";
      const auto& gateway = status->at("gateway");
      if (gateway.contains("runtime")) stand_in_folder_ = std::filesystem::path(show(gateway, "runtime")) / "spool";
      status_ = std::move(status);
      return;
    }
  }
  auto state = state_.value_or(std::filesystem::path());
  if (!state_) {
    const auto configured = gateway::load_configuration({}).gateway;
    state = configured.state;
    stand_in_folder_ = configured.runtime / "spool";
  }
  folder_ = state / "spool";
  std::error_code error;
  if (std::filesystem::exists(folder_, error)) return;
  // Somebody may have named the spool itself.
  if (state_ && std::filesystem::exists(*state_ / "identity", error)) {
    folder_ = *state_;
    return;
  }
  if (error == std::errc::permission_denied) {
    throw Quit(Exit::permission, fmt::format("{} may not be read by this user; ask with sudo", folder_.string()));
  }
  throw Quit(state_ ? Exit::no_input : Exit::unavailable,
             fmt::format("there is no spool in {}{}", state.string(),
                         state_ ? "" : ", and tidegated is not running; name its state folder with --state"));
}

const spool::Inspector& SpoolPlace::inspector() {
  if (!inspector_) {
    if (access(folder_.c_str(), R_OK | X_OK) != 0 && errno == EACCES) {
      throw Quit(Exit::permission, fmt::format("{} may not be read by this user; ask with sudo", folder_.string()));
    }
    inspector_ = std::make_unique<spool::Inspector>(folder_, spool::machine_disk(), machine_clock());
  }
  return *inspector_;
}

std::vector<SpoolLane> SpoolPlace::lanes() {
  std::vector<SpoolLane> lanes;
  // A gateway whose state folder cannot be used has none there.
  std::error_code error;
  if (!live() || std::filesystem::exists(folder_, error) || error) {
    for (const auto& name : inspector().lanes()) lanes.push_back({name, false, &inspector()});
  }
  add_stand_ins(lanes);
  return lanes;
}

void SpoolPlace::add_stand_ins(std::vector<SpoolLane>& lanes) {
  std::error_code error;
  if (stand_in_folder_.empty() || !std::filesystem::exists(stand_in_folder_ / "identity", error)) return;
  if (!stand_in_) {
    stand_in_ = std::make_unique<spool::Inspector>(stand_in_folder_, spool::machine_disk(), machine_clock());
  }
  for (const auto& name : stand_in_->lanes()) {
    bool used = false;
    stand_in_->walk(name, spool::Inspector::Which::all, [&](const spool::Seen&) {
      used = true;
      return false;
    });
    if (used) lanes.push_back({name, true, stand_in_.get()});
  }
}

std::vector<SpoolLane> SpoolPlace::lane(const std::string& text) {
  auto lanes = this->lanes();
  std::string known;
  for (const auto& one : lanes) known += (known.empty() ? "" : ", ") + one.text();
  std::erase_if(lanes, [&](const SpoolLane& one) { return one.name.text() != text; });
  if (!lanes.empty()) return lanes;
  throw Quit(Exit::usage, fmt::format("there is no lane '{}' in {}; {}", text, folder_.string(),
                                      known.empty() ? "there are none" : "the lanes are " + known));
}

SpoolLane SpoolPlace::lane(const std::string& text, bool stand_in) {
  for (const auto& one : lane(text)) {
    if (one.stand_in == stand_in) return one;
  }
  throw Quit(Exit::usage, stand_in ? fmt::format("nothing stands in for {}", text)
                                   : fmt::format("{} is in memory only; say --stand-in to change it there", text));
}

}  // namespace tidegate::cli
