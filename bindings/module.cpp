// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <tidegate/version.hpp>

#include "register.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Tidegate's core. Private: use the package tidegate.";
  module.attr("version") = tidegate::version;
  tidegate::bindings::register_errors(module);
  tidegate::bindings::register_client(module);
#ifdef TIDEGATE_GPIO
  tidegate::bindings::register_gpio(module);
#endif
  tidegate::bindings::register_system(module);
  tidegate::bindings::register_topic(module);
}
