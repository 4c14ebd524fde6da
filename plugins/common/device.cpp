// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/common/device.hpp"

#include <algorithm>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include <tidegate/error.hpp>

#include "plugins/common/sysfs.hpp"

namespace tidegate::plugins {
namespace {

constexpr std::size_t most_remembered = 256;  // of devices that are gone

/// A device's own path below root, without the number that the kernel gave its folder: …/nvme0/hwmon3 is …/nvme0.
std::string place(const std::filesystem::path& root, const std::filesystem::path& folder) {
  std::error_code error;
  const auto real_root = std::filesystem::canonical(root, error);
  const auto real = std::filesystem::canonical(folder, error);
  return error ? folder.string() : real.parent_path().lexically_relative(real_root).string();
}

}  // namespace

std::vector<std::string> files_of(const Device& device) {
  auto files = sysfs::list(device.folder);
  if (files.empty()) throw UnavailableError(vanished);
  return files;
}

std::vector<Device> find_devices(const std::filesystem::path& root, std::string_view folder, std::string_view prefix,
                                 const std::vector<std::string>& names) {
  std::vector<Device> devices;
  for (const auto& entry : sysfs::list(root / folder)) {
    if (!entry.starts_with(prefix) || !sysfs::to_number(entry.substr(prefix.size()))) continue;
    const auto at = root / folder / entry;
    Device device{at, place(root, at), {}, {}};
    for (const auto& file : names) {
      if (!device.name.empty()) break;
      try {
        device.name = sysfs::level(sysfs::read_if_there(device.folder / file).value_or(""));
      } catch (const SystemError&) {
        // the next one, or the folder's
      }
    }
    if (device.name.empty()) device.name = sysfs::level(entry);
    // A driver may show several of one device: they are told apart by their names, and then by their order.
    device.path += ' ' + device.name;
    const auto twins = std::ranges::count_if(devices, [&](const Device& other) {
      return other.path == device.path || other.path.starts_with(device.path + " #");
    });
    if (twins > 0) device.path += fmt::format(" #{}", twins + 1);
    devices.push_back(std::move(device));
  }
  std::ranges::sort(devices, sysfs::natural_less, &Device::path);
  return devices;
}

void DeviceNames::assign(std::vector<Device>& devices) {
  std::set<std::string> taken;
  std::map<std::string, std::string> now;
  const auto name = [&](const Device& device, const std::string& as) {
    if (!taken.insert(as).second) return false;
    now[device.path] = as;
    return true;
  };
  for (const auto& device : devices) {
    if (const auto stays = present_.find(device.path); stays != present_.end()) name(device, stays->second);
  }
  for (const auto& device : devices) {
    if (now.contains(device.path)) continue;
    const auto before = known_.find(device.path);
    if (before != known_.end() && before->second.starts_with(device.name) && name(device, before->second)) continue;
    if (name(device, device.name)) continue;
    for (int number = 2; !name(device, fmt::format("{}-{}", device.name, number)); ++number) {
    }
  }
  for (auto& device : devices) device.name = now[device.path];
  if (known_.size() > most_remembered) known_.clear();
  for (const auto& [path, as] : now) known_[path] = as;
  present_ = std::move(now);
}

}  // namespace tidegate::plugins
