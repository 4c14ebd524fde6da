// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/apps.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

namespace tidegate::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* what = "automations";
constexpr auto stop_reserve = 3s;  ///< beyond what the slowest script may take

std::string program() {
  if (auto found = event::find_beside("tidegate-apps")) return *found;
  if (auto found = event::find_program("tidegate-apps", "/usr/local/sbin:/usr/sbin")) return *found;
  throw UnavailableError(
      "there is no program tidegate-apps beside tidegated; install it, or say [automations] run = false");
}

/// Whether we are what a unit of systemd runs, not something that was started from one.
bool is_unit() {
  const char* pid = std::getenv("SYSTEMD_EXEC_PID");
  return pid != nullptr && pid == std::to_string(getpid());
}

bool has_some(const config::Automations& automations) {
  std::error_code error;
  return automations.configured || fs::is_directory(automations.folder, error);
}

}  // namespace

Apps::Apps(Loop& loop, const config::Config& config, Health& health)
    : loop_(loop), config_(config), health_(health), backoff_(1s, 1min) {}

Apps::~Apps() {
  stop();
}

bool Apps::wanted() const {
  return config_.automations.run.value_or(!is_unit()) && has_some(config_.automations);
}

fs::path Apps::accounts(const config::Config& config) {
  const auto& broker = config.broker;
  const bool ours = !broker.url && broker.folder.empty();
  return ours && config.automations.run.value_or(true) && has_some(config.automations) ? config.gateway.runtime
                                                                                       : fs::path();
}

void Apps::start() {
  if (wanted()) launch();
}

void Apps::reload(bool changed) {
  if (!wanted()) {
    next_ = {};
    health_.set(what, "");
    process_.signal(SIGTERM);
  } else if (process_) {
    if (changed) process_.signal(SIGHUP);
  } else {
    launch();
  }
}

void Apps::launch() {
  next_ = {};
  try {
    event::Launch launch;
    launch.arguments = {program()};
    if (!config_.files.empty()) {
      launch.arguments.insert(launch.arguments.end(), {"--config", fs::absolute(config_.files.front()).string()});
    }
    launch.output = STDERR_FILENO;
    launch.death_signal = SIGTERM;
    process_ = event::Process::start(launch, [](const event::Process&) {});
    started_ = std::chrono::steady_clock::now();
    end_ = loop_.watch(process_.descriptor(), EPOLLIN, [this](std::uint32_t) { ended(); });
    health_.set(what, "");
  } catch (const std::exception& error) {
    health_.set(what, error.what());
  }
}

void Apps::ended() {
  end_ = {};
  if (!wanted()) {
    process_.reap();
    return;
  }
  const auto pause = backoff_.next(std::chrono::steady_clock::now() - started_);
  health_.set(what, fmt::format("tidegate-apps: {}; started again after {} ms", event::show_end(process_.reap()),
                                pause.count()));
  next_ = loop_.after(pause, [this] { launch(); });
}

void Apps::stop() noexcept {
  end_ = {};
  next_ = {};
  if (!process_) return;
  process_.signal(SIGTERM);
  auto patience = config_.automations.usual.stop_timeout.value();
  for (const auto& script : config_.automations.scripts) {
    patience = std::max(patience, script.options.stop_timeout.value_or(0s));
  }
  if (!process_.wait(patience + stop_reserve)) {
    process_.signal(SIGKILL);
    static_cast<void>(process_.wait(1s));
  }
  process_.reap();
}

}  // namespace tidegate::gateway
