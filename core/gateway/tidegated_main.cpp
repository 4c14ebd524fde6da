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

#ifdef TIDEGATE_DBUS
#include "dbus/dbus.hpp"
#endif
#include "gateway/check.hpp"
#include "gateway/gateway.hpp"

namespace {

int run(const std::optional<std::filesystem::path>& file) {
  using namespace tidegate;
  auto config = gateway::load_configuration(file);
  log::set_level(config.gateway.log_level);
  for (const auto& warning : config.warnings) log::warning("{}: {}", warning.where, warning.what);
  for (const auto& read : config.files) log::info("configuration: {}", read.string());

  Loop loop;
  // Before any thread starts, so that every thread has these signals blocked.
  const auto terminate = loop.signal(SIGTERM, [&] { loop.stop(); });
  const auto interrupt = loop.signal(SIGINT, [&] { loop.stop(); });
  const auto hangup =
      loop.signal(SIGHUP, [] { log::notice("SIGHUP: restart tidegated to apply a new configuration"); });
  gateway::Gateway gateway(loop, std::move(config));
  gateway.start();
#ifdef TIDEGATE_DBUS
  dbus::Dbus dbus(loop, gateway.configuration().dbus, gateway.control(),
                  gateway.configuration().gateway.runtime / "apps.sock",
                  {[&](bool there, const std::string& why) { gateway.network(there, why); }, [&] { gateway.hurry(); },
                   [&](std::function<void()> done) { gateway.flush(std::move(done)); }, [&] { gateway.woke(); },
                   [&](const std::string& by) { gateway.clock_synchronized(by); }});
#endif
  log::notice("tidegated {} runs", version);
  loop.run();
  log::notice("stopping");
  gateway.stop();
  return static_cast<int>(Exit::ok);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{
      "The Tidegate gateway: runs the local broker, reads plugins, and forwards what is published to upstream "
      "brokers through a durable spool.",
      "tidegated"};
  std::optional<std::filesystem::path> file;
  app.add_option("-c,--config", file, "Configuration file (default: the one in $CONFIGURATION_DIRECTORY, XDG or /etc)");
  app.set_version_flag("--version", fmt::format("tidegated {}", tidegate::version));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(tidegate::Exit::usage);
  }
  try {
    return run(file);
  } catch (const std::exception& error) {
    fmt::print(stderr, "tidegated: {}\n", error.what());
    return static_cast<int>(tidegate::exit_status(error));
  }
}
