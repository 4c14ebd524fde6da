// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <tidegate/block.hpp>

#include "config/automation.hpp"

namespace tidegate::automation {

/// What a script says about how it is run, in lines that begin with "# tidegate:":
///   # tidegate: memory=64MiB cpu=50% files=256 restart=on-failure
///   # tidegate: python="../my venv"
///   # tidegate: publish=["garden/#"] subscribe=["pump/set", "pump/state"]
/// Such lines are looked for in the first 64 KiB. A relative path is taken from the folder of the script.
struct Header {
  config::AutomationOptions options;
  std::vector<Complaint> complaints;  ///< where: "file:line:column"
};

/// file: for complaints, and for its folder.
[[nodiscard]] Header parse_header(std::string_view text, const std::filesystem::path& file);
/// Throws SystemError when the script cannot be read.
[[nodiscard]] Header read_header(const std::filesystem::path& script);

}  // namespace tidegate::automation
