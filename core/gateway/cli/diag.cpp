// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "gateway/cli/bundle.hpp"
#include "gateway/cli/command.hpp"
#include "gateway/cli/doctor/patient.hpp"

namespace tidegate::cli {
namespace {

struct Asked {
  Admission admission;
  std::string output;
};

Exit make(const Asked& asked) {
  const auto name = fmt::format("tidegate-diag-{:%Y%m%d-%H%M%S}", fmt::gmtime(std::time(nullptr)));
  const std::filesystem::path file = asked.output.empty() ? name + ".tar.gz" : asked.output;
  const Bundle bundle(asked.admission.admit());
  bundle.write(file, name);
  if (asked.admission.remote.json) {
    Json answer = {{"file", file.string()}, {"parts", Json::array()}, {"left_out", bundle.left_out()}};
    for (const auto& [part, text] : bundle.parts()) answer["parts"].push_back(part);
    fmt::print("{}\n", answer.dump());
    return Exit::ok;
  }
  fmt::print("{}, which only you can read, has:\n", file.string());
  for (const auto& [part, text] : bundle.parts()) fmt::print("  {}\n", part);
  fmt::print("Left out:\n");
  for (const auto& what : bundle.left_out()) fmt::print("  {}\n", what);
  fmt::print("Look through it before you send it: tar -xzf {}\n", file.string());
  return Exit::ok;
}

}  // namespace

void add_diag(CLI::App& program, Run& run) {
  const auto asked = std::make_shared<Asked>();
  CLI::App* command = program.add_subcommand(
      "diag", "Put what a report of a problem needs into one file, without passwords and messages");
  command->add_option(
      "-o,--output", asked->output,
      "The file, a .tar.gz that is not there yet (default: tidegate-diag-<time>.tar.gz in this folder)");
  asked->admission.add_options(*command);
  command->callback([asked, &run] { run = [asked] { return make(*asked); }; });
}

}  // namespace tidegate::cli
