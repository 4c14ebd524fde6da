// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/bundle.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <tidegate/clock.hpp>
#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/version.hpp>

#include "base/text.hpp"
#include "config/redaction.hpp"
#include "event/scratch.hpp"
#include "gateway/cli/ask_program.hpp"
#include "gateway/cli/doctor/checks.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto tar_patience = 60s;
constexpr auto journal_patience = 20s;
constexpr const char* never =
    "passwords, user names, private keys, payloads of messages, what automations print, comments of the configuration";

/// The value of a line that names a secret or a key's file; mosquitto.conf has the two with a blank between them.
std::string without_values(const std::string& text) {
  std::string made;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto key = line.substr(0, line.find(' '));
    const bool secret = key.find("password") != key.npos || key.find("username") != key.npos || key == "keyfile" ||
                        key.find("psk") != key.npos;
    made += secret && key != line && key != "password_file" ? key + ' ' + config::left_out : line;
    made += '\n';
  }
  return made;
}

std::string text_of(const Json& entry, const char* field) {
  const auto found = entry.find(field);
  // What is no text is a list of bytes there.
  return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string journal_line(const std::string& entry) {
  const Json json = Json::parse(entry, nullptr, false);
  if (!json.is_object() || json.contains("TIDEGATE_APP")) return {};
  std::string message = text_of(json, "MESSAGE");
  if (json.contains("TIDEGATE_TOPIC")) {
    const auto first = message.find('"');
    const auto last = message.rfind('"');
    if (first < last && last != message.npos) message.replace(first, last + 1 - first, config::left_out);
  }
  std::int64_t microseconds = 0;
  const auto stamp = text_of(json, "__REALTIME_TIMESTAMP");
  std::from_chars(stamp.data(), stamp.data() + stamp.size(), microseconds);
  return fmt::format("{} {}: {}\n", iso8601(WallTime{std::chrono::microseconds{microseconds}}),
                     text_of(json, "SYSLOG_IDENTIFIER"), harmless(message));
}

Bundle::Bundle(const Patient& patient) {
  for (const auto& redaction : patient.redactions)
    secrets_.insert(secrets_.end(), redaction.secrets.begin(), redaction.secrets.end());
  left_out_.push_back(fmt::format("always: {}", never));
  add_machine(patient);
  add_configuration(patient);
  add_gateway(patient);
  add_spool(patient);
  add_mosquitto(patient);
  add_journal();
  std::string read_me = fmt::format("What tidegate {} collected with `tidegate diag` at {}.\n\nLeft out:\n", version,
                                    iso8601(machine_clock().wall()));
  for (const auto& what : left_out_) read_me += what + '\n';
  add("README", read_me);
}

void Bundle::add(const std::string& name, std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  parts_[name] = config::scrub(std::move(text), secrets_);
}

void Bundle::miss(const std::string& name, const std::string& why) {
  left_out_.push_back(config::scrub(fmt::format("{}: {}", name, why), secrets_));
}

void Bundle::add_answer(const std::string& name, std::vector<std::string> words) {
  const auto program = words.front();
  const auto said = ask_program(std::move(words));
  if (!said) return miss(name, fmt::format("there is no {}, or it does not answer", program));
  if (said->status != 0)
    return miss(name, fmt::format("{} failed: {}", program, said->text.substr(0, said->text.find('\n'))));
  add(name, said->text);
}

void Bundle::add_machine(const Patient& patient) {
  utsname kernel{};
  uname(&kernel);
  add("machine.txt", fmt::format("tidegate {}\n{} {} {}\nmodel: {}\n\n{}\n", version, kernel.sysname, kernel.release,
                                 kernel.machine, patient.read("proc/device-tree/model").value_or("not told"),
                                 patient.read("etc/os-release").value_or("no os-release")));
}

void Bundle::add_configuration(const Patient& patient) {
  if (!patient.file) return miss("configuration", "there is none");
  for (const auto& file : patient.files) {
    const auto found = std::ranges::find(patient.redactions, file, &config::Redaction::file);
    if (found == patient.redactions.end()) {
      miss(file.string(), "it cannot be read, or is no TOML, and then nobody knows what in it is a secret");
    } else {
      add("configuration/" + file.filename().string(), fmt::format("# {}\n{}", file.string(), found->text));
    }
  }
}

void Bundle::add_gateway(const Patient& patient) {
  if (patient.status) {
    add("status.json", patient.status->dump(2));
  } else {
    miss("status.json", patient.silence);
  }
  add("doctor.txt", to_text(examine(patient)));
  const std::string properties =
      "Id,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,StatusText,MemoryCurrent,CPUUsageNSec,"
      "ActiveEnterTimestamp,FragmentPath,DropInPaths,UnitFileState";
  add_answer("units.txt", {"systemctl", "--no-pager", "show", "--property=" + properties, "tidegated.service",
                           "tidegate-broker.service", "tidegate-apps.service", "mosquitto.service"});
}

void Bundle::add_spool(const Patient& patient) {
  std::string list;
  std::error_code error;
  const auto folder = patient.state / "spool";
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  if (error) return miss("spool.txt", fmt::format("{}: {}", folder.string(), error.message()));
  for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
    struct stat about{};
    if (lstat(at->path().c_str(), &about) < 0) continue;
    list += fmt::format("{:>12} {:>12} {:04o} {} {}\n", about.st_size,
                        show_bytes(static_cast<std::uint64_t>(about.st_blocks) * 512), about.st_mode & 07777,
                        iso8601(WallTime{std::chrono::seconds{about.st_mtim.tv_sec}}),
                        at->path().lexically_relative(patient.state).string());
  }
  add("spool.txt", fmt::format("{}\n{:>12} {:>12}\n{}", folder.string(), "bytes", "on disk", list));
}

