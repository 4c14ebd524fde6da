// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/doctor/patient.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "config/paths.hpp"
#include "gateway/check.hpp"
#include "gateway/cli/command.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* units[] = {"tidegated.service", "tidegate-broker.service", "tidegate-apps.service"};
constexpr const char* unit_folders[] = {"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system",
                                        "usr/lib/systemd/system", "lib/systemd/system"};

Unit read_unit(const std::string& name, const fs::path& file) {
  Unit unit{name, file, {}, {}};
  std::istringstream lines(read_small(file).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("User=")) unit.user = line.substr(5);
    if (!line.starts_with("SupplementaryGroups=")) continue;
    std::istringstream words(line.substr(line.find('=') + 1));
    unit.groups.insert(unit.groups.end(), std::istream_iterator<std::string>(words), {});
  }
  return unit;
}

/// The file itself and conf.d/*.toml beside it, whether they can be read or not.
std::vector<fs::path> files_of(const fs::path& file) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(file.parent_path() / "conf.d", error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".toml") files.push_back(at->path());
  }
  std::ranges::sort(files);
  files.insert(files.begin(), file);
  return files;
}

void read_configuration(Patient& patient) {
  try {
    // Without a file default_file() would look again, on this machine.
    if (patient.file || patient.here()) {
      patient.config = gateway::load_configuration(patient.file, config::Reader::other);
    } else {
      patient.config.emplace().gateway.state = "/var/lib/tidegate";
      patient.config->gateway.runtime = "/run/tidegate";
    }
  } catch (const Error& error) {
    patient.complaint = error.what();
  }
  if (!patient.file) return;
  patient.files = files_of(*patient.file);
  for (const auto& file : patient.files) {
    try {
      patient.redactions.push_back(config::redact(file));
    } catch (const Error&) {
      // What is wrong with it is in the complaint.
    }
  }
}

}  // namespace

std::optional<std::string> read_small(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::error_code error;
  if (!stream || fs::is_directory(file, error)) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

std::optional<std::string> Patient::read(const fs::path& place) const {
  return read_small(in(place));
}

const Unit* Patient::unit(const std::string& name) const {
  const auto found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? nullptr : &*found;
}

void Admission::add_options(CLI::App& command) {
  command.add_option("-c,--config", config,
                     "Configuration (default: that of the running gateway, else the one that it would read)");
  command.add_option("--root", root, "Where the file system of the machine is: / or another one's disk")
      ->check(CLI::ExistingDirectory);
  remote.add_options(command);
}

Patient Admission::admit() const {
  Patient patient;
  patient.root = fs::canonical(root);
  try {
    if (!patient.here()) throw Quit(Exit::unavailable, "only the gateway of this machine can be asked");
    patient.status = remote.ask("status");
  } catch (const Quit& quit) {
    patient.silence = quit.what();
  }
  const Json gateway = patient.status ? patient.status->value("gateway", Json::object()) : Json::object();
  std::error_code error;
  if (config) {
    patient.file = *config;
  } else if (!patient.here()) {
    if (fs::exists(patient.in("etc/tidegate/tidegate.toml"), error))
      patient.file = patient.in("etc/tidegate/tidegate.toml");
  } else if (const auto running = gateway.value("configuration", ""); !running.empty()) {
    patient.file = running;
  } else {
    patient.file = config::default_file();
  }
  read_configuration(patient);
  const auto state = patient.config ? patient.config->gateway.state : config::default_state();
  const auto runtime = patient.config ? patient.config->gateway.runtime : config::default_runtime();
  patient.state = patient.in(gateway.value("state", state.string()));
  patient.runtime = patient.in(gateway.value("runtime", runtime.string()));
  for (const auto* name : units) {
    for (const auto* folder : unit_folders) {
      const auto file = patient.in(folder) / name;
      if (!fs::exists(file, error)) continue;
      patient.units.push_back(read_unit(name, file));
      break;
    }
  }
  // What an ordinary user's own gateway would use is not there: it is the service that he asks about.
  if (patient.here() && !patient.status && patient.unit("tidegated.service") != nullptr &&
      state == config::default_state() && !fs::exists(state, error)) {
    patient.state = "/var/lib/tidegate";
    patient.runtime = "/run/tidegate";
  }
  return patient;
}

}  // namespace tidegate::cli
