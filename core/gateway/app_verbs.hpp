// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "automation/supervisor.hpp"
#include "control/control.hpp"

namespace tidegate::gateway {

/// The verbs of the supervisor of automations, app.list, app.logs, app.start, app.stop and app.restart.
void add_app_verbs(control::Control& control, automation::Supervisor& supervisor);

}  // namespace tidegate::gateway
