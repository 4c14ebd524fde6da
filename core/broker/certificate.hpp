// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace tidegate::broker {

/// Why a TLS server cannot start with these PEM files, in words; empty when it can. authority, of clients'
/// certificates, may be empty. A Mosquitto that is given such files ends.
[[nodiscard]] std::string certificate_problem(const std::filesystem::path& certificate,
                                              const std::filesystem::path& key, const std::filesystem::path& authority);

}  // namespace tidegate::broker
