// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace tidegate::plugins {

/// Packages that could be upgraded, by what the machine knew when it last looked ("apt-get update" is not ours to run).
struct Updates {
  std::uint64_t pending = 0;
  std::uint64_t security = 0;  ///< of these, from a security archive

  bool operator==(const Updates&) const = default;
};
/// From what "apt-get --simulate upgrade" prints.
[[nodiscard]] Updates count_updates(std::string_view simulation);

/// Asks root's usr/bin/apt-get, at the lowest priority, with two minutes to answer; seconds of CPU time, so on a
/// worker. Nothing is changed. Ends early, with an Error, when stopping becomes true. Throws Error when there is no
/// apt-get or it fails.
[[nodiscard]] Updates pending_updates(const std::filesystem::path& root, const std::atomic<bool>& stopping);

}  // namespace tidegate::plugins
