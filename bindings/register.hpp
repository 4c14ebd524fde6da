// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

/// Each adds one part of the private module tidegate._core, or of tidegate._gateway. Their Python faces are
/// tidegate/_core.pyi and tidegate/_gateway.pyi.
namespace tidegate::bindings {

/// Throws what C++ throws as the class of the same kind in tidegate.errors.
void register_errors(pybind11::module_& module);
/// Store and StoreLane. Before Client.
void register_store(pybind11::module_& module);
/// Client.
void register_client(pybind11::module_& module);
/// GpioLine, gpio_find and the like; not in a build without libgpiod.
void register_gpio(pybind11::module_& module);
/// Embedded; in _gateway.
void register_gateway(pybind11::module_& module);
/// Session.
void register_session(pybind11::module_& module);
/// net_io, cpu_times, memory and the like, as dictionaries.
void register_system(pybind11::module_& module);
/// check_topic, check_filter, matches.
void register_topic(pybind11::module_& module);

}  // namespace tidegate::bindings
