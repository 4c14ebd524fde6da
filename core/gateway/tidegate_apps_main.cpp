// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <tidegate/client.hpp>
#include <tidegate/error.hpp>
#include <tidegate/log.hpp>
#include <tidegate/version.hpp>

#include "automation/supervisor.hpp"
#include "config/difference.hpp"
#include "control/server.hpp"
#include "event/journal.hpp"
#include "gateway/app_identities.hpp"
#include "gateway/app_verbs.hpp"
#include "gateway/check.hpp"
#include "gateway/cli/words.hpp"
#include "gateway/service.hpp"

namespace {

using namespace tidegate;

/// Tells the states of scripts on <base>/<gateway>/app/<name>/state, retained.
class Announcer {
 public:
  explicit Announcer(const config::Config& config) : config_(config), client_(options(config)) { client_.start(); }

  void tell(const automation::Script& script) {
    const bool gone = script.state() == automation::Script::State::gone;
    const std::string state = gone ? "" : automation::to_string(script.state());
    if (const auto known = told_.find(script.name()); known != told_.end() && known->second == state) return;
    told_[script.name()] = state;
    std::string level = script.name();
    for (char& letter : level) {
      if (letter == '/' || letter == '+' || letter == '#') letter = '-';
    }
    Message message;
    message.topic = config_.gateway.topic("app/" + level + "/state");
    message.payload = state;
    message.retain = true;
    try {
      client_.publish(std::move(message));
    } catch (const Error& error) {
      log::warning("the state of {} is not told: {}", script.name(), error.what());
    }
  }

  void stop() noexcept { client_.stop(std::chrono::seconds(1)); }

 private:
  static ClientOptions options(const config::Config& config) {
    ClientOptions options;
    options.client_id = fmt::format("tidegate-{}-apps", config.gateway.id);
    options.username = config.broker.username;
    options.password = config.broker.password;
    options.inbox = 16;
    return options;
  }

  const config::Config& config_;
  Client client_;
  std::map<std::string, std::string> told_;
};

int run(const std::optional<std::filesystem::path>& file, const std::filesystem::path& broker) {
  auto config = gateway::load_configuration(file, config::Reader::other);
  log::set_level(config.gateway.log_level);
  if (config.automations.run == false) {
    log::notice("[automations] run = false: no automation runs");
    return static_cast<int>(Exit::ok);
  }
  // For the scripts, and for our own client: there the address of the local broker is.
  setenv("RUNTIME_DIRECTORY", config.gateway.runtime.c_str(), 1);

  Loop loop;
  // Before any thread starts, so that every thread has these signals blocked.
  std::optional<automation::Supervisor> supervisor;
  gateway::Service service(loop);
  const auto end = [&] {
    log::notice("stopping the automations");
    service.stopping();
    supervisor->stop([&] { loop.stop(); });
  };
  const auto terminate = loop.signal(SIGTERM, end);
  const auto interrupt = loop.signal(SIGINT, end);
  control::Control control;
  // {"applied":true}, or {"applied":false,"why":"…"}: then nothing has changed.
  const auto reload = [&]() -> control::Json {
    try {
      auto next = gateway::load_configuration(file);
      const auto found = config::difference(config, next);
      for (const auto& what : found.restart) throw Error(fmt::format("a restart is needed for {}", what));
      std::swap(config, next);
      log::set_level(config.gateway.log_level);
      log::notice("the configuration was read again");
      if (config.automations.run == false) {
        end();
      } else {
        supervisor->reload(next.automations);
      }
      return {{"applied", true}};
    } catch (const std::exception& error) {
      log::error("nothing is changed: {}", error.what());
      return {{"applied", false}, {"why", error.what()}};
    }
  };
  control.add("reload", [&](const control::Json&) { return reload(); });
  const auto hangup = loop.signal(SIGHUP, [&] { reload(); });
  std::filesystem::create_directories(config.gateway.runtime);
  // The socket first: it is what tells two supervisors of one place apart.
  const control::Server server(loop, config.gateway.runtime / "apps.sock", control);
  Announcer announcer(config);
  gateway::AppIdentities identities(loop, config, broker.empty() ? config.gateway.runtime : broker,
                                    [&] { supervisor->broker_moved(); });
  supervisor.emplace(
      loop, config,
      [&](const automation::Script& script) {
        if (script.state() == automation::Script::State::gone) identities.forget(script.name());
        announcer.tell(script);
      },
      [&](const std::string& name, const auto& options) { return identities.identify(name, options); });
  gateway::add_app_verbs(control, *supervisor);
  supervisor->start();
  log::notice("tidegate-apps {} runs", version);
  service.run([&] {
    const auto& scripts = supervisor->scripts();
    const auto running = std::ranges::count_if(
        scripts, [](const auto& one) { return one.second->state() == automation::Script::State::running; });
    return fmt::format("{} of {} automations run", running, scripts.size());
  });
  loop.run();
  announcer.stop();
  return static_cast<int>(Exit::ok);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  event::log_to_journal();
  CLI::App app{"The supervisor of automations: runs every Python script of a folder, each as a process of its own.",
               "tidegate-apps"};
  std::optional<std::filesystem::path> file;
  app.add_option("-c,--config", file, "Configuration file (default: the one that tidegated reads)");
  std::filesystem::path broker;
  app.add_option("--broker", broker,
                 "Runtime folder of who keeps the local broker (default: the gateway's, from the configuration)");
  app.set_version_flag("--version", fmt::format("tidegate-apps {}", version));
  cli::add_manual(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
  }
  try {
    return run(file, broker);
  } catch (const std::exception& error) {
    fmt::print(stderr, "tidegate-apps: {}\n", error.what());
    return static_cast<int>(exit_status(error));
  }
}
