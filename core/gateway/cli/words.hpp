// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace tidegate::cli {

/// What a shell reads to complete a program's command line: "bash", "zsh" or "fish". Files are completed where no word
/// of the program fits.
[[nodiscard]] std::string completion(const CLI::App& program, const std::string& shell);

/// The program's manual page, as troff. section: 1 for commands, 8 for daemons.
[[nodiscard]] std::string manual(const CLI::App& program, int section);

/// Adds --manual to a daemon, which prints its page and ends the program.
void add_manual(CLI::App& program);

}  // namespace tidegate::cli
