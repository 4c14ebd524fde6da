// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <tidegate/error.hpp>
#include <tidegate/gpio.hpp>

#include "gateway/cli/gpio/commands.hpp"
#include "gateway/cli/gpio/our_lines.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  OurLines ours;
  std::optional<std::string> which;
  bool json = false;
};

/// Leaves only what was asked for: a chip by path, name, label or device, or else a line.
void narrow(gpio::Chips& all, const std::string& which, const OurLines& ours) {
  std::vector<gpio::ChipInfo> some;
  for (const gpio::ChipInfo& chip : all.chips) {
    if (which == chip.path || which == chip.name || which == chip.label || which == chip.device) some.push_back(chip);
  }
  if (some.empty()) {
    const OurLine* our = ours.named(which);
    gpio::LineInfo line;
    try {
      line = gpio::find_line(our == nullptr ? which : our->line, all);
    } catch (const ConfigError& error) {
      throw Quit(Exit::usage, error.what());
    }
    for (const gpio::ChipInfo& chip : all.chips) {
      if (chip.path != line.chip) continue;
      some.push_back(chip);
      some.back().lines = {line};
    }
  }
  all.chips = std::move(some);
}

Json to_json(const gpio::Chips& all, const OurLines& ours, const gpio::Chips& machine) {
  Json chips = Json::array();
  for (const gpio::ChipInfo& chip : all.chips) {
    Json lines = Json::array();
    for (const gpio::LineInfo& line : chip.lines) {
      const OurLine* our = ours.of(line, machine);
      lines.push_back({{"offset", line.offset},
                       {"name", line.name},
                       {"header", line.header},
                       {"direction", line.output ? "output" : "input"},
                       {"active_low", line.active_low},
                       {"bias", line.bias},
                       {"used", line.used},
                       {"consumer", line.consumer},
                       {"our_name", our == nullptr ? "" : our->name}});
    }
    chips.push_back({{"path", chip.path.string()},
                     {"name", chip.name},
                     {"label", chip.label},
                     {"device", chip.device},
                     {"lines", std::move(lines)}});
  }
  Json refused = Json::array();
  for (const auto& path : all.refused) refused.push_back({{"path", path.string()}, {"mend", gpio::how_to_open(path)}});
  return {{"chips", std::move(chips)}, {"refused", std::move(refused)}};
}

std::string to_text(const gpio::Chips& all, const OurLines& ours, const gpio::Chips& machine) {
  Table table({"CHIP", "LABEL", ">OFFSET", "LINE", "HEADER", "DIRECTION", "ACTIVE", "HELD BY", "OUR NAME"});
  const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  for (const gpio::ChipInfo& chip : all.chips) {
    for (const gpio::LineInfo& line : chip.lines) {
      const OurLine* our = ours.of(line, machine);
      table.add({chip.name, chip.label, fmt::format("{}", line.offset), or_dash(line.name), or_dash(line.header),
                 line.output ? "output" : "input", line.active_low ? "low" : "high",
                 line.used ? (line.consumer.empty() ? "(unnamed)" : line.consumer) : "-",
                 our == nullptr ? "-" : our->name});
    }
  }
  return table.empty() ? "" : table.text();
}

Exit info(Arguments& arguments) {
  const gpio::Chips machine = gpio::chips();
  arguments.ours.load();
  gpio::Chips all = machine;
  if (arguments.which) narrow(all, *arguments.which, arguments.ours);
  if (arguments.json) {
    fmt::print("{}\n", to_json(all, arguments.ours, machine).dump());
  } else {
    fmt::print("{}", to_text(all, arguments.ours, machine));
    for (const auto& path : all.refused) {
      fmt::print(stderr, "tidegate: this user may not open {}; to be let in: {}\n", path.string(),
                 gpio::how_to_open(path));
    }
  }
  if (!all.chips.empty()) return Exit::ok;
  if (!all.refused.empty()) return Exit::permission;
  throw Quit(Exit::unavailable,
             "this machine shows no GPIO chip (/dev/gpiochip*); in a container, pass the chip to it");
}

}  // namespace

void add_gpio_info(CLI::App& gpio, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = gpio.add_subcommand("info", "Show chips and lines, who holds them, and our names for them");
  command->add_option("which", arguments->which, "One chip (label, device or path) or one line");
  command->add_flag("--json", arguments->json, "Print the answer as JSON");
  arguments->ours.add_options(*command);
  command->callback([arguments, &run] { run = [arguments] { return info(*arguments); }; });
}

}  // namespace tidegate::cli
