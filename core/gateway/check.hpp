// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include <tidegate/error.hpp>

#include "config/config.hpp"

namespace tidegate::gateway {

/// Reads a configuration (the default one when no file is named), with the plugins' blocks. Throws as config::load
/// does.
[[nodiscard]] config::Config load_configuration(const std::optional<std::filesystem::path>& file,
                                                config::Reader reader = config::Reader::gateway);

/// The same for people: prints the files read, warnings and complaints. ok, config (78), no_input (66) or permission
/// (77).
[[nodiscard]] Exit check_configuration(const std::optional<std::filesystem::path>& file,
                                       config::Reader reader = config::Reader::gateway);

}  // namespace tidegate::gateway
