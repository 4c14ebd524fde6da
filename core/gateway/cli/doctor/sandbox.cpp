// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <fmt/format.h>

#include "gateway/cli/ask_program.hpp"
#include "gateway/cli/doctor/checks.hpp"

namespace tidegate::cli {
namespace {

/// What systemd gives a unit of ours at most, of 10, 10 being open.
struct Limit {
  const char* unit;
  double most;
};
constexpr Limit limits[] = {{"tidegated.service", 2.0}, {"tidegate-broker.service", 1.5}};

Finding look(const Unit& unit, double most) {
  const char* const what = "sandbox";
  const auto said = ask_program({"systemd-analyze", "--no-pager", "security", "--offline=true", unit.file.string()});
  if (!said) return {Verdict::skip, what, "there is no systemd-analyze, or it does not answer", {}};
  const auto mark = said->text.find("exposure level for ");
  const auto colon = mark == said->text.npos ? mark : said->text.find(": ", mark);
  if (colon == said->text.npos)
    return {Verdict::skip, what, fmt::format("systemd-analyze does not know how exposed {} is", unit.name), {}};
  const double score = std::strtod(said->text.c_str() + colon + 2, nullptr);
  const auto detail = fmt::format("{} is exposed {:.1f} of 10, at most {:.1f} are meant", unit.name, score, most);
  if (score <= most) return {Verdict::ok, what, detail, {}};
  return {Verdict::fail, what, detail,
          fmt::format("systemctl cat {0}   (what opens it: systemd-analyze security {0}; undo a drop-in: sudo "
                      "systemctl revert {0})",
                      unit.name)};
}

}  // namespace

Findings check_sandbox(const Patient& patient) {
  Findings found;
  for (const auto& [name, most] : limits) {
    if (const auto* unit = patient.unit(name)) found.push_back(look(*unit, most));
  }
  if (found.empty())
    found.push_back({Verdict::skip, "sandbox", "no unit of ours is installed: what was started by hand has none", {}});
  return found;
}

}  // namespace tidegate::cli
