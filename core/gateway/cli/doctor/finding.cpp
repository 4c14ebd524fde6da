// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/doctor/finding.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"

namespace tidegate::cli {
namespace {

constexpr std::array verdicts = {Verdict::ok, Verdict::warn, Verdict::fail, Verdict::skip};

const char* to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::warn:
      return "warn";
    case Verdict::fail:
      return "fail";
    case Verdict::skip:
      return "skip";
  }
  return "?";
}

}  // namespace

std::string to_text(const Findings& findings) {
  std::string text;
  for (const auto& [verdict, what, detail, mend] : findings) {
    text += fmt::format("{:<4}  {:<15}  {}\n", to_string(verdict), what, harmless(detail));
    if (!mend.empty()) text += fmt::format("{:>23}{}\n", "mend it: ", harmless(mend));
  }
  std::string counts;
  for (const auto verdict : verdicts) {
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ",
                          std::ranges::count(findings, verdict, &Finding::verdict), to_string(verdict));
  }
  return text + counts + '\n';
}

Json to_json(const Findings& findings) {
  Json checks = Json::array();
  for (const auto& [verdict, what, detail, mend] : findings)
    checks.push_back(
        {{"verdict", to_string(verdict)}, {"what", what}, {"detail", harmless(detail)}, {"mend", harmless(mend)}});
  return checks;
}

bool any_fails(const Findings& findings) noexcept {
  return std::ranges::any_of(findings, [](const Finding& one) { return one.verdict == Verdict::fail; });
}

}  // namespace tidegate::cli
