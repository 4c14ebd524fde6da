// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include <tidegate/clock.hpp>

namespace tidegate::broker {

/// So long before its end a certificate is a problem.
inline constexpr auto certificate_patience = std::chrono::days{14};

/// Why a TLS server cannot start with these PEM files, in words; empty when it can. authority, of clients'
/// certificates, may be empty. A Mosquitto that is given such files ends.
[[nodiscard]] std::string certificate_problem(const std::filesystem::path& certificate,
                                              const std::filesystem::path& key, const std::filesystem::path& authority);

/// The last moment of the first certificate of a PEM file; nothing when it cannot be read.
[[nodiscard]] std::optional<WallTime> certificate_until(const std::filesystem::path& certificate);

}  // namespace tidegate::broker
