// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "gateway/cli/gpio/commands.hpp"
#include "gateway/cli/gpio/states.hpp"
#include "gateway/cli/gpio/target.hpp"

namespace tidegate::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 3s;  ///< for a retained state

struct Arguments {
  OurLines ours;
  LineSettings settings;
  std::vector<std::string> lines;
  bool json = false;
};

Exit get(Arguments& arguments) {
  arguments.ours.load();
  const gpio::Chips chips = gpio::chips();
  std::vector<Target> targets;
  std::vector<std::string> topics;
  for (const std::string& word : arguments.lines) {
    targets.push_back(find_target(word, arguments.ours, chips));
    if (targets.back().gateway_has_it) topics.push_back(targets.back().ours->topic);
  }
  std::unique_ptr<States> states;
  if (!topics.empty()) states = std::make_unique<States>(arguments.ours.client_options(), topics);
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  std::string text;
  for (const Target& target : targets) {
    std::string value;
    if (target.gateway_has_it) {
      const auto state = states->wait_for(target.ours->topic, patience);
      if (!state) {
        throw Quit(Exit::unavailable,
                   fmt::format("the gateway holds {}, but no state of it is on {} (tidegate status says "
                               "what is wrong)",
                               target.word, target.ours->topic));
      }
      value = *state;
    } else {
      gpio::LineOptions options = arguments.settings.of(target);
      // An output keeps driving, and a line that is no GPIO now stays what it is.
      options.as_is = target.line->output || options.bias == gpio::Bias::as_is;
      value = gpio::Line(*target.line, options).get() ? "ON" : "OFF";
    }
    text += fmt::format("{}={}\n", target.word, value);
    object[target.word] = value;
  }
  fmt::print("{}", arguments.json ? object.dump() + '\n' : text);
  return Exit::ok;
}

}  // namespace

void add_gpio_get(CLI::App& gpio, Run& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      gpio.add_subcommand("get", "Read lines without changing what they are; what the gateway holds is asked of it");
  command->add_option("lines", arguments->lines, "Lines, or our names for them")->required();
  command->add_flag("--json", arguments->json, "Print one JSON object");
  arguments->settings.add_options(*command);
  arguments->ours.add_options(*command);
  command->callback([arguments, &run] { run = [arguments] { return get(*arguments); }; });
}

}  // namespace tidegate::cli
