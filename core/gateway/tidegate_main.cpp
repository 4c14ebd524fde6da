// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <tidegate/log.hpp>
#include <tidegate/version.hpp>

#include "gateway/cli/command.hpp"

namespace {

using namespace tidegate;

Exit complain(const std::exception& error, Exit exit) {
  fmt::print(stderr, "tidegate: {}\n", error.what());
  return exit;
}

/// Every (sub)command says which version it is.
void add_version(CLI::App& command) {
  command.set_version_flag("--version", fmt::format("tidegate {}", version));
  for (CLI::App* below : command.get_subcommands({})) add_version(*below);
}

Exit run(int argc, char** argv) {
  CLI::App program{
      "The command line of Tidegate: publish and subscribe on this machine, and see what its gateway does.",
      "tidegate"};
  // -h is the host, as Mosquitto's clients have it.
  program.set_help_flag("--help", "Print this help");
  program.require_subcommand(1);
  program.failure_message(CLI::FailureMessage::simple);
  cli::Run command;
  cli::add_check(program, command);
  cli::add_pub(program, command);
  cli::add_sub(program, command);
  cli::add_status(program, command);
  cli::add_reload(program, command);
  cli::add_spool(program, command);
  cli::add_app(program, command);
  cli::add_broker(program, command);
  cli::add_upstream(program, command);
  cli::add_drain(program, command);
  cli::add_gpio(program, command);
  cli::add_doctor(program, command);
  cli::add_diag(program, command);
  cli::add_words(program, command);
  add_version(program);
  try {
    program.parse(argc, argv);
    return command();
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? Exit::ok : Exit::usage;
  } catch (const cli::Quit& quit) {
    return complain(quit, quit.exit());
  } catch (const std::exception& error) {
    return complain(error, exit_status(error));
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Writing to a reader that is gone is no death, but the end of the work.
  std::signal(SIGPIPE, SIG_IGN);
  log::set_level(log::Level::error);
  const Exit exit = run(argc, argv);
  // The last of it may not fit on a full disk.
  return static_cast<int>(std::fflush(stdout) != 0 && exit == Exit::ok && errno != EPIPE ? Exit::os_error : exit);
}
