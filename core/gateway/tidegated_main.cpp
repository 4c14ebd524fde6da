// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/version.hpp>

#include "base/events.hpp"
#ifdef TIDEGATE_DBUS
#include "dbus/dbus.hpp"
#endif
#include "event/journal.hpp"
#include "gateway/check.hpp"
#include "gateway/cli/words.hpp"
#include "gateway/gateway.hpp"
#include "gateway/service.hpp"

namespace {

int run(const std::optional<std::filesystem::path>& file, const std::filesystem::path& broker) {
  using namespace tidegate;
  auto config = gateway::load_configuration(file);
  config.broker.folder = broker;
  log::set_level(config.gateway.log_level);
  for (const auto& warning : config.warnings) log::warning("{}: {}", warning.where, warning.what);
  for (const auto& read : config.files) log::info("configuration: {}", read.string());

  Loop loop;
  // Before any thread starts, so that every thread has these signals blocked.
  const auto terminate = loop.signal(SIGTERM, [&] { loop.stop(); });
  const auto interrupt = loop.signal(SIGINT, [&] { loop.stop(); });
  gateway::Gateway* running = nullptr;
  const auto hangup = loop.signal(SIGHUP, [&] { running->reload(); });
  gateway::Service service(loop);
  gateway::Gateway gateway(loop, std::move(config));
  gateway.on_draining([&](bool progress) { service.draining(progress); });
  gateway.reloads_with([file, broker] {
    auto read = gateway::load_configuration(file);
    read.broker.folder = broker;
    return read;
  });
  running = &gateway;
  gateway.start();
#ifdef TIDEGATE_DBUS
  dbus::Dbus dbus(loop, gateway.configuration().dbus, gateway.control(),
                  gateway.configuration().gateway.runtime / "apps.sock",
                  {[&](bool there, const std::string& why) { gateway.network(there, why); }, [&] { gateway.hurry(); },
                   [&](std::function<void()> done) { gateway.flush(std::move(done)); }, [&] { gateway.woke(); },
                   [&](const std::string& by) { gateway.clock_synchronized(by); }});
#endif
  {
    const log::Field event(log::events::field, log::events::started);
    log::notice("tidegated {} runs", version);
  }
  service.run([&] { return gateway.summary(); });
  loop.run();
  log::notice("stopping");
  service.stopping();
  gateway.stop();
  return static_cast<int>(Exit::ok);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  tidegate::event::log_to_journal();
  CLI::App app{
      "The Tidegate gateway: runs the local broker, reads plugins, and forwards what is published to upstream "
      "brokers through a durable spool.",
      "tidegated"};
  std::optional<std::filesystem::path> file;
  app.add_option("-c,--config", file, "Configuration file (default: the one in $CONFIGURATION_DIRECTORY, XDG or /etc)");
  std::filesystem::path broker;
  app.add_option("--broker", broker,
                 "Runtime folder of a tidegate-broker: it keeps the local broker, and the gateway starts none");
  app.set_version_flag("--version", fmt::format("tidegated {}", tidegate::version));
  tidegate::cli::add_manual(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(tidegate::Exit::usage);
  }
  try {
    return run(file, broker);
  } catch (const std::exception& error) {
    fmt::print(stderr, "tidegated: {}\n", error.what());
    return static_cast<int>(tidegate::exit_status(error));
  }
}
