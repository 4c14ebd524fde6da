// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// The Python that runs automations, and how the module comes to it.
#include <fmt/format.h>

#include "automation/folder.hpp"
#include "event/process.hpp"
#include "gateway/cli/ask_program.hpp"
#include "gateway/cli/doctor/checks.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;

const char* const question = R"(
import importlib.util, json, os, sys, sysconfig
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "venv": sys.prefix != sys.base_prefix,
    "managed": os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")),
    "module": importlib.util.find_spec("tidegate") is not None,
}))
)";

const char* const routes =
    "python3 -m venv --system-site-packages /opt/automations, there pip install . in Tidegate's sources, and "
    "[automations] python = "
    "\"/opt/automations\"; or Debian's package: sudo apt-get install python3-tidegate; for the programs alone: pipx "
    "install .";

/// The interpreter that automations are run with.
std::string interpreter(const Patient& patient) {
  if (!patient.config || !patient.config->automations.usual.python)
    return event::find_beside("python3").value_or("python3");
  const auto& python = *patient.config->automations.usual.python;
  std::error_code error;
  return (fs::is_directory(python, error) ? python / "bin/python" : python).string();
}

bool has_automations(const config::Automations& automations) {
  return automations.configured || !automation::scripts_in(automations.folder).empty();
}

Findings look_at_disk(const Patient& patient) {
  std::error_code error;
  for (fs::directory_iterator at(patient.in("usr/lib"), error), end; !error && at != end; at.increment(error)) {
    if (!at->path().filename().string().starts_with("python3") || !fs::exists(at->path() / "EXTERNALLY-MANAGED", error))
      continue;
    return {{Verdict::warn, "python",
             fmt::format("{} is externally managed (PEP 668): pip installs into virtual environments alone",
                         at->path().filename().string()),
             routes}};
  }
  return {{Verdict::skip,
           "python",
           "is not externally managed; which modules it has can be asked on its own machine alone",
           {}}};
}

}  // namespace

Findings check_python(const Patient& patient) {
  const char* const what = "python";
  if (!patient.here()) return look_at_disk(patient);
  const auto program = interpreter(patient);
  const auto said = ask_program({program, "-c", question});
  if (!said)
    return {{Verdict::warn, what, fmt::format("there is no {}, or it does not answer: automations cannot run", program),
             "sudo apt-get install python3 python3-venv"}};
  const Json answer = Json::parse(said->text, nullptr, false);
  if (said->status != 0 || !answer.is_object())
    return {{Verdict::warn, what, fmt::format("{} does not work: {}", program, said->text.substr(0, 200)), {}}};
  const auto version = fmt::format("{} {}", program, answer.value("version", "?"));
  const bool managed = answer.value("managed", false);
  const bool venv = answer.value("venv", false);
  const char* const kind = venv      ? "a virtual environment"
                           : managed ? "externally managed (PEP 668)"
                                     : "the system's, where pip may install";
  if (answer.value("module", false))
    return {{Verdict::ok, what, fmt::format("{} ({}) has the module tidegate", version, kind), {}}};
  const auto mend = venv ? fmt::format("{} -m pip install .   (in Tidegate's sources)", program) : std::string(routes);
  if (!patient.config || !has_automations(patient.config->automations))
    return {{Verdict::skip, what,
             fmt::format("{} ({}) has no module tidegate, and there is no automation", version, kind), mend}};
  return {{Verdict::warn, what,
           fmt::format("{} ({}) has no module tidegate: automations that import it end at once", version, kind), mend}};
}

}  // namespace tidegate::cli
