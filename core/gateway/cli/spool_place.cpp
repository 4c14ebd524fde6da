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
      status_ = std::move(status);
      folder_ = theirs / "spool";
      return;
    }
  }
  const auto state = state_ ? *state_ : gateway::load_configuration({}).gateway.state;
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

spool::LaneName SpoolPlace::lane(const std::string& text) {
  const auto lanes = inspector().lanes();
  const auto found = std::ranges::find(lanes, text, &spool::LaneName::text);
  if (found != lanes.end()) return *found;
  std::string known;
  for (const auto& one : lanes) known += (known.empty() ? "" : ", ") + one.text();
  throw Quit(Exit::usage, fmt::format("there is no lane '{}' in {}; {}", text, folder_.string(),
                                      known.empty() ? "there are none" : "the lanes are " + known));
}

}  // namespace tidegate::cli
