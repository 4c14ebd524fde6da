// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "gateway/cli/doctor/checks.hpp"
#include "gateway/cli/lanes.hpp"

namespace tidegate::cli {

Findings check_configuration(const Patient& patient) {
  const char* const what = "configuration";
  if (!patient.file) return {{Verdict::ok, what, "there is none: a local broker, and the figures of this machine", {}}};
  Findings found;
  for (const auto& file : patient.files) {
    if (patient.here() && access(file.c_str(), F_OK) == 0 && access(file.c_str(), R_OK) != 0)
      return {{Verdict::skip, what, fmt::format("this user may not read {}", file.string()), "sudo tidegate doctor"}};
  }
  std::istringstream complaints(patient.complaint);
  for (std::string line; std::getline(complaints, line);)
    found.push_back({Verdict::fail, what, line, fmt::format("sudoedit {}", patient.file->string())});
  if (!patient.config) return found;
  for (const auto& [where, why] : patient.config->warnings)
    found.push_back({Verdict::warn, what, fmt::format("{}: {}", where, why), {}});
  if (found.empty()) found.push_back({Verdict::ok, what, fmt::format("{} is valid", patient.file->string()), {}});
  return found;
}

Findings check_gateway(const Patient& patient) {
  const char* const what = "gateway";
  if (!patient.status) return {{Verdict::skip, what, patient.silence, {}}};
  const Json& status = *patient.status;
  Findings found;
  const Json health = status.value("health", Json::object());
  for (const auto& problem : health.value("problems", Json::array()))
    found.push_back({Verdict::warn, what, fmt::format("{}: {}", show(problem, "what"), show(problem, "why")), {}});
  const Json gateway = status.value("gateway", Json::object());
  if (found.empty())
    found.push_back({Verdict::ok,
                     what,
                     fmt::format("tidegate {} runs as {}, and is well", show(gateway, "version"), show(gateway, "id")),
                     {}});
  return found;
}

}  // namespace tidegate::cli
