// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// The disk that the spool is on: room, how it is mounted, how worn it is.
#include <array>
#include <charconv>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <tidegate/error.hpp>

#include "gateway/cli/doctor/checks.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t least_space = 100ULL << 20;
constexpr std::uint64_t good_space = 1ULL << 30;
constexpr const char* check_it =
    "sudo dmesg | grep -i error; add fsck.mode=force fsck.repair=yes to the kernel's command line once "
    "(/boot/firmware/cmdline.txt on a Raspberry Pi), then: sudo reboot; renew the medium if errors come back";

/// The folder, or the nearest one above it that is there.
fs::path nearest(fs::path folder) {
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

struct Mount {
  std::string device;  ///< "179:2"
  std::string place, type, source;
  std::set<std::string> options;
};

void add_options(std::set<std::string>& options, const std::string& text) {
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) options.insert(word);
}

/// Spaces in mountinfo are "\040".
std::string unescaped(const std::string& text) {
  std::string made;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned byte = 0;
    const char* const digits = text.data() + at + 1;
    if (text[at] == '\\' && at + 3 < text.size() && std::from_chars(digits, digits + 3, byte, 8).ptr == digits + 3) {
      made += static_cast<char>(byte);
      at += 3;
    } else {
      made += text[at];
    }
  }
  return made;
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto rest = path.lexically_relative(folder);
  return !rest.empty() && *rest.begin() != "..";
}

/// Where the spool is, as the machine itself sees it. The last mount of a place hides those before it.
std::optional<Mount> mount_of(const Patient& patient) {
  std::error_code error;
  const auto folder = fs::canonical(nearest(patient.state), error);
  const auto wanted = patient.here() ? folder : "/" / patient.state.lexically_relative(patient.root);
  std::optional<Mount> best;
  std::istringstream lines(patient.read("proc/self/mountinfo").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    // 36 35 179:2 / /var rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
    std::istringstream words(line);
    std::string number, parent, device, from, place, options, word;
    words >> number >> parent >> device >> from >> place >> options;
    while (words >> word && word != "-") {
    }
    Mount mount{device, unescaped(place), {}, {}, {}};
    std::string more;
    words >> mount.type >> mount.source >> more;
    add_options(mount.options, options);
    add_options(mount.options, more);
    if (is_below(wanted, mount.place) && (!best || mount.place.size() >= best->place.size())) best = std::move(mount);
  }
  return best;
}

/// The folder of a block device in sysfs, of the whole disk for a partition; empty when there is none.
fs::path disk_of(const Patient& patient, const Mount& mount) {
  std::error_code error;
  auto folder = fs::canonical(patient.in("sys/dev/block") / mount.device, error);
  if (error) return {};
  return fs::exists(folder / "partition", error) ? folder.parent_path() : folder;
}

std::uint64_t number(const std::optional<std::string>& text, int base = 10) {
  std::uint64_t value = 0;
  if (!text) return value;
  const bool marked = base == 16 && text->starts_with("0x");
  std::from_chars(text->data() + (marked ? 2 : 0), text->data() + text->size(), value, base);
  return value;
}

/// eMMC tells its wear in tenths of its life: "0x01 0x0b", type A and type B.
std::optional<Finding> emmc_wear(const fs::path& disk) {
  constexpr const char* what = "disk wear";
  const auto text = read_small(disk / "device/life_time");
  if (!text) return std::nullopt;
  const auto space = text->find(' ');
  const auto worst =
      std::max(number(text->substr(0, space), 16), space == text->npos ? 0 : number(text->substr(space + 1), 16));
  const auto reserve = number(read_small(disk / "device/pre_eol_info"), 16);
  const auto name = disk.filename().string();
  constexpr const char* mend =
      "copy this system to a new medium, and give the spool a disk of its own: [gateway] state";
  constexpr std::uint64_t used_up = 0x0b;
  constexpr std::uint64_t late = 0x09;
  constexpr std::uint64_t urgent = 3;
  constexpr std::uint64_t low = 2;
  if (worst >= used_up || reserve >= urgent)
    return Finding{Verdict::fail, what,
                   fmt::format("{} has outlived its life (life_time {}): it may refuse writes any day", name, *text),
                   mend};
  if (worst >= late || reserve == low)
    return Finding{Verdict::warn, what,
                   fmt::format("{} has {} to {} % of its life behind it", name, (worst - 1) * 10, worst * 10), mend};
  if (worst == 0) return std::nullopt;
  return Finding{Verdict::ok, what, fmt::format("{} has at most {} % of its life behind it", name, worst * 10), {}};
}

}  // namespace

