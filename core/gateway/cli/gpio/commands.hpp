// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include "gateway/cli/command.hpp"

namespace tidegate::cli {

/// Each adds one subcommand to `tidegate gpio`.
void add_gpio_info(CLI::App& gpio, Run& run);
void add_gpio_get(CLI::App& gpio, Run& run);
void add_gpio_set(CLI::App& gpio, Run& run);
void add_gpio_mon(CLI::App& gpio, Run& run);

}  // namespace tidegate::cli