void Bundle::add_mosquitto(const Patient& patient) {
  // The gateway keeps it itself, or tidegate-broker does.
  for (const auto& folder : {patient.runtime, patient.in("run/tidegate-broker")}) {
    const auto text = read_small(folder / "broker" / "mosquitto.conf");
    if (!text) continue;
    return add("mosquitto.conf", without_values(*text));
  }
  miss("mosquitto.conf", "none was made, or this user may not read it (then: sudo tidegate diag)");
}

void Bundle::add_journal() {
  const char* const name = "journal.txt";
  const auto said =
      ask_program({"journalctl", "--no-pager", "--quiet", "--output=json", "--since=-2days", "--lines=2000",
                   "--unit=tidegated.service", "--unit=tidegate-broker.service", "--unit=tidegate-apps.service"},
                  journal_patience);
  if (!said) return miss(name, "there is no journalctl, or it does not answer");
  if (said->status != 0)
    return miss(name, fmt::format("journalctl failed: {}", said->text.substr(0, said->text.find('\n'))));
  std::string text;
  std::istringstream lines(said->text);
  for (std::string line; std::getline(lines, line);) text += journal_line(line);
  if (text.empty())
    return miss(name, "the journal has nothing of our units, or this user may not read it (then: sudo tidegate diag)");
  add(name, text);
}

void Bundle::write(const fs::path& file, const std::string& folder) const {
  const event::Scratch scratch;
  for (const auto& [name, text] : parts_) {
    const auto place = scratch.folder() / folder / name;
    fs::create_directories(place.parent_path());
    std::ofstream stream(place, std::ios::binary);
    stream << text << std::flush;
    if (!stream) throw SystemError(errno, "cannot write " + place.string());
  }
  // Made here, so that it is never for others: tar fills what is there.
  if (!Descriptor(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600))) {
    throw SystemError(errno, "cannot make " + file.string());
  }
  const auto said = ask_program(
      {"tar", "--owner=0", "--group=0", "-czf", fs::absolute(file).string(), "-C", scratch.folder().string(), folder},
      tar_patience);
  if (said && said->status == 0) return;
  unlink(file.c_str());
  if (!said) throw UnavailableError("there is no tar that packs it; install it with: apt-get install tar gzip");
  throw Error(fmt::format("tar does not pack it: {}", said->text));
}

}  // namespace tidegate::cli
