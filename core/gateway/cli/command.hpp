// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include <tidegate/error.hpp>

namespace tidegate::cli {

/// What a subcommand does once the command line has been understood.
using Run = std::function<Exit()>;

/// Each adds one subcommand, which sets run when it was the one asked for.
void add_check(CLI::App& program, Run& run);
void add_pub(CLI::App& program, Run& run);
void add_sub(CLI::App& program, Run& run);
void add_status(CLI::App& program, Run& run);
void add_reload(CLI::App& program, Run& run);
void add_spool(CLI::App& program, Run& run);
void add_app(CLI::App& program, Run& run);
void add_broker(CLI::App& program, Run& run);
void add_upstream(CLI::App& program, Run& run);
void add_drain(CLI::App& program, Run& run);
void add_gpio(CLI::App& program, Run& run);
void add_doctor(CLI::App& program, Run& run);
void add_diag(CLI::App& program, Run& run);
/// The subcommands completion and manual, of the whole program.
void add_words(CLI::App& program, Run& run);

/// Ends the program: what() goes to standard error, exit() is its status.
class Quit final : public Error {
 public:
  Quit(Exit exit, const std::string& why) : Error(why), exit_(exit) {}
  [[nodiscard]] Exit exit() const noexcept { return exit_; }

 private:
  Exit exit_;
};

}  // namespace tidegate::cli
