// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// Whether lines, buses and serial ports can be opened by who is to use them.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef TIDEGATE_GPIO
#include <tidegate/gpio.hpp>
#endif

#include "gateway/cli/doctor/checks.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;

/// Devices by how their names begin, and the group that has them on Raspberry Pi OS and by our udev rule.
struct Kind {
  std::vector<std::string> prefixes;
  const char* group;
};
const std::array kinds{Kind{{"gpiochip"}, "gpio"}, Kind{{"i2c-"}, "i2c"},
                       Kind{{"ttyAMA", "ttyUSB", "ttyACM"}, "dialout"}};

/// A line of /etc/group or /etc/passwd.
std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> all;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, ':');) all.push_back(field);
  return all;
}

/// The groups and users of a machine, as its files have them.
class People {
 public:
  explicit People(const Patient& patient) {
    std::istringstream groups(patient.read("etc/group").value_or(""));
    for (std::string line; std::getline(groups, line);) {
      const auto group = fields(line);
      if (group.size() < 3) continue;
      names_[group[2]] = group[0];
      std::istringstream members(group.size() > 3 ? group[3] : "");
      for (std::string member; std::getline(members, member, ',');) members_[group[0]].insert(member);
    }
    std::istringstream users(patient.read("etc/passwd").value_or(""));
    for (std::string line; std::getline(users, line);) {
      const auto user = fields(line);
      if (user.size() < 4) continue;
      users_[user[2]] = user[0];
      members_[group(user[3])].insert(user[0]);
    }
  }
  /// By number; the number itself when it has no name.
  [[nodiscard]] std::string group(const std::string& number) const { return look(names_, number); }
  [[nodiscard]] std::string user(uid_t number) const { return look(users_, std::to_string(number)); }
  [[nodiscard]] bool has_group(const std::string& name) const {
    return std::ranges::any_of(names_, [&](const auto& one) { return one.second == name; });
  }
  [[nodiscard]] bool is_in(const std::string& user, const std::string& group) const {
    const auto found = members_.find(group);
    return found != members_.end() && found->second.contains(user);
  }

 private:
  static std::string look(const std::map<std::string, std::string>& in, const std::string& number) {
    const auto found = in.find(number);
    return found == in.end() ? number : found->second;
  }
  std::map<std::string, std::string> names_, users_;
  std::map<std::string, std::set<std::string>> members_;
};

std::vector<std::string> devices(const Patient& patient, const Kind& kind) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at(patient.in("dev"), error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    if (std::ranges::any_of(kind.prefixes, [&](const auto& prefix) { return name.starts_with(prefix); }))
      found.push_back(at->path().string());
  }
  std::ranges::sort(found);
  return found;
}

/// Who is to open them, and the groups that he gets beside his own: the services that are installed, and this user.
std::map<std::string, std::vector<std::string>> users(const Patient& patient, const People& people) {
  std::map<std::string, std::vector<std::string>> all;
  for (const auto* name : {"tidegated.service", "tidegate-apps.service"}) {
    if (const auto* unit = patient.unit(name); unit != nullptr && !unit->user.empty()) all[unit->user] = unit->groups;
  }
  if (patient.here() && geteuid() != 0) all[people.user(geteuid())];
  return all;
}

std::string how_to_share(const People& people, const Kind& kind, const std::string& device) {
  constexpr const char* again = "sudo udevadm control --reload && sudo udevadm trigger";
  if (kind.group == std::string_view("dialout"))
    return fmt::format("sudo systemctl disable --now serial-getty@{} && sudo udevadm trigger   (when a console has it)",
                       device.substr(device.rfind('/') + 1));
  if (people.has_group(kind.group)) return fmt::format("install the udev rule 60-tidegate.rules, then: {}", again);
  return fmt::format("sudo groupadd --system {} && {}", kind.group, again);
}

Findings check_kind(const Patient& patient, const People& people, const Kind& kind) {
  const auto what = fmt::format("group {}", kind.group);
  const auto found = devices(patient, kind);
  if (found.empty())
    return {{Verdict::skip, what, fmt::format("there is no /dev/{}", fmt::join(kind.prefixes, "*, /dev/")) + "*", {}}};
  Findings findings;
  for (const auto& device : found) {
    struct stat about{};
    if (stat(device.c_str(), &about) < 0) continue;
    const auto group = people.group(std::to_string(about.st_gid));
    const bool serial = kind.group == std::string_view("dialout");
    if ((about.st_mode & 060) != 060 || about.st_gid == 0) {
      findings.push_back({serial ? Verdict::warn : Verdict::fail, what,
                          fmt::format("{} is root's alone ({} {:04o}): neither gateway nor automations are root",
                                      device, group, about.st_mode & 07777),
                          how_to_share(people, kind, device)});
      continue;
    }
    for (const auto& [user, extra] : users(patient, people)) {
      if (std::ranges::find(extra, group) != extra.end() || people.is_in(user, group)) continue;
      // The gateway itself reads no serial port: automations do.
      if (serial && user == "tidegate") continue;
      findings.push_back({Verdict::warn, what,
                          fmt::format("{} may not open {}: it is for the group {}", user, device, group),
                          fmt::format("sudo adduser {} {}   (and log in anew, or restart the service)", user, group)});
    }
  }
  if (findings.empty())
    findings.push_back({Verdict::ok, what, fmt::format("{} can be used", fmt::join(found, ", ")), {}});
  return findings;
}

}  // namespace

Findings check_groups(const Patient& patient) {
  const People people(patient);
  Findings all;
  for (const auto& kind : kinds) {
    for (auto& one : check_kind(patient, people, kind)) all.push_back(std::move(one));
  }
  return all;
}

Findings check_chips(const Patient& patient) {
  const char* const what = "gpio chips";
  if (!patient.here()) return {{Verdict::skip, what, "only those of this machine can be asked", {}}};
#ifdef TIDEGATE_GPIO
  const auto all = gpio::chips();
  Findings findings;
  for (const auto& chip : all.chips) {
    const bool header = std::ranges::any_of(chip.lines, [](const auto& line) { return !line.header.empty(); });
    findings.push_back({Verdict::ok,
                        what,
                        fmt::format("{} is {}, {} lines{}", chip.name, chip.label, chip.lines.size(),
                                    header ? ", which has the 40-pin header of a Raspberry Pi" : ""),
                        {}});
  }
  for (const auto& path : all.refused)
    findings.push_back({Verdict::fail, what, fmt::format("{} may not be opened by this user", path.string()),
                        gpio::how_to_open(path)});
  if (findings.empty()) findings.push_back({Verdict::skip, what, "this machine has none (/dev/gpiochip*)", {}});
  return findings;
#else
  return {{Verdict::skip, what, "this tidegate was built without GPIO", {}}};
#endif
}

}  // namespace tidegate::cli
