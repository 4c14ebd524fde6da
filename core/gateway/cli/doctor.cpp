// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include <tidegate/version.hpp>

#include "gateway/cli/command.hpp"
#include "gateway/cli/doctor/checks.hpp"

namespace tidegate::cli {
namespace {

struct Check {
  const char* what;
  Findings (*look)(const Patient&);
};

constexpr Check checks[] = {{"configuration", check_configuration},
                            {"gateway", check_gateway},
                            {"secrets", check_secrets},
                            {"folders", check_folders},
                            {"groups", check_groups},
                            {"gpio chips", check_chips},
                            {"python", check_python},
                            {"broker exposure", check_exposure},
                            {"broker version", check_mosquitto},
                            {"clock", check_clock},
                            {"disk space", check_space},
                            {"disk mount", check_mount},
                            {"disk wear", check_wear},
                            {"sandbox", check_sandbox}};

}  // namespace

Findings examine(const Patient& patient) {
  Findings all;
  for (const auto& [what, look] : checks) {
    try {
      for (auto& one : look(patient)) all.push_back(std::move(one));
    } catch (const std::exception& error) {
      all.push_back({Verdict::skip, what, fmt::format("could not be looked at: {}", error.what()), {}});
    }
  }
  return all;
}

void add_doctor(CLI::App& program, Run& run) {
  const auto asked = std::make_shared<Admission>();
  CLI::App* command = program.add_subcommand(
      "doctor", "Look for what keeps the gateway from working well, and say what to type; changes nothing");
  asked->add_options(*command);
  command->callback([asked, &run] {
    run = [asked] {
      const auto findings = examine(asked->admit());
      const bool fails = any_fails(findings);
      if (asked->remote.json) {
        const Json answer = {{"version", version}, {"ok", !fails}, {"checks", to_json(findings)}};
        fmt::print("{}\n", answer.dump());
      } else {
        fmt::print("{}", to_text(findings));
      }
      return fails ? Exit::failure : Exit::ok;
    };
  });
}

}  // namespace tidegate::cli
