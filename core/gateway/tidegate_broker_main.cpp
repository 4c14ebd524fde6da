// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/version.hpp>

#include "broker/broker.hpp"
#include "config/paths.hpp"
#include "event/journal.hpp"
#include "gateway/check.hpp"
#include "gateway/cli/words.hpp"
#include "gateway/service.hpp"

namespace {

using namespace tidegate;
using namespace std::chrono_literals;

constexpr auto save_patience = 60s;  ///< for Mosquitto to write its database to a slow card

int run(const std::optional<std::filesystem::path>& file, std::filesystem::path apps) {
  auto config = gateway::load_configuration(file, config::Reader::other);
  log::set_level(config.gateway.log_level);
  if (config.broker.url) {
    log::notice("[broker] url names a broker that is there already: none of ours runs");
    return static_cast<int>(Exit::ok);
  }
  // Not those that the configuration gives the gateway.
  config.gateway.state = config::default_state();
  config.gateway.runtime = config::default_runtime();

  if (config.automations.run == false) apps.clear();

  Loop loop;
  const auto terminate = loop.signal(SIGTERM, [&] { loop.stop(); });
  const auto interrupt = loop.signal(SIGINT, [&] { loop.stop(); });
  gateway::Service service(loop);
  broker::Broker broker(loop, config.broker, config.gateway, std::move(apps),
                        std::getenv("INVOCATION_ID") != nullptr ? "systemctl reload tidegate-broker"
                                                                : "kill -HUP " + std::to_string(getpid()));
  const auto summary = [&] {
    if (broker.state() != broker::Broker::State::up) return broker.failure();
    return "local broker " + broker.url() + (broker.door_problem().empty() ? "" : "; " + broker.door_problem());
  };
  bool told = false;
  const auto tell = [&] {
    if (!std::exchange(told, true)) service.run(summary);
  };
  const auto hangup = loop.signal(SIGHUP, [&] {
    try {
      broker.reload();
      log::notice(
          "the local broker reads its users, keys and certificates again; another configuration wants a restart");
    } catch (const std::exception& error) {
      log::error("not reloaded: {}", error.what());
    }
  });
  broker.on_up([&](const std::string&) {
    broker.announce();
    tell();
  });
  // What waits for this one to be ready works without, too.
  broker.on_down([&](const std::string&) { tell(); });
  broker.start();
  log::notice("tidegate-broker {} runs", version);
  loop.run();
  log::notice("stopping");
  service.stopping();
  broker.stop(save_patience);
  return static_cast<int>(Exit::ok);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  event::log_to_journal();
  CLI::App app{
      "Keeps the local broker: a Mosquitto with the configuration that Tidegate makes for it. It outlives the gateway, "
      "so that devices stay connected and their messages wait while that is restarted.",
      "tidegate-broker"};
  std::optional<std::filesystem::path> file;
  app.add_option("-c,--config", file, "Configuration file (default: the one that tidegated reads)");
  std::filesystem::path apps;
  app.add_option("--apps", apps,
                 "Runtime folder of tidegate-apps, whose automations get the rights that they name (default: none do)");
  app.set_version_flag("--version", fmt::format("tidegate-broker {}", version));
  cli::add_manual(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
  }
  try {
    return run(file, apps);
  } catch (const std::exception& error) {
    fmt::print(stderr, "tidegate-broker: {}\n", error.what());
    return static_cast<int>(exit_status(error));
  }
}
