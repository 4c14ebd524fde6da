// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <filesystem>
#include <string>
#include <vector>

#include "spool/file.hpp"

namespace tidegate::spool {

/// <upstream>/<lane> below the spool's folder.
struct LaneName {
  std::string upstream;
  std::string lane;
  auto operator<=>(const LaneName&) const = default;
  [[nodiscard]] std::string text() const { return upstream + '/' + lane; }
};

/// Every lane in the spool's folder, sorted; folders of somebody else are none. Throws SystemError.
[[nodiscard]] std::vector<LaneName> lanes_in(const Disk& disk, const std::filesystem::path& folder);

}  // namespace tidegate::spool
