// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/spool_commands.hpp"

namespace tidegate::cli {

void add_spool(CLI::App& program, Run& run) {
  CLI::App* spool =
      program.add_subcommand("spool", "Look into the spool, of a running gateway or of one that is not running");
  spool->require_subcommand(1);
  add_spool_ls(*spool, run);
  add_spool_peek(*spool, run);
  add_spool_why(*spool, run);
  add_spool_verify(*spool, run);
  add_spool_export(*spool, run);
  add_spool_replay(*spool, run);
  add_spool_drop(*spool, run);
}

}  // namespace tidegate::cli