Findings check_space(const Patient& patient) {
  const char* const what = "disk space";
  const auto folder = nearest(patient.state);
  struct statvfs about{};
  if (statvfs(folder.c_str(), &about) < 0)
    return {{Verdict::skip, what, SystemError(errno, "cannot look at " + folder.string()).what(), {}}};
  const std::uint64_t free = std::uint64_t{about.f_bavail} * about.f_frsize;
  const std::uint64_t total = std::uint64_t{about.f_blocks} * about.f_frsize;
  const auto detail =
      fmt::format("{} of {} are free where {} is", show_bytes(free), show_bytes(total), patient.state.string());
  const char* const mend =
      "make room (see: sudo du -xh / | sort -h | tail; sudo apt-get clean; sudo journalctl --vacuum-size=50M), or give "
      "the spool less: [spool] capacity";
  if (about.f_files > 0 && about.f_favail == 0)
    return {
        {Verdict::fail, what, "no file can be made (no inode is free) where " + patient.state.string() + " is", mend}};
  if (free < least_space) return {{Verdict::fail, what, detail, mend}};
  if (free < good_space) return {{Verdict::warn, what, detail, mend}};
  return {{Verdict::ok, what, detail, {}}};
}

Findings check_mount(const Patient& patient) {
  const char* const what = "disk mount";
  const auto mount = mount_of(patient);
  if (!mount)
    return {{Verdict::skip, what, "there is no mountinfo that says how " + patient.state.string() + " is mounted", {}}};
  const auto detail = fmt::format("{} on {} ({})", mount->source, mount->place, mount->type);
  if (mount->options.contains("ro"))
    return {{Verdict::fail, what,
             detail + " is read-only, as after an error of the disk: the spool cannot keep anything",
             fmt::format("{}   (or, when it was meant: sudo mount -o remount,rw {})", check_it, mount->place)}};
  Findings found;
  if (mount->type == "tmpfs" || mount->type == "ramfs")
    found.push_back({Verdict::warn, what, detail + " is memory: what waits is lost with the power",
                     "give the spool a disk: [gateway] state"});
  const auto disk = disk_of(patient, *mount);
  if (disk.filename().string().starts_with("mmcblk") && !mount->options.contains("noatime"))
    found.push_back(
        {Verdict::warn, what, detail + " is a card, and reading a file writes to it (no noatime)",
         fmt::format("add noatime to the options of {} in /etc/fstab, then: sudo mount -o remount,noatime {}",
                     mount->place, mount->place)});
  const auto name = mount->source.substr(mount->source.rfind('/') + 1);
  if (const auto errors = number(patient.read(fs::path("sys/fs") / mount->type / name / "errors_count")); errors > 0)
    found.push_back(
        {Verdict::fail, what, fmt::format("{} has {} errors in its file system", mount->source, errors), check_it});
  if (found.empty()) found.push_back({Verdict::ok, what, detail, {}});
  return found;
}

Findings check_wear(const Patient& patient) {
  const char* const what = "disk wear";
  const auto mount = mount_of(patient);
  const auto disk = mount ? disk_of(patient, *mount) : fs::path();
  if (disk.empty()) return {{Verdict::skip, what, "the spool is on no disk that sysfs knows", {}}};
  if (auto found = emmc_wear(disk)) return {*found};
  const auto name = disk.filename().string();
  if (read_small(disk / "device/type") == "SD")
    return {{Verdict::skip, what, fmt::format("{} is an SD card, which tells nobody how worn it is", name), {}}};
  return {{Verdict::skip,
           what,
           fmt::format("{} does not tell in sysfs; ask it: sudo smartctl -a /dev/{}", name, name),
           {}}};
}

}  // namespace tidegate::cli
