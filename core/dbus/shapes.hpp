// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbus/thing.hpp"

/// The interfaces on the bus, as etc/dbus-1/interfaces describes them, and the keys of the control object's JSON that
/// they show.
namespace tidegate::dbus::shapes {

extern const Shape gateway, upstream, lane, source, input, output, automation;

}  // namespace tidegate::dbus::shapes
