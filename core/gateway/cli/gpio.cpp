// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#ifdef TIDEGATE_GPIO
#include "gateway/cli/gpio/commands.hpp"
#else
#include "gateway/cli/command.hpp"
#endif

namespace tidegate::cli {

void add_gpio(CLI::App& program, Run& run) {
  CLI::App* gpio = program.add_subcommand("gpio", "Look at GPIO lines, read, set and watch them");
#ifdef TIDEGATE_GPIO
  gpio->require_subcommand(1);
  add_gpio_info(*gpio, run);
  add_gpio_get(*gpio, run);
  add_gpio_set(*gpio, run);
  add_gpio_mon(*gpio, run);
#else
  gpio->allow_extras();
  gpio->callback([&run] {
    run = []() -> Exit {
      throw Quit(
          Exit::unavailable,
          "this tidegate was built without GPIO (TIDEGATE_PLUGIN_GPIO=OFF); build it with, which takes libgpiod 2");
    };
  });
#endif
}

}  // namespace tidegate::cli
