// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <CLI/CLI.hpp>

#include "gateway/cli/command.hpp"
#include "gateway/cli/spool_place.hpp"

namespace tidegate::cli {

/// Each adds one subcommand to `tidegate spool`.
void add_spool_ls(CLI::App& spool, Run& run);
void add_spool_peek(CLI::App& spool, Run& run);
void add_spool_why(CLI::App& spool, Run& run);
void add_spool_verify(CLI::App& spool, Run& run);
void add_spool_export(CLI::App& spool, Run& run);
void add_spool_replay(CLI::App& spool, Run& run);
void add_spool_drop(CLI::App& spool, Run& run);

}  // namespace tidegate::cli
