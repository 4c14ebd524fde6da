// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gateway/cli/doctor/finding.hpp"
#include "gateway/cli/doctor/patient.hpp"

namespace tidegate::cli {

/// Each looks at one thing and says what it found, once or more often. None throws for what it finds.
[[nodiscard]] Findings check_configuration(const Patient& patient);
[[nodiscard]] Findings check_gateway(const Patient& patient);
[[nodiscard]] Findings check_secrets(const Patient& patient);
[[nodiscard]] Findings check_folders(const Patient& patient);
[[nodiscard]] Findings check_groups(const Patient& patient);
[[nodiscard]] Findings check_chips(const Patient& patient);
[[nodiscard]] Findings check_python(const Patient& patient);
[[nodiscard]] Findings check_exposure(const Patient& patient);
[[nodiscard]] Findings check_mosquitto(const Patient& patient);
[[nodiscard]] Findings check_clock(const Patient& patient);
[[nodiscard]] Findings check_space(const Patient& patient);
[[nodiscard]] Findings check_mount(const Patient& patient);
[[nodiscard]] Findings check_wear(const Patient& patient);
[[nodiscard]] Findings check_sandbox(const Patient& patient);

/// All of these.
[[nodiscard]] Findings examine(const Patient& patient);

}  // namespace tidegate::cli
