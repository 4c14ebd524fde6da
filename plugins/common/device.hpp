// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::plugins {

/// A device that a driver shows in sysfs.
struct Device {
  std::filesystem::path folder;  ///< its files
  std::string path;              ///< where it sits in the machine; does not depend on the order of discovery
  std::string name;              ///< what it calls itself, as one level of a topic
  std::string bus;               ///< devices of one bus are read one after another; empty: it has its own
};

/// The folders of a class ("sys/class/hwmon" below root) that are named prefix and a number, in the order of their
/// paths. A device is called what the first of the files names says that is there and not empty, or else as its folder.
/// Throws SystemError.
[[nodiscard]] std::vector<Device> find_devices(const std::filesystem::path& root, std::string_view folder,
                                               std::string_view prefix, const std::vector<std::string>& names);

/// Of a device that was there, and now has no files.
inline constexpr const char* vanished = "it vanished";

/// The names of its files, sorted. Throws UnavailableError when it has vanished, SystemError when it cannot be listed.
[[nodiscard]] std::vector<std::string> files_of(const Device& device);

/// Makes the names of devices unique: a second "lm75" is "lm75-2", by the order of their paths. A device keeps its name
/// while it is there, and gets it again when it returns, unless another has it by then.
class DeviceNames final {
 public:
  /// Names all devices that are there now.
  void assign(std::vector<Device>& devices);

 private:
  std::map<std::string, std::string> known_;    // by path
  std::map<std::string, std::string> present_;  // by path; the last time
};

}  // namespace tidegate::plugins
