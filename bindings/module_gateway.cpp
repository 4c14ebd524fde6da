// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "own.hpp"
#include "register.hpp"

PYBIND11_MODULE(_gateway, module) {
  module.doc() = "Tidegate's gateway, to run inside a program. Private: use tidegate.Gateway.";
  tidegate::bindings::count_forks();
  tidegate::bindings::register_errors(module);
  tidegate::bindings::register_gateway(module);
}
